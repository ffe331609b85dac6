"""With whose account, from where and within which bounds DigiKey is asked; pure."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.errors import SettingsInvalid


@dataclass(frozen=True)
class DigiKeyCredentials:
    """`account_id` selects account pricing, `customer_id` one of several customers; both optional."""

    client_id: str
    client_secret: str = field(repr=False)
    account_id: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True)
class DigiKeyLocale:
    """The site decides which languages and currencies there are."""

    site: str = "CA"
    language: str = "en"
    currency: str = "CAD"


@dataclass(frozen=True)
class CallBounds:
    """Seconds for one HTTP call (`total` is checked between pieces of an answer), bytes for its answer."""

    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0
    largest_answer: int = 2_000_000


def checked_address(base_url: str) -> tuple[str, bool]:
    """The address without a last slash, and whether it is this machine: only there http is allowed."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_local = _is_loopback(host)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not host or not is_plain or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise SettingsInvalid(
            "DigiKey's address must be https://<host> (http only for this machine), nothing else"
        )
    return base_url.rstrip("/"), is_local


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def checked_headers(credentials: DigiKeyCredentials, locale: DigiKeyLocale) -> dict[str, str]:
    """The headers of every data call. Names the value that no header can carry, never the value itself."""
    wanted = {
        "X-DIGIKEY-Client-Id": credentials.client_id,
        "X-DIGIKEY-Locale-Site": locale.site,
        "X-DIGIKEY-Locale-Language": locale.language,
        "X-DIGIKEY-Locale-Currency": locale.currency,
    }
    if credentials.account_id:
        wanted["X-DIGIKEY-Account-Id"] = credentials.account_id
    if credentials.customer_id:
        wanted["X-DIGIKEY-Customer-Id"] = credentials.customer_id
    for name, value in {**wanted, "client secret": credentials.client_secret}.items():
        if not re.fullmatch(r"[\x21-\x7e]+", value):
            raise SettingsInvalid(f"DigiKey's {name} must be printable ASCII without spaces, and not empty")
    return {"Accept": "application/json", **wanted}
