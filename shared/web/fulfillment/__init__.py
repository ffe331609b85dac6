"""The HTTP edge of the fulfillment functions."""
