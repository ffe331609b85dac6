import pytest

from tests.scenarios_support import LOOK_UPS, RecordLine, row, rpc

RECORDS = 30

CALLS = (
    "begin_batch",
    "read_known",
    "open_tasks",
    "note_progress",
    "claim_automation_task",
    "save_vendor_answer",
    "finish_automation_task",
    "release_automation_task",
    "postpone_automation_task",
    "fail_automation_task",
    "create_fallback_task",
    "sweep_candidates",
    "note_enqueued",
)


@pytest.mark.parametrize("function", CALLS)
def test_answers_of_the_database_that_get_lost_change_nothing(line: RecordLine, function: str) -> None:
    """The first answer is lost, then each second one; DigiKey and the queue fail, so that each function is called."""
    line.disturb(
        "digikey",
        {"kind": "rate_limited", "limit": "daily", "seconds": 1, "path": LOOK_UPS, "times": 5},
        {"kind": "error_before", "status": 503, "probability": 0.3},
        seed=3,
    )
    lost = {"kind": "lost_answer", "path": rpc(function)}
    line.disturb("rest", lost | {"times": 1}, lost | {"every": 2})
    line.disturb("tasks", {"kind": "call_refused", "probability": 0.5}, seed=3)
    known = line.fresh_parts(RECORDS)
    parts = known[:25] + [f"UNKNOWN-{pn}" for pn in known[25:]]
    line.offer([row(pn) for pn in parts])
    batch = line.batch()
    report = line.orchestrate(batch).raise_for_status().json()
    assert (report["opened"], report["read"]) == (RECORDS, RECORDS)

    line.drain(batch)
    assert line.struck("rest") > 0
    places = line.assert_accounted_for([batch], parts)
    assert [place.state for place in places].count("completed") > RECORDS / 2


def test_the_database_may_lose_a_third_of_all_answers(line: RecordLine) -> None:
    parts = line.offer_parts(RECORDS)
    line.disturb(
        "rest",
        {"kind": "lost_answer", "path": "/rest/v1/rpc", "probability": 0.2},
        {"kind": "error_before", "status": 503, "path": "/rest/v1/rpc", "probability": 0.1},
        {"kind": "error_after", "status": 502, "path": "/rest/v1/rpc", "probability": 0.1},
        seed=5,
    )
    batches: list[str] = []
    line.take_all(batches)
    line.drain(*batches)
    line.undisturb("rest")
    places = line.assert_accounted_for(line.begun(batches), parts)
    looked_up = line.looked_up()
    # a claim costs its attempt even when nobody hears of it; after three of those a person gets the record
    unasked = {(place.state, place.cause) for place in places if place.pn not in looked_up}
    assert unasked <= {("failed", "lost")}
    assert [place.state for place in places].count("completed") > RECORDS / 2


@pytest.mark.parametrize("kind", ["call_lost", "call_refused"])
def test_a_queue_that_fails_most_calls_gets_every_task_in_the_end(line: RecordLine, kind: str) -> None:
    line.disturb("tasks", {"kind": kind, "probability": 0.8}, seed=2)
    parts = line.offer_parts(RECORDS)
    batch = line.batch()
    report = line.orchestrate(batch).raise_for_status().json()
    assert report["opened"] == RECORDS
    line.drain(batch)
    line.assert_accounted_for([batch], parts)
    assert {line.looked_up()[pn] for pn in parts} == {1}
