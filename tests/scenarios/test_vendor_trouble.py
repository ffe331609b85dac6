import pytest

from tests.scenarios_support import LOOK_UPS, Place, RunningEnrichment
from tests.waiting import wait_until

RECORDS = 30
AT_ONCE = 5
WAITING = "automation_tasks where batch_id = %s and not_before is not null and attempts = 0"
DOWN = {"kind": "error_before", "status": 503, "path": "/"}
SPENT = {"kind": "rate_limited", "limit": "daily", "seconds": 8, "path": LOOK_UPS}
"""The day's calls are used up; the reset is 8 s after each refusal, however late that comes on a busy machine."""


def places_of(enrichment: RunningEnrichment, batch: str) -> list[Place]:
    return enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        (DOWN, {}),
        ({"kind": "error_before", "status": 500, "path": LOOK_UPS}, {}),
        (
            {"kind": "timeout", "seconds": 60, "effect": "none", "path": LOOK_UPS},
            {"DIGIKEY_TIMEOUT_SECONDS": "0.2"},
        ),
    ],
    ids=["down", "failing", "silent"],
)
def test_while_digikey_is_down_all_wait_with_their_attempts_and_are_completed_afterwards(
    enrichment: RunningEnrichment, fault: dict[str, object], settings: dict[str, str]
) -> None:
    with enrichment.deployed("automate", **settings):
        enrichment.disturb("digikey", fault)
        batch = enrichment.started(RECORDS)
        wait_until(lambda: enrichment.count(WAITING, batch) == RECORDS)
        assert enrichment.breaker()["cause"] == "down"
        # three to find out, four in flight meanwhile, and some probes: not one for each record
        assert enrichment.struck("digikey") < RECORDS
        enrichment.undisturb("digikey")
        enrichment.drain(batch)
    assert {(place.state, place.attempts) for place in places_of(enrichment, batch)} == {("completed", 1)}
    assert enrichment.breaker()["state"] == "closed"


def test_digikey_killed_in_a_run_and_back_later(enrichment: RunningEnrichment) -> None:
    enrichment.kill("digikey")
    batch = enrichment.started(RECORDS)
    wait_until(lambda: enrichment.count(WAITING, batch) == RECORDS)
    enrichment.restart("digikey")
    enrichment.drain(batch)
    assert {(place.state, place.attempts) for place in places_of(enrichment, batch)} == {("completed", 1)}


def test_fifty_refusals_of_our_account_fail_nothing_and_pause_the_line(enrichment: RunningEnrichment) -> None:
    """Seen: 50 refusals gave 50 dead letters at the first try."""
    enrichment.disturb("digikey", {"kind": "error_before", "status": 401, "path": "/"})
    batch = enrichment.started(50)
    wait_until(lambda: enrichment.count(WAITING, batch) == 50)
    assert enrichment.tasks_in(batch, "failed") == 0
    breaker = enrichment.breaker()
    assert (breaker["cause"], breaker["waiting"] > 0) == ("account", True)
    assert enrichment.sweep() is not None
    enrichment.undisturb("digikey")
    assert enrichment.resume_vendor()["state"] == "closed"
    enrichment.drain(batch)
    assert {(place.state, place.attempts) for place in places_of(enrichment, batch)} == {("completed", 1)}


def test_what_a_failing_vendor_gave_to_people_is_redriven_and_completed(
    enrichment: RunningEnrichment,
) -> None:
    """Two records alone may well be the cause themselves."""
    enrichment.disturb("digikey", DOWN)
    batch = enrichment.started(2)
    enrichment.drain(batch)
    assert {(place.cause, place.attempts) for place in places_of(enrichment, batch)} == {("vendor_error", 3)}
    enrichment.undisturb("digikey")
    (first, _) = enrichment.rows("select id from manual_tasks where batch_id = %s", f"{batch}_fallback")
    enrichment.post_to_workflow(f"/manual-tasks/{first['id']}/claim", {"assignee": "ana"}).raise_for_status()

    again = enrichment.batch()
    order = {"cause": "vendor_error", "batch_id": again}
    answers = [enrichment.post_to_workflow(f"/batches/{batch}/redrive", order) for _ in range(2)]
    expected = {"batch_id": again, "redriven": 1, "left": 0, "daily_limit_reached": False}
    assert [answer.raise_for_status().json() for answer in answers] == [expected, expected]
    enrichment.drain(again)

    before, after = enrichment.reconcile(batch), enrichment.reconcile(again)
    assert (before["taken"], before["failed"], before["with_a_person"]) == (2, 1, 1)
    assert (after["taken"], after["completed"]) == (1, 1)
    assert before["balanced"]
    assert after["balanced"]


def test_the_daily_limit_reached_in_a_run_lets_the_rest_wait_and_spends_nobodys_attempts(
    enrichment: RunningEnrichment,
) -> None:
    allowed = 10
    enrichment.pause()
    batch = enrichment.started(2 * allowed)
    reset = enrichment.vendor_limits(daily=allowed, reset_day=True, resets_in=10)["resets_at"]
    enrichment.resume()
    enrichment.drain(batch)

    parts = [place.pn for place in enrichment.places(batch)]
    places = enrichment.assert_accounted_for([batch], parts)
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}
    calls = [call for pn in parts for call in enrichment.calls(pn)]
    before = [call for call in calls if call["time"] < reset]
    assert [call["outcome"] for call in before].count("found") == allowed
    refused = [call["pn"] for call in before if call["outcome"] == "daily_limited"]
    waited = [call["pn"] for call in calls if call["outcome"] == "found" and call["time"] >= reset]
    assert len(waited) == allowed
    assert len(refused) <= AT_ONCE, "one refusal, and those that were in flight with it, found out for all"
    assert set(refused) <= set(waited)


def test_tasks_that_wait_for_the_reset_and_are_run_by_hand_before_it_wait_on(
    enrichment: RunningEnrichment,
) -> None:
    """The same happens when the queue's clock is ahead of the database's."""
    enrichment.disturb("digikey", SPENT)
    batch = enrichment.started(5)
    wait_until(
        lambda: enrichment.count("automation_tasks where batch_id = %s and not_before > now()", batch) == 5
    )
    wait_until(lambda: enrichment.queue_state("automation")["in_flight"] == 0)
    enrichment.undisturb("digikey")
    with enrichment.queues() as (client, path):
        for task in client.list_tasks(parent=path("automation")):
            client.run_task(name=task.name)

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_tasks_that_wait_for_the_reset_survive_the_loss_of_their_queue(enrichment: RunningEnrichment) -> None:
    enrichment.disturb("digikey", SPENT)
    batch = enrichment.started(5)
    wait_until(
        lambda: enrichment.count("automation_tasks where batch_id = %s and not_before > now()", batch) == 5
    )
    wait_until(lambda: enrichment.queue_state("automation")["in_flight"] == 0)
    enrichment.undisturb("digikey")
    with enrichment.queues() as (client, path):
        client.purge_queue(name=path("automation"))

    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


def test_a_burst_limit_slows_the_run_and_costs_no_attempt(enrichment: RunningEnrichment) -> None:
    enrichment.disturb(
        "digikey", {"kind": "rate_limited", "limit": "burst", "seconds": 1, "every": 3, "path": LOOK_UPS}
    )
    batch = enrichment.started(RECORDS)
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}
    assert enrichment.struck("digikey") > 0


def test_a_burst_limit_that_outlasts_every_delivery_of_a_queue_task_costs_no_attempt_either(
    enrichment: RunningEnrichment,
) -> None:
    enrichment.disturb("digikey", {"kind": "rate_limited", "limit": "burst", "times": 12, "path": LOOK_UPS})
    with enrichment.deployed("automate", QUEUE_MAX_ATTEMPTS="1"):
        batch = enrichment.started(4)
        enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert {(place.state, place.attempts) for place in places} == {("completed", 1)}


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "malformed"])
def test_answers_of_digikey_that_get_lost_are_asked_for_again_within_the_budget(
    enrichment: RunningEnrichment, kind: str
) -> None:
    status = {"status": 502} if kind == "error_after" else {}
    enrichment.disturb("digikey", {"kind": kind, "probability": 0.3, "path": LOOK_UPS} | status, seed=7)
    batch = enrichment.started(RECORDS)
    enrichment.drain(batch)
    places = enrichment.assert_accounted_for([batch], [place.pn for place in enrichment.places(batch)])
    assert enrichment.struck("digikey") > 0
    if kind == "malformed":
        assert {place.cause for place in places if place.state == "failed"} == {"invalid_response"}
    assert {place.state for place in places} >= {"completed"}
