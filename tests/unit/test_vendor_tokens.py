"""One token for all threads, and one failure for those that waited for it."""

import threading
from types import TracebackType

from shared.vendors.tokens import Token, TokenCache
from tests.memory.clock import SettableClock


class NoticedLock:
    """Says when a second thread waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        self.waited_for = threading.Event()

    def __enter__(self) -> None:
        self._asked += 1
        if self._asked == 2:
            self.waited_for.set()
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def test_a_thread_that_waited_for_a_failed_request_makes_none_of_its_own() -> None:
    lock, answers = NoticedLock(), iter(["no answer", "no answer again", "not asked for"])

    def fetch() -> Token | str:
        assert lock.waited_for.wait(10)
        return next(answers)

    cache: TokenCache[str] = TokenCache(fetch, SettableClock())
    cache._lock = lock  # type: ignore[assignment]
    found: list[Token | str] = []
    threads = [threading.Thread(target=lambda: found.append(cache.current())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["no answer"] * 2
    assert cache.current() == "no answer again", "who comes later asks anew"
