"""Each thread has a client of its own, which is closed when the thread ends or everything is closed."""

import os
import threading

from shared.connections import PerThread


class Client:
    def __init__(self) -> None:
        self.closed = 0


class Clients:
    """Counts what is built, without referring to it, and what is closed."""

    def __init__(self) -> None:
        self.built = 0
        self.closed = 0
        self.kept = PerThread(self._build, self._close)

    def _build(self) -> Client:
        self.built += 1
        return Client()

    def _close(self, client: Client) -> None:
        client.closed += 1
        self.closed += 1


def test_a_thread_gets_the_same_client_each_time() -> None:
    clients = Clients()
    assert clients.kept.current() is clients.kept.current()
    assert clients.built == 1


def test_threads_that_work_at_once_share_no_client() -> None:
    clients, seen = Clients(), set[int]()
    together = threading.Barrier(8)

    def work() -> None:
        mine = clients.kept.current()
        seen.add(id(mine))
        together.wait(10)  # so that all of them stand at once, and no address is used twice
        assert clients.kept.current() is mine

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (clients.built, len(seen)) == (8, 8)


def test_a_client_is_closed_when_its_thread_ends() -> None:
    clients = Clients()
    for _ in range(5):
        thread = threading.Thread(target=clients.kept.current)
        thread.start()
        thread.join()
    assert (clients.built, clients.closed) == (5, 5)


def test_closing_closes_the_clients_of_all_threads_once() -> None:
    clients, ready, go_on = Clients(), threading.Event(), threading.Event()

    def work() -> None:
        clients.kept.current()
        ready.set()
        go_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    mine = clients.kept.current()
    clients.kept.close()
    assert (clients.closed, mine.closed) == (2, 1)
    clients.kept.close()
    go_on.set()
    thread.join()
    assert clients.closed == 2


def test_after_closing_a_new_client_is_built() -> None:
    clients = Clients()
    old = clients.kept.current()
    clients.kept.close()
    new = clients.kept.current()
    assert new is not old
    assert (old.closed, new.closed) == (1, 0)


def test_what_is_dropped_is_closed() -> None:
    clients = Clients()
    clients.kept.current()
    clients.kept = PerThread(Client, lambda _: None)
    assert clients.closed == 1


def test_the_child_of_a_fork_does_not_use_its_parents_client() -> None:
    clients = Clients()
    mine = clients.kept.current()
    child = os.fork()
    if child == 0:
        os._exit(0 if clients.kept.current() is not mine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert clients.kept.current() is mine
    assert mine.closed == 0
