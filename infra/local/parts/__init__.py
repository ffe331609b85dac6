"""The part records of the laptop's BigQuery, loaded from a JSON-lines file."""
