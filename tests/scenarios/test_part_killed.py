import os
import signal
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from tests.scenarios_support import (
    LOOK_UPS,
    UNFINISHED,
    RecordLine,
    held_after,
    held_before,
    row,
    rpc,
    wait_until,
)

RECORDS = 60
Held = Callable[[str], dict[str, object]]


def test_the_queue_server_killed_with_tasks_in_flight(line: RecordLine) -> None:
    line.disturb("digikey", {"kind": "latency", "path": LOOK_UPS, "seconds": 1.5, "times": 5})
    batch = line.started(RECORDS)
    wait_until(lambda: line.tasks_in(batch, "processing") == 5 == line.queue_state("automation")["in_flight"])
    line.kill("tasks")
    line.restart("tasks")

    line.drain(batch)
    places = line.assert_accounted_for([batch], parts := [place.pn for place in line.places(batch)])
    assert len(parts) == RECORDS
    assert {place.state for place in places} == {"completed"}
    assert {line.looked_up()[pn] for pn in parts} == {1}, "the workers went on, and nobody asked twice"


def is_done(line: RecordLine, batch: str, records: int) -> bool:
    return RECORDS - line.count(UNFINISHED, [batch]) >= records


@pytest.mark.parametrize("part", ["postgres", "rest", "digikey", "automate", "tasks"])
def test_a_part_killed_again_and_again_in_a_run(line: RecordLine, part: str) -> None:
    line.disturb("digikey" if part != "digikey" else "rest", {"kind": "latency", "seconds": 0.02})
    batch = line.started(RECORDS)
    for done in (5, 20, 35):
        wait_until(partial(is_done, line, batch, done))
        line.kill(part)
        line.restart(part)

    line.drain(batch)
    parts = [place.pn for place in line.places(batch)]
    assert len(parts) == RECORDS
    line.assert_accounted_for([batch], parts)


@pytest.mark.parametrize("held", [held_before, held_after])
def test_fallback_killed_while_it_makes_manual_tasks(line: RecordLine, held: Held) -> None:
    unknown = [f"UNKNOWN-{pn}" for pn in line.fresh_parts(15)]
    line.offer([row(pn) for pn in unknown])
    line.disturb("rest", held(rpc("create_fallback_task")))
    batch = line.batch()
    line.orchestrate(batch)
    wait_until(lambda: line.struck("rest") >= 5)
    line.kill("fallback")
    line.undisturb("rest")
    line.restart("fallback")

    line.drain(batch)
    places = line.assert_accounted_for([batch], unknown)
    assert {place.cause for place in places} == {"not_found"}


@pytest.mark.parametrize("function", ["sweep_candidates", "note_enqueued"])
@pytest.mark.parametrize("held", [held_before, held_after])
def test_fallback_killed_in_a_sweep(line: RecordLine, held: Held, function: str) -> None:
    parts = line.offer_parts(15)
    batch = line.batch()
    line.disturb("tasks", {"kind": "call_refused"})
    assert line.orchestrate(batch).json()["not_enqueued"] == 15
    line.undisturb("tasks")
    line.disturb("rest", held(rpc(function)))
    sweeping = line.background.submit(_sweep_until_held, line)
    wait_until(lambda: line.struck("rest") >= 1)
    line.kill("fallback")
    line.undisturb("rest")
    sweeping.result()
    line.restart("fallback")

    line.drain(batch)
    line.assert_accounted_for([batch], parts)
    assert {line.looked_up()[pn] for pn in parts} == {1}


def _sweep_until_held(line: RecordLine) -> None:
    """A sweep does nothing before the grace is over; the one that does something is held and dies."""
    wait_until(lambda: line.sweep() is None)


def test_bigquery_killed_while_orchestrate_reads_uses_no_batch_name_up(line: RecordLine) -> None:
    parts = line.offer_parts(10)
    batch = line.batch()
    frozen = line.stack.state.parts["bigquery"]
    os.killpg(frozen.pid, signal.SIGSTOP)
    call = line.begin(batch)
    reader = line.stack.state.parts["orchestrate"].pid
    wait_until(lambda: _is_connected(reader, frozen.ports["bigquery"]))
    line.kill("bigquery")
    refusal = call.result()
    assert (refusal.status_code, refusal.json()["code"]) == (503, "source_unavailable")
    assert int(refusal.headers["Retry-After"]) > 0
    line.restart("bigquery")

    report = line.orchestrate(batch).json()
    assert (report["started"], report["opened"]) == (True, 10)
    line.drain(batch)
    line.assert_accounted_for([batch], parts)


def _is_connected(pid: int, port: int) -> bool:
    leader = psutil.Process(pid)
    return any(
        connection.raddr[1:] == (port,) and connection.status == psutil.CONN_ESTABLISHED
        for process in (leader, *leader.children(recursive=True))
        for connection in process.net_connections(kind="tcp")
    )
