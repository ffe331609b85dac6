import http.client
import socket
from dataclasses import dataclass
from typing import Protocol

_PROBE_SECONDS = 2.0


class Health(Protocol):
    def ready(self) -> bool:
        """Makes one probe, which takes at most two seconds."""


@dataclass(frozen=True)
class HttpHealth:
    """Ready when the path answers 2xx. Uses no proxy, as the part runs on this machine."""

    port: int
    path: str

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PROBE_SECONDS)
        try:
            connection.request("GET", self.path)
            return 200 <= connection.getresponse().status < 300  # noqa: PLR2004 - the 2xx of HTTP
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True)
class PostgresHealth:
    """Ready when a connection is authenticated: a recovering Postgres accepts connections and then refuses them."""

    database_url: str

    def ready(self) -> bool:
        import psycopg  # noqa: PLC0415 - 100 ms that no command but `up` needs

        try:
            psycopg.connect(self.database_url, connect_timeout=int(_PROBE_SECONDS)).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass(frozen=True)
class TcpHealth:
    """Ready when something accepts connections."""

    port: int

    def ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=_PROBE_SECONDS).close()
        except OSError:
            return False
        return True
