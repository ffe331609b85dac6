"""Calls with our credentials: one that changes something is sent once, one that only reads is tried again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from shared.fulfillment.carrier import NotReady
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.retries import Again
from shared.vendors.canada_post.outcomes import Dialect, is_throttled
from shared.vendors.canada_post.redaction import redacted
from shared.vendors.canada_post.transport import Call, CanadaPostBounds, Connection, Pause
from shared.vendors.response import Response

Answer = Response | NotSent | Unclear | Refused
Outcome = TypeVar("Outcome", bound=Refused | Unclear | NotSent | NotReady)

_UNAUTHORIZED = 401
_SERVER_ERRORS = 500


class Authority(Protocol):
    """Our credentials. `forget` drops a refused header and returns whether a new one can be requested."""

    def authorization(self) -> str | NotSent: ...
    def forget(self, authorization: str) -> bool: ...
    def secrets(self) -> list[str]: ...


class Session:
    """`pause` waits between tries. Messages of failures are without our secrets."""

    def __init__(
        self,
        dialect: Dialect,
        connection: Connection,
        authority: Authority,
        bounds: CanadaPostBounds,
        pause: Pause,
    ) -> None:
        self.bounds = bounds
        self._dialect = dialect
        self._connection = connection
        self._authority = authority
        self._pause = pause
        self._is_token_doubtful = False

    def close(self) -> None:
        self._connection.close()

    def cleaned(self, outcome: Outcome, personal: Iterable[str] = ()) -> Outcome:
        """The outcome without secrets and personal values in its message."""
        return replace(outcome, message=redacted(outcome.message, [*self._authority.secrets(), *personal]))

    def change(self, call: Call) -> Response | Unclear | NotSent:
        """Sends a call at most once. A refused token is dropped, so that the next call gets a new one.

        The next refusal in a row is left to the caller: then the account is wrong.
        """
        authorization = self._authority.authorization()
        if isinstance(authorization, NotSent):
            return self.cleaned(authorization)
        answer = self._connection.send(_signed(call, authorization))
        if isinstance(answer, Refused):  # an answer without end; what was done is unknown
            return self.cleaned(Unclear(answer.message))
        if not isinstance(answer, Response):
            return self.cleaned(answer)
        is_refused = answer.status == _UNAUTHORIZED and self._authority.forget(authorization)
        was_doubtful, self._is_token_doubtful = self._is_token_doubtful, is_refused
        if is_refused and not was_doubtful:
            return NotSent("Canada Post refused the token; the next call gets a new one")
        return answer

    def read(self, call: Call) -> Answer:
        """Sends a call that changes nothing, again after a lost connection or a 5xx, and once with a new token."""

        def try_once() -> Answer | Again[Answer]:
            answer = self._read_once(call)
            return Again(answer) if self._is_worth_repeating(answer) else answer

        tried = self.bounds.retries.run(try_once, self._pause)
        answer = tried.reason if isinstance(tried, Again) else tried
        return answer if isinstance(answer, Response) else self.cleaned(answer)

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        return self.read(Call("GET", path, headers, self.bounds.read))

    def _read_once(self, call: Call) -> Answer:
        authorization = self._authority.authorization()
        if isinstance(authorization, NotSent):
            return authorization
        answer = self._connection.send(_signed(call, authorization))
        is_refused = isinstance(answer, Response) and answer.status == _UNAUTHORIZED
        if not (is_refused and self._authority.forget(authorization)):
            return answer
        renewed = self._authority.authorization()
        if isinstance(renewed, NotSent):
            return renewed
        return self._connection.send(_signed(call, renewed))

    def _is_worth_repeating(self, answer: Answer) -> bool:
        """Not for a throttled key: it stays throttled for a minute, too long to wait here."""
        if isinstance(answer, Response):
            is_failure = answer.status >= _SERVER_ERRORS
            return is_failure and not is_throttled(answer, self._dialect.read_errors(answer.body))
        return isinstance(answer, Unclear) or (isinstance(answer, NotSent) and answer.retry_after is None)


def _signed(call: Call, authorization: str) -> Call:
    return replace(call, headers={**call.headers, "Authorization": authorization})
