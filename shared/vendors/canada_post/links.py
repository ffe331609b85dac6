"""Which links of an answer may be followed: they are asked for with our credentials; pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from shared.errors import SettingsInvalid

_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # refuses what is no number
    except ValueError:
        return None
    return parts


@dataclass(frozen=True)
class LinkRule:
    """The carrier's address, and below which path of it (`root`, as `/rs/`) its links lie.

    The address must be https; http only for this machine. Raises SettingsInvalid.
    """

    base_url: str
    root: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))
        parts = _split(self.base_url)
        fits = parts is not None and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        )
        if (
            parts is None
            or not fits
            or not parts.hostname
            or "@" in parts.netloc
            or parts.query
            or parts.fragment
        ):
            raise SettingsInvalid(
                "Canada Post's address must be https://<host> and perhaps a path (http only for this machine)"
            )

    @property
    def is_local(self) -> bool:
        return is_loopback(urlsplit(self.base_url).hostname)

    def resolve(self, href: str) -> str | None:
        """The link as an absolute address, or None where it must not be followed.

        Stray quotes and spaces around it and relative links are met in the wild (one public client).
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
        return address if same_host and is_below else None

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
