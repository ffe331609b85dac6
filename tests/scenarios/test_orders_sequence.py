"""The guard before each stage, over HTTP, with the functions as deployed."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from shared.clock import system_clock
from shared.fulfillment.carrier import Bought, LabelRequest
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.fulfillment.sequence import LEASE, firing_of
from tests.faults import held
from tests.orders_support import ACCEPT, CYCLE, LABEL, MESSAGES, PIPELINE, TRACK, RunningFulfillment

Start = Callable[[str], FlaskClient]
HOUR = timedelta(hours=1)


def scheduled(at: datetime) -> dict[str, str]:
    return {"X-CloudScheduler-ScheduleTime": at.isoformat()}


def cycle_of(at: datetime) -> str:
    return firing_of(at, None, PIPELINE).cycle


def begin(fulfillment: RunningFulfillment, stage: str, cycle: str) -> uuid.UUID:
    """A run of the stage that continues elsewhere."""
    owner = uuid.uuid4()
    fulfillment.at_the_real_time()
    begun = fulfillment.store.begin_stage(cycle, stage, owner, trigger="scheduler", lease=LEASE, before=None)
    assert begun.outcome == "run"
    return owner


def end(fulfillment: RunningFulfillment, stage: str, cycle: str, owner: uuid.UUID, *, finished: bool) -> None:
    assert fulfillment.store.end_stage(cycle, stage, owner, finished=finished, result={"done": 0})


def test_a_duplicate_firing_gets_the_answer_of_the_first(
    fulfillment: RunningFulfillment, deployed: Start
) -> None:
    fulfillment.waiting(2)
    stage = deployed("accept_orders")
    now = system_clock()
    first = stage.post("/", json={}, headers=scheduled(now)).get_json()
    assert (first["done"], first["cycle"]) == (2, cycle_of(now))
    again = stage.post("/", json={}, headers=scheduled(now))
    assert again.status_code == 200
    assert again.get_json() == {
        "cycle": first["cycle"],
        "stage": ACCEPT,
        "skipped": "already ran",
        "result": first,
    }
    assert len(fulfillment.market.calls("OR21")) == 2


@pytest.mark.parametrize("earlier", [timedelta(), HOUR], ids=["this cycle", "an earlier cycle"])
def test_a_stage_that_runs_elsewhere_is_a_conflict(
    fulfillment: RunningFulfillment, deployed: Start, earlier: timedelta
) -> None:
    now = system_clock()
    begin(fulfillment, ACCEPT, cycle_of(now - earlier))
    answer = deployed("accept_orders").post("/", json={}, headers=scheduled(now))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert not fulfillment.market.calls("OR11")


def test_a_stage_waits_for_the_stage_before_it(fulfillment: RunningFulfillment, deployed: Start) -> None:
    now = system_clock()
    owner = begin(fulfillment, ACCEPT, cycle_of(now))
    stage = deployed("create_labels")
    answer = stage.post("/", json={}, headers=scheduled(now))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "retry_later")
    assert int(answer.headers["Retry-After"]) == 10
    end(fulfillment, ACCEPT, cycle_of(now), owner, finished=True)
    answer = stage.post("/", json={}, headers=scheduled(now))
    assert (answer.status_code, answer.get_json()["out_of_order"]) == (200, False)


def test_a_stage_waits_for_one_that_has_not_begun_while_its_grace_lasts(
    fulfillment: RunningFulfillment, deployed: Start
) -> None:
    answer = deployed("create_labels").post("/", json={}, headers=scheduled(system_clock() + CYCLE))
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert fulfillment.rows("select count(*) from stage_runs") == [(0,)]


def test_a_stage_runs_without_one_that_never_began(fulfillment: RunningFulfillment, deployed: Start) -> None:
    (order,) = fulfillment.accepted()
    answer = deployed("create_labels").post("/", json={}, headers=scheduled(system_clock() - HOUR))
    assert (answer.status_code, answer.get_json()["out_of_order"]) == (200, True)
    assert fulfillment.sold(order) == 1


def test_a_stage_runs_after_one_that_failed(fulfillment: RunningFulfillment, deployed: Start) -> None:
    now = system_clock()
    end(fulfillment, ACCEPT, cycle_of(now), begin(fulfillment, ACCEPT, cycle_of(now)), finished=False)
    answer = deployed("create_labels").post("/", json={}, headers=scheduled(now))
    assert (answer.status_code, answer.get_json()["out_of_order"]) == (200, True)


def test_by_hand_a_stage_runs_at_once_each_time_and_a_named_cycle_once(
    fulfillment: RunningFulfillment, deployed: Start
) -> None:
    stage = deployed("update_tracking")
    cycles = [stage.post("/", json={}).get_json()["cycle"] for _ in range(2)]
    assert len(set(cycles)) == 2
    assert all(cycle.startswith("manual-") for cycle in cycles)
    named = [stage.post("/", json={"cycle": "by-curl"}).get_json() for _ in range(2)]
    assert ["skipped" in answer and answer["skipped"] == "already ran" for answer in named] == [False, True]
    assert fulfillment.rows("select distinct trigger from stage_runs") == [("manual",)]


def test_a_stage_that_fails_answers_503_and_its_next_firing_takes_the_cycle_up(
    fulfillment: RunningFulfillment, deployed: Start
) -> None:
    stage = deployed("accept_orders")
    fulfillment.disturb("market", {"kind": "error_before", "status": 503, "path": "/api/orders"})
    now = system_clock()
    answer = stage.post("/", json={}, headers=scheduled(now))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "vendor_unavailable")
    assert "Retry-After" in answer.headers
    fulfillment.disturb("market")
    assert stage.post("/", json={}, headers=scheduled(now)).status_code == 200
    assert fulfillment.rows("select state::text, tries from stage_runs") == [("finished", 2)]


def test_a_killed_stage_holds_up_no_other_and_goes_on_when_its_lease_has_ended(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.at_the_real_time()
    ready = fulfillment.labelled(1)
    labels = fulfillment.accepted(3)
    new = fulfillment.waiting(2)
    fulfillment.kill_while_held("create_labels", "rest", held("/storage/v1/object", effect="none"))
    killed = fulfillment.rows("select cycle, stage from stage_runs where state = 'running'")
    assert [stage for _, stage in killed] == [LABEL]

    assert [fulfillment.fire(stage)["done"] for stage in (ACCEPT, TRACK, MESSAGES)] == [2, 1, 0]
    fulfillment.outlive_the_lease(LABEL)
    fulfillment.fire(LABEL)
    assert fulfillment.rows("select state::text from stage_runs where cycle = %s", killed[0][0]) == [
        ("failed",)
    ]
    fulfillment.cycle_until_settled(*labels, *ready, *new)
    fulfillment.assert_shipped_with_one_label(*labels, *ready, *new)


def test_a_stage_that_lost_its_lease_stops_before_the_next_order(fulfillment: RunningFulfillment) -> None:
    """The stage was suspended for longer than its lease, and another run has begun."""
    orders = fulfillment.accepted(3)
    usual = fulfillment.carrier.buy

    def slow(request: LabelRequest, not_after: datetime) -> Bought | Refused | Unclear | NotSent:
        fulfillment.advance(LEASE.total_seconds() + 1)
        fulfillment.carrier.buy = usual  # type: ignore[method-assign]  # the suspension, at the worst moment
        fulfillment.fire(LABEL)
        return usual(request, not_after)

    fulfillment.carrier.buy = slow  # type: ignore[method-assign]  # the same
    answer = fulfillment.fire(LABEL)
    assert answer["left"] == 2
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


@pytest.mark.parametrize("function", ["accept_orders", "create_labels", "update_tracking", "sync_messages"])
def test_a_dry_run_previews_the_run_and_changes_nothing(
    fulfillment: RunningFulfillment, deployed: Start, function: str
) -> None:
    labelled, waiting, accepted = fulfillment.labelled(3), fulfillment.waiting(3), fulfillment.accepted(3)
    fulfillment.market.control("POST", "threads", {"threads": [{"thread_id": "T-1", "order_id": waiting[0]}]})
    expected = {
        "accept_orders": waiting[:2],
        "create_labels": accepted[:2],
        "update_tracking": labelled[:2],
        "sync_messages": ["T-1"],
    }
    before = fulfillment.rows("select order_id, state from orders order by 1")
    answer = deployed(function).post("/", json={"dry_run": True, "limit": 2}).get_json()
    assert answer["preview"] == expected[function]
    assert fulfillment.rows("select order_id, state from orders order by 1") == before
    assert fulfillment.rows("select count(*) from stage_runs where cycle not like 'by-hand%%'") == [(0,)]
    assert not [
        call
        for call in fulfillment.market.control("GET", "books")["operations"]
        if call > "OR11" and call < "SH"
    ]
