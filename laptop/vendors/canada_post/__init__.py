"""A sandbox of Canada Post: both shipping APIs, in one set of books. It sells one more label for each request."""
