"""BigQuery for the laptop: bqemulator, corrected and started."""
