"""What both services ask of the url that they are to call; PURE."""

from urllib.parse import urlsplit

MAX_URL = 2_083
METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


def has_scheme(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def has_host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, or brackets around no address
        return False
