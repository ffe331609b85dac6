"""The HTTP edge of every function: it validates requests and turns errors into problem+json."""
