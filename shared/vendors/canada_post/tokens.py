from collections.abc import Callable

from shared.clock import Clock
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.vendors.canada_post.account import JsonCredentials
from shared.vendors.canada_post.answers import ErrorReport
from shared.vendors.canada_post.json_mapper import JsonDialect, read_token
from shared.vendors.canada_post.outcomes import REFUSED_FOR, explanation, is_throttled, wait
from shared.vendors.canada_post.transport import Call
from shared.vendors.response import Response
from shared.vendors.tokens import Token, TokenCache
from shared.vendors.transport import checked_header_value

TOKEN_PATH = "/cpc-api-native-oauth-provider/oauth2/token"  # noqa: S105  # an address, not a secret
_FORM = b"grant_type=client_credentials&scope=merchant"
_CREDENTIALS_REFUSED = frozenset({400, 401, 403})

Send = Callable[[Call], Response | NotSent | Unclear | Refused]


class TokenKeeper:
    """The JSON API's token, by OAuth client credentials.

    Every failure is NotSent: without a token no shipping call was made.
    """

    def __init__(self, credentials: JsonCredentials, send: Send, clock: Clock, patience: float) -> None:
        headers = {
            "X-IBM-Client-Id": checked_header_value("Canada Post", "client id", credentials.client_id),
            "X-IBM-Client-Secret": checked_header_value(
                "Canada Post", "client secret", credentials.client_secret
            ),
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._call = Call("POST", TOKEN_PATH, headers, patience, _FORM)
        self._credentials = credentials
        self._send = send
        self._clock = clock
        self._tokens = TokenCache(self._new_token, clock)

    def authorization(self) -> str | NotSent:
        token = self._tokens.current()
        return token.authorization if isinstance(token, Token) else token

    def forget(self, authorization: str) -> bool:
        """Drops the refused token. Returns True: a new one can be requested."""
        self._tokens.forget(authorization)
        return True

    def secrets(self) -> list[str]:
        return [self._credentials.client_secret, *self._tokens.secrets()]

    def _new_token(self) -> Token | NotSent:
        asked_at = self._clock()
        answer = self._send(self._call)
        if not isinstance(answer, Response):
            return NotSent(f"no token: {answer.message}")
        granted = read_token(answer.body) if answer.is_success else None
        if granted is None:
            return _no_token(answer)
        return Token.granted(granted.access_token, granted.expires_in, asked_at)


def _no_token(answer: Response) -> NotSent:
    """Does not quote the body of an unreadable success, which may hold a token."""
    is_failure = not answer.is_success
    report = JsonDialect().read_errors(answer.body) if is_failure else ErrorReport(is_readable=False)
    message = f"no token: {explanation(answer, report)}"
    if is_throttled(answer, report):
        return NotSent(message, wait(answer), Cause.THROTTLED)
    if answer.status in _CREDENTIALS_REFUSED:
        return NotSent(message, REFUSED_FOR, Cause.ACCOUNT)
    return NotSent(message)
