"""BigQuery on a laptop: the emulator behind a launcher."""
