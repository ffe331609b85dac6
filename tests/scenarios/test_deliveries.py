from concurrent.futures import wait

import pytest

from tests.scenarios_support import LOOK_UPS, RecordLine, held_before, row, rpc, wait_until


def deliver(line: RecordLine, task_id: str, failures: int = 0) -> int:
    """As Cloud Tasks does; returns the status."""
    headers = {"X-CloudTasks-TaskRetryCount": str(failures)}
    return line.post("automate", {"automation_task_id": task_id}, headers).status_code


def only_task(line: RecordLine, batch: str) -> str:
    return str(line.rows("select id from automation_tasks where batch_id = %s", batch)[0]["id"])


def test_a_queue_that_delivers_everything_twice_changes_nothing(line: RecordLine) -> None:
    parts = line.offer_parts(40)
    unknown = [f"UNKNOWN-{pn}" for pn in line.fresh_parts(10)]
    line.offer([row(pn) for pn in (*parts, *unknown)])
    line.disturb(
        "tasks",
        {"kind": "duplicate_delivery", "probability": 0.6},
        {"kind": "duplicate_delivery", "probability": 1, "seconds": 0.3},
        {"kind": "late_delivery", "probability": 0.2, "seconds": 0.5},
        {"kind": "lost_answer", "probability": 0.2},
    )
    batch = line.batch()
    line.orchestrate(batch)

    line.drain(batch)
    places = line.assert_accounted_for([batch], [*parts, *unknown])
    assert [place.state for place in places].count("completed") == 40
    assert {line.looked_up()[pn] for pn in parts} == {1}


def test_32_concurrent_deliveries_of_one_task_make_one_product_with_one_look_up(line: RecordLine) -> None:
    line.pause()
    batch = line.started(1)
    task = only_task(line, batch)
    deliveries = [line.background.submit(deliver, line, task) for _ in range(32)]
    assert {delivery.result() for delivery in deliveries} <= {200, 409}

    line.resume()
    line.drain(batch)
    parts = [place.pn for place in line.places(batch)]
    line.assert_accounted_for([batch], parts)
    assert line.looked_up()[parts[0]] == 1


def test_32_concurrent_dead_letters_of_one_task_make_one_manual_task(line: RecordLine) -> None:
    unknown = f"UNKNOWN-{line.fresh_parts(1)[0]}"
    line.offer([row(unknown)])
    line.pause("dead-letter")
    batch = line.batch()
    line.orchestrate(batch)
    wait_until(lambda: line.tasks_in(batch, "failed") == 1)
    task = only_task(line, batch)

    letters = [line.background.submit(line.post, "fallback", {"automation_task_id": task}) for _ in range(32)]
    told = [letter.result().raise_for_status().json() for letter in letters]
    assert sorted(each["outcome"] for each in told) == ["created"] + ["exists"] * 31
    assert len({each["manual_task_id"] for each in told}) == 1

    line.resume("dead-letter")
    line.drain(batch)
    line.assert_accounted_for([batch], [unknown])


def test_a_delivery_after_the_dead_letter_and_its_success_change_nothing(line: RecordLine) -> None:
    """The worker holds the vendor's answer when the sweep, which thinks the task lost, gives the record to a person."""
    with line.deployed("automate", SUPABASE_TIMEOUT_SECONDS="60"):
        line.disturb("rest", {"kind": "latency", "path": rpc("save_vendor_answer"), "seconds": 12})
        batch = line.started(1)
        task = only_task(line, batch)
        wait_until(lambda: line.struck("rest") == 1)
        with line.queues() as (client, path):
            client.purge_queue(name=path("automation"))
        wait_until(lambda: (line.sweep() or {}).get("dead_lettered") == 1)
        assert line.reconcile(batch)["with_a_person"] == 1

        wait_until(lambda: line.queue_state("automation")["in_flight"] == 0)
        line.undisturb("rest")
        assert deliver(line, task) == 200
    assert line.post("fallback", {"automation_task_id": task}).json()["outcome"] == "exists"
    line.drain(batch)
    (place,) = line.assert_accounted_for([batch], [line.places(batch)[0].pn])
    assert (place.state, place.cause) == ("failed", "lost")


@pytest.mark.parametrize("held_at", ["save_vendor_answer", "finish_automation_task"])
def test_a_worker_that_outlives_its_lease_leaves_the_record_to_the_next(
    line: RecordLine, held_at: str
) -> None:
    line.disturb("rest", {"kind": "latency", "path": rpc(held_at), "seconds": 5, "times": 1})
    line.pause()
    batch = line.started(1)
    task = only_task(line, batch)
    slow = line.background.submit(deliver, line, task)
    wait_until(lambda: line.struck("rest") == 1)
    statuses: list[int] = []

    def taken_over() -> bool:
        statuses.append(deliver(line, task, failures=1))
        return statuses[-1] != 409

    wait_until(taken_over)
    assert statuses[-1] == 200
    wait([slow])
    assert slow.result() in {200, 409}

    line.resume()
    line.drain(batch)
    (place,) = line.assert_accounted_for([batch], [line.places(batch)[0].pn])
    assert place.state == "completed"
    assert line.looked_up()[place.pn] == (2 if held_at == "save_vendor_answer" else 1)


def test_the_last_delivery_leaves_nothing_to_the_queue(line: RecordLine) -> None:
    line.disturb("digikey", {"kind": "error_before", "path": LOOK_UPS, "status": 503})
    line.pause()
    batch = line.started(1)
    assert deliver(line, only_task(line, batch), failures=9) == 200
    line.resume()
    line.drain(batch)
    (place,) = line.assert_accounted_for([batch], [line.places(batch)[0].pn])
    assert (place.state, place.cause, place.attempts) == ("failed", "vendor_error", 1)


def test_a_worker_that_never_answers_is_followed_by_another_delivery(line: RecordLine) -> None:
    """The queue's deadline passes while the handler goes on: the next delivery finds a live lease, then the end."""
    line.disturb("digikey", {"kind": "latency", "path": LOOK_UPS, "seconds": 1, "times": 5})
    line.disturb("tasks", {"kind": "lost_answer", "queue": "automation", "times": 5})
    batch = line.started(10)
    line.drain(batch)
    parts = [place.pn for place in line.places(batch)]
    line.assert_accounted_for([batch], parts)
    assert {line.looked_up()[pn] for pn in parts} == {1}


def test_a_task_held_at_its_claim_costs_no_attempt(line: RecordLine) -> None:
    line.disturb("rest", held_before(rpc("claim_automation_task")) | {"seconds": 0.2, "times": 8})
    batch = line.started(5)
    line.drain(batch)
    places = line.assert_accounted_for([batch], [place.pn for place in line.places(batch)])
    assert {place.attempts for place in places} == {1}
