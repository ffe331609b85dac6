import pytest

from tests.scenarios_support import RecordLine, held_after, held_before, rpc, wait_until

RECORDS = 40


def kill_orchestrate(line: RecordLine) -> None:
    line.kill("orchestrate")
    line.undisturb("rest", "tasks")
    line.restart("orchestrate")


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
    line: RecordLine, fault: dict[str, object], opened: int, queued: int
) -> None:
    parts = line.offer_parts(RECORDS)
    first, second = line.batch(), line.batch()
    line.pause()
    line.disturb("rest", fault)

    call = line.begin(first)
    wait_until(lambda: line.struck("rest") == 1)
    wait_until(lambda: line.depth() == queued)
    assert line.count("automation_tasks where batch_id = %s", first) == opened
    kill_orchestrate(line)
    assert call.exception() is not None

    line.resume()
    line.orchestrate(first)  # Scheduler fires again
    line.orchestrate(second)
    batches = [batch for batch in (first, second) if line.count("batches where id = %s", batch)]
    line.drain(*batches)
    places = line.assert_accounted_for(batches, parts)
    assert {place.state for place in places} == {"completed"}
    assert {line.looked_up()[pn] for pn in parts} == {1}


def test_orchestrate_killed_when_some_tasks_of_a_chunk_are_created(line: RecordLine) -> None:
    parts = line.offer_parts(RECORDS)
    batch = line.batch()
    line.pause()
    line.disturb("tasks", {"kind": "call_refused", "probability": 0.9})

    call = line.begin(batch)
    wait_until(lambda: line.depth() > 0)
    kill_orchestrate(line)
    created = line.depth()
    assert call.exception() is not None
    assert 0 < created < RECORDS

    line.resume()
    line.drain(batch)
    places = line.assert_accounted_for([batch], parts)
    assert {place.state for place in places} == {"completed"}
    assert {line.looked_up()[pn] for pn in parts} == {1}


def test_orchestrate_killed_between_two_chunks(line: RecordLine) -> None:
    parts = line.offer_parts(RECORDS)
    first, second = line.batch(), line.batch()
    with line.deployed("orchestrate", WORKFLOW_MAX_BATCH_SIZE="10"):
        line.disturb("rest", held_after(rpc("note_progress")))
        line.begin(first)
        wait_until(lambda: line.struck("rest") == 1)
        assert line.count("automation_tasks where batch_id = %s", first) == 10
        kill_orchestrate(line)

        report = line.orchestrate(second).json()
    assert report["opened"] == 30
    line.drain(first, second)
    line.assert_accounted_for([first, second], parts)
