"""The HTTP edge: the same manners for every function. Requests are validated here, and errors become problem+json."""
