"""A sandbox of Canada Post: both shipping APIs with common books. It sells one more label for each request."""
