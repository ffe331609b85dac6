"""BigQuery on a laptop: the emulator behind a launcher, and the loader that fills it from a JSON-lines file."""
