import os
import signal
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from tests.faults import held_after, held_before, rpc
from tests.scenarios_support import LOOK_UPS, UNFINISHED, RunningEnrichment, row
from tests.waiting import wait_until

RECORDS = 60
Held = Callable[[str], dict[str, object]]


def test_the_queue_server_killed_with_tasks_in_flight(enrichment: RunningEnrichment) -> None:
    enrichment.disturb("digikey", {"kind": "latency", "path": LOOK_UPS, "seconds": 1.5, "times": 5})
    batch = enrichment.started(RECORDS)
    wait_until(
        lambda: (
            enrichment.tasks_in(batch, "processing") == 5 == enrichment.queue_state("automation")["in_flight"]
        )
    )
    enrichment.kill("tasks")
    enrichment.restart("tasks")

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for(
        [batch], parts := [place.pn for place in enrichment.places(batch)]
    )
    assert len(parts) == RECORDS
    assert {place.state for place in places} == {"completed"}
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}, "the workers went on, and nobody asked twice"


def is_done(enrichment: RunningEnrichment, batch: str, records: int) -> bool:
    return RECORDS - enrichment.count(UNFINISHED, [batch]) >= records


@pytest.mark.parametrize("part", ["postgres", "rest", "digikey", "automate", "tasks"])
def test_a_part_killed_again_and_again_in_a_run(enrichment: RunningEnrichment, part: str) -> None:
    enrichment.disturb("digikey" if part != "digikey" else "rest", {"kind": "latency", "seconds": 0.02})
    batch = enrichment.started(RECORDS)
    for done in (5, 20, 35):
        wait_until(partial(is_done, enrichment, batch, done))
        enrichment.kill(part)
        enrichment.restart(part)

    enrichment.drain(batch)
    parts = [place.pn for place in enrichment.places(batch)]
    assert len(parts) == RECORDS
    enrichment.assert_accounted_for([batch], parts)


@pytest.mark.parametrize("held", [held_before, held_after])
def test_fallback_killed_while_it_makes_manual_tasks(enrichment: RunningEnrichment, held: Held) -> None:
    unknown = [f"UNKNOWN-{pn}" for pn in enrichment.fresh_parts(15)]
    enrichment.offer([row(pn) for pn in unknown])
    enrichment.disturb("rest", held(rpc("create_fallback_task")))
    batch = enrichment.batch()
    enrichment.orchestrate(batch)
    wait_until(lambda: enrichment.struck("rest") >= 5)
    enrichment.kill("fallback")
    enrichment.undisturb("rest")
    enrichment.restart("fallback")

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], unknown)
    assert {place.cause for place in places} == {"not_found"}


@pytest.mark.parametrize("function", ["sweep_candidates", "note_enqueued"])
@pytest.mark.parametrize("held", [held_before, held_after])
def test_fallback_killed_in_a_sweep(enrichment: RunningEnrichment, held: Held, function: str) -> None:
    parts = enrichment.offer_parts(15)
    batch = enrichment.batch()
    enrichment.disturb("tasks", {"kind": "call_refused"})
    assert enrichment.orchestrate(batch).json()["not_enqueued"] == 15
    enrichment.undisturb("tasks")
    enrichment.disturb("rest", held(rpc(function)))
    sweeping = enrichment.background.submit(_sweep_until_held, enrichment)
    wait_until(lambda: enrichment.struck("rest") >= 1)
    enrichment.kill("fallback")
    enrichment.undisturb("rest")
    sweeping.result()
    enrichment.restart("fallback")

    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], parts)
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def _sweep_until_held(enrichment: RunningEnrichment) -> None:
    """Sweeps do nothing before the grace ends; the first that acts is held and killed."""
    wait_until(lambda: enrichment.sweep() is None)


def test_bigquery_killed_while_orchestrate_reads_uses_no_batch_name_up(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(10)
    batch = enrichment.batch()
    frozen = enrichment.stack.state.parts["bigquery"]
    os.killpg(frozen.pid, signal.SIGSTOP)
    call = enrichment.begin(batch)
    reader = enrichment.stack.state.parts["orchestrate"].pid
    wait_until(lambda: _is_connected(reader, frozen.ports["bigquery"]))
    enrichment.kill("bigquery")
    refusal = call.result()
    assert (refusal.status_code, refusal.json()["code"]) == (503, "source_unavailable")
    assert int(refusal.headers["Retry-After"]) > 0
    enrichment.restart("bigquery")

    report = enrichment.orchestrate(batch).json()
    assert (report["started"], report["opened"]) == (True, 10)
    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], parts)


def _is_connected(pid: int, port: int) -> bool:
    leader = psutil.Process(pid)
    return any(
        connection.raddr[1:] == (port,) and connection.status == psutil.CONN_ESTABLISHED
        for process in (leader, *leader.children(recursive=True))
        for connection in process.net_connections(kind="tcp")
    )
