import pytest

from tests.faults import rpc
from tests.scenarios_support import LOOK_UPS, RunningEnrichment, row

RECORDS = 30

CALLS = (
    "begin_batch",
    "read_known",
    "open_tasks",
    "note_progress",
    "claim_automation_task",
    "finish_automation_task",
    "release_automation_task",
    "note_vendor_failure",
    "fail_automation_task",
    "create_fallback_task",
    "sweep_candidates",
    "note_enqueued",
)


@pytest.mark.parametrize("function", CALLS)
def test_answers_of_the_database_that_get_lost_change_nothing(
    enrichment: RunningEnrichment, function: str
) -> None:
    """The first and then every second answer is lost. DigiKey and the queue fail, so that every function is called."""
    enrichment.disturb(
        "digikey",
        {"kind": "rate_limited", "limit": "daily", "seconds": 1, "path": LOOK_UPS, "times": 5},
        {"kind": "error_before", "status": 503, "probability": 0.3},
        seed=3,
    )
    lost = {"kind": "lost_answer", "path": rpc(function)}
    enrichment.disturb("rest", lost | {"times": 1}, lost | {"every": 2})
    enrichment.disturb("tasks", {"kind": "call_refused", "probability": 0.5}, seed=3)
    known = enrichment.fresh_parts(RECORDS)
    parts = known[:25] + [f"UNKNOWN-{pn}" for pn in known[25:]]
    enrichment.offer([row(pn) for pn in parts])
    batch = enrichment.batch()
    report = enrichment.orchestrate(batch).raise_for_status().json()
    assert (report["opened"], report["read"]) == (RECORDS, RECORDS)

    enrichment.drain(batch)
    assert enrichment.struck("rest") > 0
    places = enrichment.assert_accounted_for([batch], parts)
    assert [place.state for place in places].count("completed") > RECORDS / 2


def test_the_database_may_lose_a_third_of_all_answers(enrichment: RunningEnrichment) -> None:
    parts = enrichment.offer_parts(RECORDS)
    enrichment.disturb(
        "rest",
        {"kind": "lost_answer", "path": "/rest/v1/rpc", "probability": 0.2},
        {"kind": "error_before", "status": 503, "path": "/rest/v1/rpc", "probability": 0.1},
        {"kind": "error_after", "status": 502, "path": "/rest/v1/rpc", "probability": 0.1},
        seed=5,
    )
    batches: list[str] = []
    enrichment.take_all(batches)
    enrichment.drain(*batches)
    enrichment.undisturb("rest")
    places = enrichment.assert_accounted_for(enrichment.begun(batches), parts)
    looked_up = enrichment.looked_up()
    # a claim costs its attempt even when nobody hears of it; after three of those a person gets the record
    unasked = {(place.state, place.cause) for place in places if place.pn not in looked_up}
    assert unasked <= {("failed", "lost")}
    assert [place.state for place in places].count("completed") > RECORDS / 2


@pytest.mark.parametrize("kind", ["call_lost", "call_refused"])
def test_a_queue_that_fails_most_calls_gets_every_task_in_the_end(
    enrichment: RunningEnrichment, kind: str
) -> None:
    enrichment.disturb("tasks", {"kind": kind, "probability": 0.8}, seed=2)
    parts = enrichment.offer_parts(RECORDS)
    batch = enrichment.batch()
    report = enrichment.orchestrate(batch).raise_for_status().json()
    assert report["opened"] == RECORDS
    enrichment.drain(batch)
    enrichment.assert_accounted_for([batch], parts)
    assert {enrichment.looked_up()[pn] for pn in parts} == {1}
