import ssl
import time

from shared.clock import Clock, system_clock
from shared.vendors.canada_post.account import JsonCredentials, ShippingAccount
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.json_mapper import JsonDialect
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.outcomes import Lookup404
from shared.vendors.canada_post.session import Session
from shared.vendors.canada_post.tokens import TokenKeeper
from shared.vendors.canada_post.transport import CanadaPostBounds, Connection, Pause
from shared.vendors.transport import checked_address

JSON_ADDRESS = "https://api.canadapost-postescanada.ca/prod/devportal-portaildesdeveloppeurs"
"""The gateway; an application's credentials decide between test and production."""


class CanadaPostJson(CanadaPost):
    """The JSON API, with a token by client credentials.

    One per process: threads share connections and token. Raises SettingsInvalid for an address or credentials that
    cannot be used. `pause` waits between tries and calls. `lookup_404`: see `outcomes`.
    """

    def __init__(  # noqa: PLR0913  # a setting each
        self,
        credentials: JsonCredentials,
        account: ShippingAccount,
        *,
        base_url: str = JSON_ADDRESS,
        bounds: CanadaPostBounds | None = None,
        clock: Clock = system_clock,
        tls: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
        lookup_404: Lookup404 = "unclear",
    ) -> None:
        dialect = JsonDialect()
        address, _ = checked_address("Canada Post", base_url)
        rule = LinkRule(address, dialect.root)
        bounds = bounds or CanadaPostBounds()
        connection = Connection(address, bounds, tls, pause, clock)
        keeper = TokenKeeper(credentials, connection.send, clock, bounds.read)
        session = Session(dialect, connection, keeper, bounds, pause)
        super().__init__(dialect, account, rule, session, lookup_404)
