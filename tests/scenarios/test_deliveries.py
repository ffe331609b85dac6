from concurrent.futures import wait

from tests.faults import held_before, rpc
from tests.scenarios_support import LOOK_UPS, RunningEnrichment, row
from tests.waiting import wait_until


def deliver(enrichment: RunningEnrichment, task_id: str, failures: int = 0) -> int:
    """Delivers as Cloud Tasks does; returns the status."""
    headers = {"X-CloudTasks-TaskRetryCount": str(failures)}
    return enrichment.post("automate", {"automation_task_id": task_id}, headers).status_code


def only_task(enrichment: RunningEnrichment, batch: str) -> str:
    return str(enrichment.rows("select id from automation_tasks where batch_id = %s", batch)[0]["id"])


def test_a_queue_that_delivers_everything_twice_changes_nothing(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(40)
    unknown = [f"UNKNOWN-{pn}" for pn in enrichment.fresh_parts(10)]
    enrichment.offer([row(pn) for pn in (*parts, *unknown)])
    enrichment.disturb(
        "tasks",
        {"kind": "duplicate_delivery", "probability": 0.6},
        {"kind": "duplicate_delivery", "probability": 1, "seconds": 0.3},
        {"kind": "late_delivery", "probability": 0.2, "seconds": 0.5},
        {"kind": "lost_answer", "probability": 0.2},
    )
    batch = enrichment.batch()
    enrichment.orchestrate(batch)

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [*parts, *unknown])
    assert [place.state for place in places].count("completed") == 40
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def test_32_concurrent_deliveries_of_one_task_make_one_product_with_one_look_up(
    enrichment: RunningEnrichment,
) -> None:
    enrichment.pause()
    batch = enrichment.started(1)
    task = only_task(enrichment, batch)
    deliveries = [enrichment.background.submit(deliver, enrichment, task) for _ in range(32)]
    assert {delivery.result() for delivery in deliveries} <= {200, 409}

    enrichment.resume()
    enrichment.drain(batch)
    parts = [place.pn for place in enrichment.places(batch)]
    enrichment.assert_accounted_for([batch], parts)
    assert enrichment.looked_up()[parts[0]] == 1


def test_32_concurrent_dead_letters_of_one_task_make_one_manual_task(enrichment: RunningEnrichment) -> None:
    unknown = f"UNKNOWN-{enrichment.fresh_parts(1)[0]}"
    enrichment.offer([row(unknown)])
    enrichment.pause("dead-letter")
    batch = enrichment.batch()
    enrichment.orchestrate(batch)
    wait_until(lambda: enrichment.tasks_in(batch, "failed") == 1)
    task = only_task(enrichment, batch)

    letters = [
        enrichment.background.submit(enrichment.post, "fallback", {"automation_task_id": task})
        for _ in range(32)
    ]
    answers = [letter.result().raise_for_status().json() for letter in letters]
    assert sorted(each["outcome"] for each in answers) == ["created"] + ["exists"] * 31
    assert len({each["manual_task_id"] for each in answers}) == 1

    enrichment.resume("dead-letter")
    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], [unknown])


def test_a_delivery_after_the_dead_letter_and_its_success_change_nothing(
    enrichment: RunningEnrichment,
) -> None:
    """The sweep thinks the task lost and gives the record to a person while the worker holds the vendor's answer."""
    with enrichment.deployed("automate", SUPABASE_TIMEOUT_SECONDS="60"):
        enrichment.disturb("rest", {"kind": "latency", "path": rpc("finish_automation_task"), "seconds": 12})
        batch = enrichment.started(1)
        task = only_task(enrichment, batch)
        wait_until(lambda: enrichment.struck("rest") == 1)
        with enrichment.queues() as (client, path):
            client.purge_queue(name=path("automation"))
        wait_until(lambda: (enrichment.sweep() or {}).get("dead_lettered") == 1)
        assert enrichment.reconcile(batch)["with_a_person"] == 1

        wait_until(lambda: enrichment.queue_state("automation")["in_flight"] == 0)
        enrichment.undisturb("rest")
        assert deliver(enrichment, task) == 200
    assert enrichment.post("fallback", {"automation_task_id": task}).json()["outcome"] == "exists"
    enrichment.drain(batch)
    (place,) = enrichment.assert_accounted_for([batch], [enrichment.places(batch)[0].pn])
    assert (place.state, place.cause) == ("failed", "lost")


def test_a_worker_that_outlives_its_lease_leaves_the_record_to_the_next(
    enrichment: RunningEnrichment,
) -> None:
    held = {"kind": "latency", "path": rpc("finish_automation_task"), "seconds": 5, "times": 1}
    enrichment.disturb("rest", held)
    enrichment.pause()
    batch = enrichment.started(1)
    task = only_task(enrichment, batch)
    slow = enrichment.background.submit(deliver, enrichment, task)
    wait_until(lambda: enrichment.struck("rest") == 1)
    statuses: list[int] = []

    def taken_over() -> bool:
        statuses.append(deliver(enrichment, task, failures=1))
        return statuses[-1] != 409

    wait_until(taken_over)
    assert statuses[-1] == 200
    wait([slow])
    assert slow.result() in {200, 409}

    enrichment.resume()
    enrichment.drain(batch)
    (place,) = enrichment.assert_accounted_for([batch], [enrichment.places(batch)[0].pn])
    assert place.state == "completed"
    assert enrichment.looked_up()[place.pn] == 2


def test_the_last_delivery_leaves_nothing_to_the_queue(enrichment: RunningEnrichment) -> None:
    enrichment.disturb("digikey", {"kind": "error_before", "path": LOOK_UPS, "status": 503})
    enrichment.pause()
    batch = enrichment.started(1)
    assert deliver(enrichment, only_task(enrichment, batch), failures=9) == 200
    enrichment.resume()
    enrichment.drain(batch)
    (place,) = enrichment.assert_accounted_for([batch], [enrichment.places(batch)[0].pn])
    assert (place.state, place.cause, place.attempts) == ("failed", "vendor_error", 1)


def test_a_worker_that_never_answers_is_followed_by_another_delivery(enrichment: RunningEnrichment) -> None:
    """The queue's deadline ends while the handler runs: the next delivery finds a live lease, then the end."""
    enrichment.disturb("digikey", {"kind": "latency", "path": LOOK_UPS, "seconds": 1, "times": 5})
    enrichment.disturb("tasks", {"kind": "lost_answer", "queue": "automation", "times": 5})
    batch = enrichment.started(10)
    enrichment.drain(batch)
    parts = [place.pn for place in enrichment.places(batch)]
    enrichment.assert_accounted_for([batch], parts)
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}


def test_a_task_held_at_its_claim_costs_no_attempt(enrichment: RunningEnrichment) -> None:
    enrichment.disturb("rest", held_before(rpc("claim_automation_task")) | {"seconds": 0.2, "times": 8})
    batch = enrichment.started(5)
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {place.attempts for place in places} == {1}
