from tests.scenarios_support import LOOK_UPS, RecordLine, row, wait_until

RECORDS = 20


def queued(line: RecordLine, parts: int = RECORDS) -> str:
    """A batch whose tasks wait in a queue that stands still."""
    line.pause()
    batch = line.started(parts)
    assert line.depth() == parts
    return batch


def test_a_purged_queue_is_filled_again_by_the_sweep(line: RecordLine) -> None:
    batch = queued(line)
    with line.queues() as (client, path):
        client.purge_queue(name=path("automation"))
    wait_until(lambda: line.depth() == 0)
    line.resume()

    line.drain(batch)
    places = line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_single_tasks_deleted_from_the_queue_are_found_by_the_sweep(line: RecordLine) -> None:
    batch = queued(line)
    with line.queues() as (client, path):
        for task in list(client.list_tasks(parent=path("automation")))[::2]:
            client.delete_task(name=task.name)
    assert line.depth() == RECORDS / 2
    line.resume()

    line.drain(batch)
    places = line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_a_queue_that_loses_a_record_again_and_again_hands_it_to_a_person(line: RecordLine) -> None:
    batch = queued(line, 3)

    def lost_for_good() -> bool:
        with line.queues() as (client, path):
            client.purge_queue(name=path("automation"))
        line.sweep()
        return bool(line.reconcile(batch)["with_a_person"] == 3)

    wait_until(lost_for_good)
    line.resume()
    line.drain(batch)
    places = line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])
    assert {(place.cause, place.attempts) for place in places} == {("lost", 0)}


def test_a_task_deleted_while_its_record_is_being_worked_on_reaches_a_person_or_its_end(
    line: RecordLine,
) -> None:
    line.disturb("digikey", {"kind": "error_before", "status": 503, "path": LOOK_UPS, "times": 5})
    line.disturb("tasks", {"kind": "late_delivery", "queue": "automation", "seconds": 0})
    batch = line.started(5)
    wait_until(lambda: line.count("automation_tasks where batch_id = %s and attempts > 0", batch) == 5)
    with line.queues() as (client, path):
        client.purge_queue(name=path("automation"))

    line.drain(batch)
    line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])


def test_dead_letters_that_the_queue_loses_become_manual_tasks_all_the_same(line: RecordLine) -> None:
    unknown = [f"UNKNOWN-{pn}" for pn in line.fresh_parts(RECORDS)]
    line.offer([row(pn) for pn in unknown])
    line.pause("dead-letter")
    batch = line.batch()
    line.orchestrate(batch)
    wait_until(lambda: line.depth("dead-letter") == RECORDS)
    with line.queues() as (client, path):
        client.purge_queue(name=path("dead-letter"))

    line.drain(batch)
    places = line.assert_accounted_for([batch], unknown)
    assert {place.cause for place in places} == {"not_found"}


def test_a_sweep_looks_at_no_more_than_its_limit(line: RecordLine) -> None:
    batch = queued(line)
    with line.queues() as (client, path):
        client.purge_queue(name=path("automation"))
    swept = []

    def all_renewed() -> bool:
        swept.append(line.sweep() or {})
        return line.count("automation_tasks where batch_id = %s and generation > 0", batch) == RECORDS

    with line.deployed("fallback", SWEEP_LIMIT="3"):
        wait_until(all_renewed)
    assert max(each["looked_at"] for each in swept) == 3
    line.resume()
    line.drain(batch)
    line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])


def test_a_queue_that_is_only_slow_is_left_alone(line: RecordLine) -> None:
    batch = queued(line)
    met = []

    def asked() -> bool:
        met.append(line.sweep() or {})
        return met[-1].get("still_queued") == RECORDS

    wait_until(asked)
    assert all(not each.get("renewed") and not each.get("dead_lettered") for each in met)
    line.resume()
    line.drain(batch)
    places = line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])
    assert {place.state for place in places} == {"completed"}
