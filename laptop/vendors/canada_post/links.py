"""The links in the carrier's answers, as tidy or untidy as told."""

from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True)
class Offered:
    """A link before it is written: `path` on this host."""

    rel: str
    path: str
    media_type: str
    index: str | None = None


def offered(request: Request, path: str) -> str:
    """The address on the host that the caller used."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}{path}"


def written(address: str, path: str, style: str) -> str:
    """Quotes and spaces around a link, and links without a host, are what one public client met."""
    if style == "quoted":
        return f' "{address}" '
    return path if style == "relative" else address
