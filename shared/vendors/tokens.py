import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.clock import Clock

Failure = TypeVar("Failure")
_REFRESH_EARLY = 60.0  # seconds before a token's end


@dataclass(frozen=True)
class Token:
    value: str = field(repr=False)
    refresh_at: datetime

    @classmethod
    def granted(cls, value: str, lifetime: float, asked_at: datetime) -> "Token":
        """`lifetime` in seconds, counted from the request. A short one is renewed after half of it."""
        return cls(value, asked_at + timedelta(seconds=lifetime - min(_REFRESH_EARLY, lifetime / 2)))

    @property
    def authorization(self) -> str:
        return f"Bearer {self.value}"


class TokenCache(Generic[Failure]):
    """One OAuth token for the whole process, shared by all threads and renewed early.

    `fetch` requests a token or returns why there is none; threads that need one wait for a single request.
    """

    def __init__(self, fetch: Callable[[], Token | Failure], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._lock = threading.Lock()

    def current(self) -> Token | Failure:
        with self._lock:
            if self._token is None or self._clock() >= self._token.refresh_at:
                token = self._fetch()
                if not isinstance(token, Token):
                    return token
                self._token = token
            return self._token

    def forget(self, authorization: str) -> None:
        """Drops a refused token, unless another thread has already replaced it."""
        with self._lock:
            if self._token is not None and self._token.authorization == authorization:
                self._token = None

    def secrets(self) -> list[str]:
        token = self._token
        return [token.value] if token else []
