"""One client per thread, each with one kept connection.

Threads that share a pool pay for it at each call: they wait for its lock, and each looks whether the idle connections
of all the others still stand.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet, finalize

T = TypeVar("T")


class PerThread(Generic[T]):
    """Builds a client at a thread's first use, and closes it when the thread ends. There are as many as threads."""

    def __init__(self, build: Callable[[], T], close: Callable[[T], None]) -> None:
        self._build = build
        self._close = close
        self.begin()
        _ALL.add(self)

    def begin(self) -> None:
        """Forgets every client. What nobody refers to any more is closed."""
        self._lock = threading.Lock()
        self._own = threading.local()
        self._kept: WeakSet[_Kept[T]] = WeakSet()

    def current(self) -> T:
        """This thread's client."""
        kept: _Kept[T] | None = getattr(self._own, "kept", None)
        return self._new() if kept is None else kept.client

    def _new(self) -> T:
        client = self._build()
        kept = _Kept(client, self._close)
        with self._lock:
            self._own.kept = kept
            self._kept.add(kept)
        return client

    def close(self) -> None:
        """Closes the clients of all threads; a later use builds a new one."""
        with self._lock:
            kept = list(self._kept)
            self._own = threading.local()
            self._kept = WeakSet()
        for each in kept:
            each.close()


class _Kept(Generic[T]):
    """Only its thread refers to it, so that it goes, and its client is closed, when the thread does."""

    def __init__(self, client: T, close: Callable[[T], None]) -> None:
        self.client = client
        self.close = finalize(self, close, client)
        self.close.atexit = False


_ALL: WeakSet[PerThread[Any]] = WeakSet()


def _begin_in_child() -> None:
    """A child of a fork must not write to the connections of its parent."""
    for each in list(_ALL):
        each.begin()


os.register_at_fork(after_in_child=_begin_in_child)
