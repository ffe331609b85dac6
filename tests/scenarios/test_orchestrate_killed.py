import pytest

from tests.faults import held_after, held_before, rpc
from tests.scenarios_support import RunningEnrichment
from tests.waiting import wait_until

RECORDS = 40


def kill_orchestrate(enrichment: RunningEnrichment) -> None:
    enrichment.kill("orchestrate")
    enrichment.undisturb("rest", "tasks")
    enrichment.restart("orchestrate")


@pytest.mark.parametrize(
    ("fault", "opened", "queued"),
    [
        (held_before(rpc("begin_batch")), 0, 0),
        (held_after(rpc("begin_batch")), 0, 0),
        (held_before(rpc("open_tasks")), 0, 0),
        (held_after(rpc("open_tasks")), RECORDS, 0),
        (held_before(rpc("note_progress")), RECORDS, RECORDS),
        (held_after(rpc("note_progress")), RECORDS, RECORDS),
    ],
    ids=lambda value: (
        f"{value['effect']}-{value['path'].rpartition('/')[2]}" if isinstance(value, dict) else ""
    ),
)
def test_orchestrate_killed_around_a_database_call_loses_and_doubles_nothing(
    enrichment: RunningEnrichment, fault: dict[str, object], opened: int, queued: int
) -> None:
    parts = enrichment.offer_parts(RECORDS)
    first, second = enrichment.batch(), enrichment.batch()
    enrichment.pause()
    enrichment.disturb("rest", fault)

    call = enrichment.begin(first)
    wait_until(lambda: enrichment.struck("rest") == 1)
    wait_until(lambda: enrichment.depth() == queued)
    assert enrichment.count("automation_tasks where batch_id = %s", first) == opened
    kill_orchestrate(enrichment)
    assert call.exception() is not None

    enrichment.resume()
    enrichment.orchestrate(first)  # Scheduler fires again
    enrichment.orchestrate(second)
    batches = [batch for batch in (first, second) if enrichment.count("batches where id = %s", batch)]
    enrichment.drain(*batches)
    places = enrichment.assert_accounted_for(batches, parts)
    assert {place.state for place in places} == {"completed"}
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def test_orchestrate_killed_when_some_tasks_of_a_chunk_are_created(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(RECORDS)
    batch = enrichment.batch()
    enrichment.pause()
    enrichment.disturb("tasks", {"kind": "call_refused", "probability": 0.9})

    call = enrichment.begin(batch)
    wait_until(lambda: enrichment.depth() > 0)
    kill_orchestrate(enrichment)
    created = enrichment.depth()
    assert call.exception() is not None
    assert 0 < created < RECORDS

    enrichment.resume()
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], parts)
    assert {place.state for place in places} == {"completed"}
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def test_orchestrate_killed_between_two_chunks(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(RECORDS)
    first, second = enrichment.batch(), enrichment.batch()
    with enrichment.deployed("orchestrate", WORKFLOW_MAX_BATCH_SIZE="10"):
        enrichment.disturb("rest", held_after(rpc("note_progress")))
        enrichment.begin(first)
        wait_until(lambda: enrichment.struck("rest") == 1)
        assert enrichment.count("automation_tasks where batch_id = %s", first) == 10
        kill_orchestrate(enrichment)

        report = enrichment.orchestrate(second).json()
    assert report["opened"] == 30
    enrichment.drain(first, second)
    enrichment.assert_accounted_for([first, second], parts)
