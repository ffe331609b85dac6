import base64
import ssl
import time

from shared.clock import Clock, system_clock
from shared.vendors.canada_post.account import ShippingAccount, XmlCredentials
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import Lookup404
from shared.vendors.canada_post.session import Session
from shared.vendors.canada_post.transport import CanadaPostBounds, Connection, Pause
from shared.vendors.canada_post.xml_mapper import XmlDialect
from shared.vendors.transport import checked_address, checked_header_value

XML_ADDRESS = "https://soa-gw.canadapost.ca"
"""Production. Development is https://ct.soa-gw.canadapost.ca, with other keys."""


class BasicAuthority:
    """HTTP Basic: the same header on every call, and no token to renew."""

    def __init__(self, credentials: XmlCredentials) -> None:
        user = checked_header_value("Canada Post", "API user", credentials.user)
        self._password = checked_header_value("Canada Post", "API password", credentials.password)
        self._encoded = base64.b64encode(f"{user}:{self._password}".encode()).decode()

    def authorization(self) -> str:
        return f"Basic {self._encoded}"

    def forget(self, _authorization: str) -> bool:
        return False

    def secrets(self) -> list[str]:
        return [self._password, self._encoded]


class CanadaPostXml(CanadaPost):
    """The legacy XML API (shipment v8, contract shipping), with HTTP Basic.

    One per process: threads share its connections. Raises SettingsInvalid for an address or credentials that cannot
    be used. `pause` waits between tries and calls. `lookup_404`: see `outcomes`.
    """

    def __init__(  # noqa: PLR0913  # a setting each
        self,
        credentials: XmlCredentials,
        account: ShippingAccount,
        *,
        base_url: str = XML_ADDRESS,
        bounds: CanadaPostBounds | None = None,
        clock: Clock = system_clock,
        tls: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
        lookup_404: Lookup404 = "unclear",
    ) -> None:
        dialect = XmlDialect()
        address, _ = checked_address("Canada Post", base_url)
        rule = LinkRule(address, dialect.root)
        bounds = bounds or CanadaPostBounds()
        connection = Connection(address, bounds, tls, pause, clock)
        session = Session(dialect, connection, BasicAuthority(credentials), bounds, pause)
        super().__init__(dialect, account, rule, session, lookup_404)
