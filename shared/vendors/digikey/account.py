"""The account and the market that DigiKey is asked for; pure."""

import re
from dataclasses import dataclass, field

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
    """The site decides which languages and currencies are possible."""

    site: str = "CA"
    language: str = "en"
    currency: str = "CAD"


def checked_headers(credentials: DigiKeyCredentials, locale: DigiKeyLocale) -> dict[str, str]:
    """The headers of every data call. An error names the setting that no header can carry, never its value."""
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
