"""Decides which links of an answer may be followed, since that sends our credentials; pure."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_PORTS = {"https": 443, "http": 80}


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises if the port is no number
    except ValueError:
        return None
    return parts


@dataclass(frozen=True)
class LinkRule:
    """Links must be below `root` (as `/rs/`) at the carrier's address.

    The address has no slash at its end and is https, or http on this machine.
    """

    base_url: str
    root: str

    def resolve(self, href: str) -> str | None:
        """The link as an absolute address; None if it must not be followed.

        Stray quotes and spaces around it and relative links occur (seen by one public client).
        """
        given = href.strip().strip("\"'").strip()
        if not given or re.search(r"[\x00-\x20\x7f-\uffff\\\"'<>]", given):
            return None
        address = self._absolute(given)
        parts, base = _split(address), urlsplit(self.base_url)
        if parts is None or "@" in parts.netloc or parts.fragment:
            return None
        same_host = (parts.scheme, parts.hostname, _port(parts)) == (base.scheme, base.hostname, _port(base))
        is_below = parts.path.startswith(base.path + self.root) and not _climbs(parts.path)
        if not (same_host and is_below):
            return None
        query = f"?{parts.query}" if parts.query else ""
        return f"{base.scheme}://{base.netloc}{parts.path}{query}"

    def _absolute(self, given: str) -> str:
        base = urlsplit(self.base_url)
        if given.startswith("//"):
            return f"{base.scheme}:{given}"
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", given):
            return given
        path = given if given.startswith("/") else f"/{given}"
        if base.path and path.startswith(f"{base.path}/"):
            return f"{base.scheme}://{base.netloc}{path}"
        return f"{self.base_url}{path}"


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)


def _climbs(path: str) -> bool:
    return bool(re.search(r"(^|/|%2f|%5c)(\.|%2e){1,2}(/|%2f|%5c|$)", path, flags=re.IGNORECASE))
