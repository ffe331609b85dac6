import ssl
import time

from shared.clock import Clock, system_clock
from shared.vendors.canada_post.account import CallBounds, JsonCredentials, ShippingAccount
from shared.vendors.canada_post.carrier import CanadaPost, Parts
from shared.vendors.canada_post.json_mapper import JsonDialect
from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.tokens import TokenKeeper
from shared.vendors.canada_post.transport import Pause, Transport

JSON_ADDRESS = "https://api.canadapost-postescanada.ca/prod/devportal-portaildesdeveloppeurs"
"""The gateway; an application's credentials decide between test and production."""


class CanadaPostJson(CanadaPost):
    """The JSON API, with a token by client credentials.

    One per process: threads share connections and token. Raises SettingsInvalid for an address or credentials that
    cannot be used. `pause` waits between tries and calls.
    """

    def __init__(
        self,
        credentials: JsonCredentials,
        account: ShippingAccount,
        *,
        base_url: str = JSON_ADDRESS,
        bounds: CallBounds | None = None,
        clock: Clock = system_clock,
        tls: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        dialect = JsonDialect()
        rule = LinkRule(base_url, dialect.root)
        bounds = bounds or CallBounds()
        transport = Transport(bounds, is_local=rule.is_local, tls=tls, pause=pause)
        keeper = TokenKeeper(credentials, rule.base_url, transport.send, clock, bounds.read)
        super().__init__(Parts(dialect, account, rule, transport, keeper, bounds, pause))
