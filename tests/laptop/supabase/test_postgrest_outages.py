"""The REST server while Postgres is killed, frozen or crowded; its command line; injected faults."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psutil
import pytest

from laptop.supabase.rest import pool, transaction
from laptop.supabase.rest.app import READY
from laptop.supabase.rest.tokens import api_key
from tests.laptop.supabase import postgrest_12
from tests.laptop.supabase.postgrest_12 import Difference, expected
from tests.ports import free_port
from tests.postgres_support import Cluster, Database, own_cluster
from tests.rest_support import SECRET, Rest, program, serving
from tests.waiting import wait_until

SCHEMA = Path(__file__).with_name("postgrest_schema.sql")
LOST = {("PGRST000", 503), ("PGRST001", 503), ("57P01", 503)}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with own_cluster(tmp_path / "postgres") as cluster:
        with cluster.connect() as connection:
            connection.execute(SCHEMA.read_bytes())
        yield cluster


def outcome(answer: httpx.Response) -> tuple[str, int]:
    return (str(answer.json()["code"]) if answer.status_code >= 400 else "", answer.status_code)


@pytest.mark.parametrize("server", [serving, postgrest_12.running], ids=["stand-in", "PostgREST 12"])
def test_callers_get_503_while_postgres_is_killed_and_200_after_its_restart(
    cluster: Cluster, server: Callable[[str], AbstractContextManager[Rest]]
) -> None:
    stop = threading.Event()
    seen: list[tuple[str, int]] = []
    with server(cluster.authenticator_url) as rest, rest.client() as client:

        def call(caller: int) -> list[int]:
            stored = []
            for number in range(caller * 100_000, (caller + 1) * 100_000):
                if stop.is_set():
                    break
                answer = client.post("/rpc/store", json={"p_id": 100 + number, "p_name": f"part {number}"})
                seen.append(outcome(answer))
                if answer.status_code == 200:
                    stored.append(answer.json())
            return stored

        with ThreadPoolExecutor(4) as threads:
            calls = [threads.submit(call, caller) for caller in range(4)]
            try:
                wait_until(lambda: ("", 200) in seen)
                cluster.kill()
                wait_until(lambda: ("PGRST000", 503) in seen)
                assert client.post("/rpc/add", json={"a": 1}).status_code == 503
                cluster.start()
                answered = len(seen)
                wait_until(lambda: ("", 200) in seen[answered:])
            finally:
                stop.set()
            stored = {number for done in calls for number in done.result()}
        kept = {row["id"] for row in client.get("/parts?id=gte.100&select=id").json()}
    assert set(seen) - {("", 200)} <= expected(rest, Difference.LOST_CONNECTION, LOST, LOST | {("", 400)})
    assert stored <= kept, "every row that was answered with 200 is stored"


def test_the_first_call_after_a_restart_finds_the_new_server(cluster: Cluster) -> None:
    """Notices idle connections of the old server before it uses them."""
    with serving(cluster.authenticator_url) as rest, rest.client() as client:
        assert client.post("/rpc/add", json={"a": 1}).status_code == 200
        cluster.stop()
        cluster.start()
        assert client.post("/rpc/add", json={"a": 1}).json() == 11


def test_a_frozen_postgres_is_503(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "PATIENCE_S", 0.3)
    with serving(cluster.authenticator_url) as rest, rest.client() as client:
        assert client.post("/rpc/add", json={"a": 1}).status_code == 200
        assert cluster.process is not None
        processes = psutil.Process(cluster.process.pid).children()
        for process in processes:
            process.suspend()
        try:
            assert outcome(client.post("/rpc/add", json={"a": 1})) == ("PGRST001", 503)
        finally:
            for process in processes:
                process.resume()
        assert client.post("/rpc/add", json={"a": 1}).status_code == 200


def test_a_database_that_does_not_exist_is_503(bare_database: Database) -> None:
    with serving(bare_database.authenticator_url.replace(bare_database.name, "nowhere")) as rest:
        with rest.client() as client:
            answer = client.post("/rpc/add", json={"a": 1})
        assert outcome(answer) == ("PGRST000", 503)
        assert "nowhere" in answer.json()["details"]
        assert httpx.get(f"{rest.url}{READY}").status_code == 503


def test_a_connection_that_ends_under_a_request_is_503(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        assert outcome(client.post("/rpc/end_own_connection")) in LOST
        assert client.post("/rpc/add", json={"a": 1}).status_code == 200


def test_a_crowded_pool_is_504(sample_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ACQUIRE_S", 0.2)
    with (
        serving(sample_database.authenticator_url, pool=1) as rest,
        rest.client() as client,
        ThreadPoolExecutor(2) as threads,
    ):
        assert client.post("/rpc/nothing").status_code == 204
        answers = threads.map(lambda _: client.post("/rpc/wait", json={"seconds": 1}), range(2))
        assert sorted(answer.status_code for answer in answers) == [204, 504]


def test_it_is_ready_when_its_database_is(stand_in: Rest) -> None:
    assert httpx.get(f"{stand_in.url}{READY}").json() == {"status": "ready"}


def test_injected_faults_strike_before_or_after_the_effect(stand_in: Rest) -> None:
    control = f"{stand_in.url}/_control/faults"
    store = "/rpc/store"
    with stand_in.client() as client:
        before = {"kind": "error_before", "status": 503, "path": f"/rest/v1{store}", "times": 1}
        httpx.put(control, json={"faults": [before]}).raise_for_status()
        answer = client.post(store, json={"p_id": 50, "p_name": "fifty"})
        assert outcome(answer) == ("FAULT", 503)
        assert client.post(store, json={"p_id": 50, "p_name": "fifty"}).status_code == 200
        httpx.put(control, json={"faults": [{"kind": "lost_answer", "times": 1}]}).raise_for_status()
        with pytest.raises(httpx.TransportError):
            client.post(store, json={"p_id": 51, "p_name": "fifty-one"})
        assert outcome(client.post(store, json={"p_id": 51, "p_name": "again"})) == ("23505", 409)
        httpx.put(control, json={"faults": [{"kind": "rate_limited", "times": 1}]}).raise_for_status()
        assert client.post("/rpc/bounds").status_code == 429


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_stop_signal(bare_database: Database, number: signal.Signals) -> None:
    port = free_port()
    with program(f"--port={port}", f"--database-url={bare_database.authenticator_url}") as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{port}/rest/v1"
        assert process.stdout.readline() == f"rest ready: {url}\n"
        assert httpx.get(f"{url}/", headers={"apikey": api_key(SECRET)}).status_code == 200
        process.send_signal(number)
        assert process.wait() == 0
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_taken_port_is_one_clear_message(bare_database: Database, stand_in: Rest) -> None:
    port = stand_in.url.rsplit(":", 1)[1]
    with program(f"--port={port}", f"--database-url={bare_database.authenticator_url}") as process:
        assert process.wait() == 1
        assert process.stderr is not None
        assert process.stderr.read() == f"rest: port {port} on 127.0.0.1: Address already in use\n"


@pytest.mark.parametrize(
    ("more", "named"),
    [((), "give --database-url"), (("--database-url=x", "--jwt-secret=short"), "at least 32 characters")],
)
def test_a_missing_or_weak_setting_is_refused(more: tuple[str, ...], named: str) -> None:
    with program("--port=0", *more) as process:
        assert process.wait() == 2
        assert process.stderr is not None
        assert named in process.stderr.read()
