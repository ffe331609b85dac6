"""A stage may or may not begin: one test for each situation."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from tests.contract.fulfillment_calls import CYCLE, STAGE_GRACE, STAGE_LEASE, Fulfillment, at_once
from tests.contract.schema_rows import NOW, OTHER, OWNER, Json
from tests.postgres_support import Database

CALLERS = 32
NEXT_CYCLE = "2026-03-02T12:15Z"


def run(fulfillment: Fulfillment, stage: str = "create-labels", cycle: str = CYCLE) -> Json:
    return fulfillment.one("select * from stage_runs where stage = %s and cycle = %s", stage, cycle)


def test_the_first_stage_of_a_cycle_runs(fulfillment: Fulfillment) -> None:
    assert fulfillment.begin_stage("accept-orders", OWNER) == {
        "outcome": "run",
        "tries": 1,
        "out_of_order": False,
        "breaker": None,
    }
    assert {
        name: run(fulfillment, "accept-orders")[name] for name in ("state", "trigger", "owner", "begun_at")
    } == {
        "state": "running",
        "trigger": "scheduler",
        "owner": OWNER,
        "begun_at": NOW,
    }


def test_a_duplicate_firing_of_a_finished_stage_gets_the_first_answer(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    fulfillment.end_stage(OWNER, result={"done": 3, "errors": []})
    again = fulfillment.later(minutes=1).begin_stage()
    assert (again["outcome"], again["result"]) == ("ran", {"done": 3, "errors": []})
    assert run(fulfillment)["tries"] == 1


def test_a_duplicate_firing_of_a_running_stage_is_busy(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    again = fulfillment.later(seconds=STAGE_LEASE - 1).begin_stage()
    assert (again["outcome"], again["cycle"]) == ("busy", CYCLE)
    assert again["until"].startswith("2026-03-02T12:02:00")


def test_a_stage_of_the_next_cycle_waits_for_the_one_that_still_runs(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    assert fulfillment.begin_stage(cycle=NEXT_CYCLE)["outcome"] == "busy"
    fulfillment.end_stage(OWNER)
    assert fulfillment.begin_stage(cycle=NEXT_CYCLE)["outcome"] == "run"


def test_a_finished_stage_says_so_even_while_it_runs_in_another_cycle(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    fulfillment.end_stage(OWNER)
    fulfillment.begin_stage(cycle=NEXT_CYCLE)
    assert fulfillment.begin_stage()["outcome"] == "ran"


def test_a_lease_that_ran_out_frees_the_stage_and_is_recorded_as_a_failure(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    late = fulfillment.later(seconds=STAGE_LEASE)
    assert late.begin_stage(cycle=NEXT_CYCLE, owner=OTHER)["outcome"] == "run"
    dead = run(fulfillment)
    assert (dead["state"], dead["result"]) == ("failed", {"error": "its lease ran out"})
    assert not late.renew_stage(OWNER)
    assert not late.end_stage(OWNER)
    assert run(fulfillment) == dead


def test_a_stage_that_died_goes_on_in_its_own_cycle(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    again = fulfillment.later(seconds=STAGE_LEASE).begin_stage(owner=OTHER)
    assert again == {"outcome": "run", "tries": 2, "out_of_order": False, "breaker": None}
    assert not fulfillment.renew_stage(OWNER)
    assert fulfillment.renew_stage(OTHER)


def test_a_renewed_lease_keeps_others_out(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    assert fulfillment.later(seconds=STAGE_LEASE - 1).renew_stage(OWNER)
    assert fulfillment.later(seconds=2 * STAGE_LEASE - 2).begin_stage()["outcome"] == "busy"
    assert fulfillment.later(seconds=2 * STAGE_LEASE - 1).begin_stage()["outcome"] == "run"


def test_a_lease_that_ran_out_can_be_renewed_until_another_run_begins(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    late = fulfillment.later(seconds=2 * STAGE_LEASE)
    assert late.renew_stage(OWNER)
    assert late.begin_stage()["outcome"] == "busy"


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(0, "wait"), (STAGE_GRACE - 1, "wait"), (STAGE_GRACE, "run"), (3600, "run")]
)
def test_a_stage_waits_for_one_that_has_not_begun_within_its_grace(
    fulfillment: Fulfillment, seconds: int, outcome: str
) -> None:
    answer = fulfillment.later(seconds=seconds).begin_stage(before="accept-orders", due=NOW)
    assert answer["outcome"] == outcome
    if outcome == "wait":
        assert answer["before"] == "accept-orders"
        assert answer["retry_after"] == min(60, STAGE_GRACE - seconds)
    else:
        assert answer["out_of_order"]
        assert run(fulfillment)["out_of_order"]


def test_a_stage_waits_while_the_one_before_it_runs_also_past_its_grace(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage("accept-orders", OWNER)
    late = fulfillment.later(seconds=STAGE_GRACE + 1)
    assert late.begin_stage(before="accept-orders", due=NOW)["outcome"] == "wait"
    late.end_stage(OWNER, "accept-orders")
    assert late.begin_stage(before="accept-orders", due=NOW) == {
        "outcome": "run",
        "tries": 1,
        "out_of_order": False,
        "breaker": None,
    }


def test_a_stage_runs_out_of_order_when_the_one_before_it_failed(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage("accept-orders", OWNER)
    fulfillment.end_stage(OWNER, "accept-orders", finished=False)
    assert fulfillment.begin_stage(before="accept-orders", due=NOW)["out_of_order"]


def test_a_stage_runs_out_of_order_when_the_one_before_it_died(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage("accept-orders", OWNER)
    late = fulfillment.later(seconds=STAGE_LEASE)
    assert late.begin_stage(before="accept-orders", due=NOW)["out_of_order"]


def test_a_run_in_another_cycle_is_not_the_stage_before(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage("accept-orders", OWNER, cycle=NEXT_CYCLE)
    late = fulfillment.later(seconds=STAGE_GRACE)
    assert late.begin_stage(before="accept-orders", due=NOW)["outcome"] == "run"


def test_a_cycle_by_hand_waits_for_a_running_stage_and_for_no_missing_one(fulfillment: Fulfillment) -> None:
    assert fulfillment.begin_stage(cycle="manual-1", before="accept-orders")["outcome"] == "run"
    fulfillment.begin_stage("accept-orders", OWNER, cycle="manual-2")
    late = fulfillment.later(seconds=STAGE_LEASE - 1)
    assert late.begin_stage("update-tracking", cycle="manual-2", before="accept-orders")["outcome"] == "wait"


def test_a_stage_that_waited_has_left_nothing_behind(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(before="accept-orders", due=NOW)
    assert fulfillment.one("select count(*) from stage_runs") == {"count": 0}


def test_a_run_that_ended_does_not_begin_again_with_a_late_copy_of_its_call(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    for finished in (False, True):
        fulfillment.end_stage(OWNER, finished=finished)
        with pytest.raises(psycopg.Error, match="this run of create-labels in cycle") as refusal:
            fulfillment.begin_stage(owner=OWNER)
        assert refusal.value.sqlstate == "PT409"


def fault(hold: float, reason: str = "the key is refused") -> Json:
    return {"cause": "account", "reason": reason, "hold_seconds": hold}


def stopped(fulfillment: Fulfillment, cycle: str, hold: float) -> Json:
    """The breaker that the run after one with a fault sees."""
    owner = uuid.uuid4()
    fulfillment.begin_stage(owner=owner, cycle=cycle)
    for _ in range(2):  # a repeated call is no further try
        assert fulfillment.end_stage(owner, cycle=cycle, finished=False, fault=fault(hold))
    breaker: Json = fulfillment.begin_stage(owner=uuid.uuid4(), cycle=cycle)["breaker"]
    return breaker


def test_a_fault_opens_the_stage_s_breaker_and_each_further_one_is_a_further_try(
    fulfillment: Fulfillment,
) -> None:
    first = stopped(fulfillment, "c1", 300)
    assert (first["cause"], first["reason"], first["tries"]) == ("account", "the key is refused", 1)
    assert datetime.fromisoformat(first["retry_at"]) == NOW + timedelta(minutes=5)
    later = fulfillment.later(hours=1)
    second = stopped(later, "c2", 600)
    assert (second["tries"], second["opened_at"]) == (2, first["opened_at"])
    assert datetime.fromisoformat(second["retry_at"]) == later.now + timedelta(minutes=10)
    assert fulfillment.call("open_breakers", now_=None) == [second]
    assert fulfillment.begin_stage("accept-orders")["breaker"] is None, "another stage works"


def test_a_breaker_closes_with_a_run_that_finished_without_a_fault_and_with_no_other(
    fulfillment: Fulfillment,
) -> None:
    stopped(fulfillment, "c1", 300)
    later = fulfillment.later(hours=1)
    for finished in (False, True):
        owner = uuid.uuid4()
        assert later.begin_stage(owner=owner, cycle="c2")["breaker"] is not None
        later.end_stage(owner, cycle="c2", finished=finished)
    assert later.begin_stage(cycle="c3")["breaker"] is None


def test_a_run_that_finished_with_a_fault_keeps_the_breaker_open(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    fulfillment.end_stage(OWNER, fault=fault(300))
    assert fulfillment.begin_stage(cycle=NEXT_CYCLE)["breaker"] is not None


@pytest.mark.parametrize("cycles", [1, CALLERS], ids=["one cycle", "many cycles"])
def test_of_many_firings_at_once_one_runs(database: Database, fulfillment: Fulfillment, cycles: int) -> None:
    calls = [
        lambda caller, number=number: caller.begin_stage(cycle=f"c{number % cycles}")
        for number in range(CALLERS)
    ]
    outcomes = Counter(answer["outcome"] for answer in at_once(database, calls) if isinstance(answer, dict))
    assert outcomes == {"run": 1, "busy": CALLERS - 1}
    assert fulfillment.one("select count(*) from stage_runs") == {"count": 1}


def test_of_many_firings_after_a_death_one_takes_over(database: Database, fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    calls = [lambda caller: caller.later(seconds=STAGE_LEASE).begin_stage()] * CALLERS
    outcomes = Counter(answer["outcome"] for answer in at_once(database, calls) if isinstance(answer, dict))
    assert outcomes == {"run": 1, "busy": CALLERS - 1}
    assert run(fulfillment)["tries"] == 2


def renewing(stage: str, fulfillment: Fulfillment) -> bool:
    return fulfillment.later(seconds=STAGE_LEASE).renew_stage(OWNER, stage)


def taking_over(stage: str, fulfillment: Fulfillment) -> bool:
    begun = fulfillment.later(seconds=STAGE_LEASE).begin_stage(stage, OTHER, cycle=NEXT_CYCLE)
    return bool(begun["outcome"] == "run")


def test_renewing_and_taking_over_at_once_leave_one_that_runs(
    database: Database, fulfillment: Fulfillment
) -> None:
    for stage in [f"stage {number}" for number in range(16)]:
        fulfillment.begin_stage(stage, OWNER)
        renewed, taken = at_once(database, [partial(renewing, stage), partial(taking_over, stage)])
        assert {renewed, taken} == {True, False}


def test_no_second_running_run_of_a_stage_can_be_written_past_the_functions(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_running_run_per_stage"):
        fulfillment.connection.execute(
            "insert into stage_runs (cycle, stage, trigger, owner, lease_until, begun_at)"
            " select 'other', stage, trigger, owner, lease_until, begun_at from stage_runs"
        )
