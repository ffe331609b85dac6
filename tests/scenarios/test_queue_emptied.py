from tests.scenarios_support import LOOK_UPS, UNFINISHED, RunningEnrichment, row
from tests.waiting import wait_until

RECORDS = 20


def queued(enrichment: RunningEnrichment, parts: int = RECORDS) -> str:
    """A batch whose tasks wait in a paused queue."""
    enrichment.pause()
    batch = enrichment.started(parts)
    assert enrichment.depth() == parts
    return batch


def test_a_purged_queue_is_filled_again_by_the_sweep(enrichment: RunningEnrichment) -> None:
    batch = queued(enrichment)
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("automation"))
    wait_until(lambda: enrichment.depth() == 0)
    enrichment.resume()

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_single_tasks_deleted_from_the_queue_are_found_by_the_sweep(enrichment: RunningEnrichment) -> None:
    batch = queued(enrichment)
    with enrichment.queues() as (client, path):
        for task in list(client.list_tasks(parent=path("automation")))[::2]:
            client.delete_task(name=task.name)
    assert enrichment.depth() == RECORDS / 2
    enrichment.resume()

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_a_queue_that_loses_a_record_again_and_again_hands_it_to_a_person(
    enrichment: RunningEnrichment,
) -> None:
    batch = queued(enrichment, 3)

    def lost_for_good() -> bool:
        with enrichment.queues() as (client, path):
            client.purge_queue(name=path("automation"))
        enrichment.sweep()
        return bool(enrichment.reconcile(batch)["with_a_person"] == 3)

    wait_until(lost_for_good)
    enrichment.resume()
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.cause, place.attempts) for place in places} == {("lost", 0)}


def test_a_task_deleted_while_its_record_is_being_worked_on_reaches_a_person_or_its_end(
    enrichment: RunningEnrichment,
) -> None:
    enrichment.disturb("digikey", {"kind": "error_before", "status": 503, "path": LOOK_UPS, "times": 2})
    enrichment.disturb("tasks", {"kind": "late_delivery", "queue": "automation", "seconds": 0})
    batch = enrichment.started(2)
    wait_until(lambda: enrichment.count("automation_tasks where batch_id = %s and attempts > 0", batch) == 2)
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("automation"))

    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])


def test_dead_letters_that_the_queue_loses_become_manual_tasks_all_the_same(
    enrichment: RunningEnrichment,
) -> None:
    unknown = [f"UNKNOWN-{pn}" for pn in enrichment.fresh_parts(RECORDS)]
    enrichment.offer([row(pn) for pn in unknown])
    enrichment.pause("dead-letter")
    batch = enrichment.batch()
    enrichment.orchestrate(batch)
    wait_until(lambda: enrichment.depth("dead-letter") == RECORDS)
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("dead-letter"))

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], unknown)
    assert {place.cause for place in places} == {"not_found"}


def test_a_sweep_looks_at_no_more_than_its_limit(enrichment: RunningEnrichment) -> None:
    batch = queued(enrichment)
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("automation"))
    swept = []

    def all_renewed() -> bool:
        swept.append(enrichment.sweep() or {})
        return enrichment.count("automation_tasks where batch_id = %s and generation > 0", batch) == RECORDS

    with enrichment.deployed("fallback", SWEEP_LIMIT="3"):
        wait_until(all_renewed)
    assert max(each["looked_at"] for each in swept) == 3
    enrichment.resume()
    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])


def test_a_lost_dead_letter_behind_a_paused_queue_is_with_a_person_after_one_sweep(
    enrichment: RunningEnrichment,
) -> None:
    """Although every fifth question to the queue fails."""
    enrichment.pause("dead-letter")
    enrichment.offer([row(f"UNKNOWN-{enrichment.fresh_parts(1)[0]}")])
    failing = enrichment.batch()
    enrichment.orchestrate(failing)
    wait_until(lambda: enrichment.depth("dead-letter") == 1)
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("dead-letter"))
    waiting = queued(enrichment, 150)
    enrichment.disturb("tasks", {"kind": "look_refused", "queue": "automation", "probability": 0.2})
    wait_until(lambda: enrichment.count(f"{UNFINISHED} and sweep_after > now()", [failing, waiting]) == 0)

    swept = enrichment.sweep()

    assert swept is not None
    assert (swept["handed_over"], swept["dead_lettered"], swept["renewed"]) == (1, 0, 0)
    assert swept["still_queued"] >= 100
    assert enrichment.reconcile(failing)["with_a_person"] == 1
    enrichment.undisturb("tasks")
    enrichment.resume()
    enrichment.resume("dead-letter")
    enrichment.drain(waiting)
    enrichment.assert_accounted_for([waiting], [place.pn for place in enrichment.places(waiting)])


def test_a_queue_that_is_only_slow_is_left_alone(enrichment: RunningEnrichment) -> None:
    batch = queued(enrichment)
    met = []

    def asked() -> bool:
        met.append(enrichment.sweep() or {})
        return met[-1].get("still_queued") == RECORDS

    wait_until(asked)
    assert all(not each.get("renewed") and not each.get("dead_lettered") for each in met)
    enrichment.resume()
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {place.state for place in places} == {"completed"}
