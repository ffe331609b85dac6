"""The queue keeps its connections to the workers for a moment, and uses none that the other side has closed."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from laptop.google.common.calls import DEADLINE_PASSED, UNREACHABLE, Call, Outcome
from laptop.google.tasks import caller
from laptop.google.tasks.caller import WorkerCaller

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
WITHOUT_LENGTH = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 7\r\n\r\nall that follows"


@dataclass
class Server:
    """`calls` holds the calls of each connection, as they came."""

    answer: bytes = OK
    hang_up: bool = False
    silent: bool = False
    port: int = 0
    calls: list[list[bytes]] = field(default_factory=list)
    serving: list["asyncio.Task[None] | None"] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        mine: list[bytes] = []
        self.calls.append(mine)
        while call := await reader.read(65_536):
            mine.append(call)
            if self.silent:
                continue
            writer.write(self.answer)
            if self.hang_up:
                break
        writer.close()
        await writer.wait_closed()


def during(
    server: Server, work: Callable[[WorkerCaller], Coroutine[None, None, list[Outcome]]]
) -> list[Outcome]:
    async def run() -> list[Outcome]:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        workers = WorkerCaller()
        async with listening:
            outcomes = await work(workers)
            await workers.close()
            await asyncio.gather(*(task for task in server.serving if task))
        return outcomes

    return asyncio.run(run())


def a_call(server: Server, path: str = "/") -> Call:
    return Call("POST", f"http://127.0.0.1:{server.port}{path}", [("X-Name", "a")], b"{}")


async def one_by_one(server: Server, workers: WorkerCaller, times: int) -> list[Outcome]:
    outcomes = []
    for _ in range(times):
        outcomes.append(await workers.make(a_call(server), 5))
        await asyncio.sleep(0.01)  # a server's farewell comes after its answer
    return outcomes


def test_calls_one_after_the_other_share_a_connection() -> None:
    server = Server()
    assert during(server, lambda workers: one_by_one(server, workers, 3)) == [Outcome(200)] * 3
    assert [len(calls) for calls in server.calls] == [3]


def test_calls_at_once_have_a_connection_each() -> None:
    server = Server()

    async def at_once(workers: WorkerCaller) -> list[Outcome]:
        return await asyncio.gather(*(workers.make(a_call(server), 5) for _ in range(4)))

    assert during(server, at_once) == [Outcome(200)] * 4
    assert [len(calls) for calls in server.calls] == [1, 1, 1, 1]


def test_a_connection_that_the_worker_has_closed_is_not_used_again() -> None:
    server = Server(hang_up=True)
    assert during(server, lambda workers: one_by_one(server, workers, 3)) == [Outcome(200)] * 3
    assert [len(calls) for calls in server.calls] == [1, 1, 1]


def test_a_connection_is_not_kept_for_longer_than_a_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "KEPT", 0)
    server = Server()
    assert during(server, lambda workers: one_by_one(server, workers, 2)) == [Outcome(200)] * 2
    assert [len(calls) for calls in server.calls] == [1, 1]


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    server = Server(answer=WITHOUT_LENGTH, hang_up=True)
    assert during(server, lambda workers: one_by_one(server, workers, 1)) == [Outcome(503, retry_after=7)]


def test_a_worker_that_says_nothing_has_until_the_deadline() -> None:
    server = Server(silent=True)

    async def impatient(workers: WorkerCaller) -> list[Outcome]:
        return [await workers.make(a_call(server), 0.05)]

    assert during(server, impatient) == [DEADLINE_PASSED]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://\udcff/", "http://a:99999/", "ftp://127.0.0.1/"]
)
def test_a_worker_that_cannot_be_reached_is_unavailable(url: str) -> None:
    async def call(workers: WorkerCaller) -> list[Outcome]:
        return [await workers.make(Call("POST", url, []), 5)]

    assert during(Server(), call) == [UNREACHABLE]


def test_headers_are_sent_as_given_beside_host_and_length() -> None:
    server = Server()

    async def call(workers: WorkerCaller) -> list[Outcome]:
        return [await workers.make(a_call(server, "/a b?c=ü"), 5)]

    during(server, call)
    head, _, body = server.calls[0][0].decode().partition("\r\n\r\n")
    assert head.split("\r\n") == [
        "POST /a%20b?c=%C3%BC HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Content-Length: 2",
        "X-Name: a",
    ]
    assert body == "{}"
