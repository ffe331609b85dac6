"""Calls SQL functions through Supabase's data client, `postgrest`, and translates its errors."""

import threading
import time
from typing import TYPE_CHECKING, Any

from shared.connections import PerThread
from shared.errors import Conflict, NotFound, StoreMisconfigured, StoreRefused, StoreUnavailable
from shared.retries import Again, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ssl import SSLContext

    from httpx import Response
    from postgrest import SyncPostgrestClient
    from postgrest.exceptions import APIError

RETRIES = RetryPolicy(tries=3, first_pause=0.1, spread=(0.5, 1.5))
"""Every function is safe to repeat, so a lost answer or a restarting database is tried again before it is an error."""

UNAVAILABLE_CODES = (
    "PGRST000",
    "PGRST001",
    "PGRST002",
    "PGRST003",
    "08",
    "25006",
    "40001",
    "40P01",
    "53",
    "55P03",
    "57014",
    "57P",
    "58",
    "XX",
)
"""Beginnings of codes. PostgREST: no connection, internal connection fault, no schema cache, no free connection.
Postgres: connection failure, read only, serialisation failure, deadlock, full (disk, memory, connections), lock not
free, statement timeout, shut down or starting, a fault of its machine, a fault inside."""

MISCONFIGURED_CODES = ("401", "403", "42", "PGRST202", "PGRST30", "None")
"""Beginnings of codes of what is wrong with every record alike: a refused key, no right, no such function, table or
column, as half-way through a deployment. An answer without a code comes from a gateway."""

OUTAGES = frozenset({429, 502, 503, 504, *range(520, 531)})
"""Outages by their status alone, because the gateways before PostgREST (Kong, Cloudflare with its 52x) send no error
code. PostgREST's own 503 and 504 are all outages too."""


class _Outage(Exception):
    pass


IDLE_S = 30.0
"""How long an unused connection is kept. A call that finds it broken is tried again."""


class SupabaseRpc:
    """One Supabase project, one connection per thread, built on its first call. `timeout` in seconds bounds each try.

    `tls` gives a context to share: each costs 20 ms and more.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float, tls: "Callable[[], SSLContext] | None" = None
    ) -> None:
        self._url = url.rstrip("/") + "/rest/v1"
        self._key = key
        self._timeout = timeout
        self._tls = tls
        self._context: SSLContext | None = None
        self._building = threading.Lock()
        self._clients = PerThread(self._new_client, lambda client: client.aclose())

    def call(self, function: str, arguments: "Mapping[str, Any]") -> Any:  # noqa: ANN401 - JSON, as the function returns it
        """Raises NotFound and Conflict with the function's message, StoreUnavailable and StoreRefused."""
        answer = RETRIES.run(lambda: self._try(function, arguments), time.sleep)
        if isinstance(answer, Again):
            raise StoreUnavailable(f"the database did not answer {function}: {answer.reason}")
        return answer

    def _try(self, function: str, arguments: "Mapping[str, Any]") -> Any:  # noqa: ANN401 - JSON, or an Again
        from httpx import InvalidURL, RequestError
        from postgrest.exceptions import APIError

        try:
            answer = self._clients.current().rpc(function, dict(arguments)).execute().data
        except APIError as error:
            if not str(error.code).startswith(UNAVAILABLE_CODES):
                raise _refusal(function, error) from None  # its details can hold a row with a person's name
            return Again(error.message)
        except _Outage as error:
            return Again(str(error))
        except RequestError as error:
            return Again(type(error).__name__)
        except InvalidURL as error:
            raise StoreRefused(f"the store's address cannot be used: {error}") from error
        except ValueError as error:  # before anything was sent: a number or text that JSON cannot hold
            raise StoreRefused(f"{function}: the arguments cannot be sent: {error}") from error
        # the client returns an answer that is not JSON as text
        return Again("an answer that is not JSON") if isinstance(answer, str) else answer

    def _new_client(self) -> "SyncPostgrestClient":
        from postgrest import SyncPostgrestClient

        from shared.cloud.rest_session import rest_session

        session = rest_session(
            self._url, self._shared_context(), timeout=self._timeout, idle=IDLE_S, answered=_refuse_outage
        )
        headers = {**session.headers, "apikey": self._key, "Authorization": f"Bearer {self._key}"}
        return SyncPostgrestClient(self._url, headers=headers, http_client=session, retry_enabled=False)

    def _shared_context(self) -> "SSLContext":
        """One for all threads' clients, because building one takes 20 ms and more."""
        import httpx

        with self._building:
            if self._context is None:
                self._context = self._tls() if self._tls else httpx.create_ssl_context()
            return self._context

    def close(self) -> None:
        self._clients.close()


def _refuse_outage(response: "Response") -> None:
    if response.status_code in OUTAGES:
        response.read()  # so that the connection can be used again
        raise _Outage(f"HTTP {response.status_code}")


def _refusal(function: str, error: "APIError") -> Exception:
    message = error.message or "no reason given"
    if error.code == "PT404":
        return NotFound(message)
    if error.code == "PT409":
        return Conflict(message)
    without_value = message.partition(': "')[0]
    kind = StoreMisconfigured if str(error.code).startswith(MISCONFIGURED_CODES) else StoreRefused
    return kind(f"{function}: {error.code}: {without_value}")
