"""The HTTP edge of the enrichment functions."""
