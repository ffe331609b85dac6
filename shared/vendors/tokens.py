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

    `fetch` requests a token or returns why there is none; threads that need one wait for a single request, and share
    its failure. Each with a request of its own, the last of them would wait for all.
    """

    def __init__(self, fetch: Callable[[], Token | Failure], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._failures: list[Failure] = []  # the last one
        self._requests = 0  # that have ended
        self._lock = threading.Lock()

    def current(self) -> Token | Failure:
        ended_before = self._requests
        with self._lock:
            if self._token is None or self._clock() >= self._token.refresh_at:
                if self._requests > ended_before and self._failures:
                    return self._failures[0]
                token = self._fetch()
                self._requests += 1
                if not isinstance(token, Token):
                    self._failures = [token]
                    return token
                self._token, self._failures = token, []
            return self._token

    def forget(self, authorization: str) -> None:
        """Drops a refused token, unless another thread has already replaced it."""
        with self._lock:
            if self._token is not None and self._token.authorization == authorization:
                self._token = None

    def secrets(self) -> list[str]:
        token = self._token
        return [token.value] if token else []
