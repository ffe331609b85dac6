import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from laptop.supervisor.errors import StackInterrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Keeps the first signal until it can be handled, which is never between a process's start and its record."""

    def __init__(self) -> None:
        self._received: int | None = None

    def receive(self, signal_number: int, _frame: FrameType | None) -> None:
        self._received = self._received or signal_number

    def check(self) -> None:
        if self._received is not None:
            raise StackInterrupted(self._received)


@contextmanager
def deferred_signals() -> Iterator[Interruption]:
    """Holds back SIGINT, SIGTERM and SIGHUP. Changes nothing outside the main thread, where Python delivers none."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # under nohup, SIGHUP stays ignored
            signal.signal(number, interruption.receive)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
