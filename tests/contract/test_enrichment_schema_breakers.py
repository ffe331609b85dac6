"""The breaker of a vendor, as all workers share it in the database."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.schema_rows import GRACE, LEASE, NOW, OTHER, OWNER, Json, item
from tests.postgres_support import Database

TOMORROW = NOW + timedelta(hours=10)


def opened(enrichment: Enrichment, number: int, prefix: str = "P") -> list[UUID]:
    """Many tasks in one batch, without their queue."""
    enrichment.begin(prefix)
    items = [item(f"{prefix}{each}") for each in range(number)]
    found = enrichment.open(items, batch=prefix, daily_limit=1_000_000)
    return [UUID(task["id"]) for task in found["automation"]]


def fail_at(enrichment: Enrichment, task: UUID, cause: str = "down") -> Json:
    """Claims the task, and has the vendor fail it; an isolated failure is released as a spent attempt."""
    owner = uuid.uuid4()
    assert enrichment.claim(task, owner)["outcome"] == "claimed"
    noted = enrichment.blame(task, owner, cause)
    if noted["outcome"] == "stands":
        assert enrichment.release(task, owner)
    return noted


def after(moment: str, enrichment: Enrichment) -> Enrichment:
    """At the time that the database named."""
    return enrichment.later(seconds=(datetime.fromisoformat(moment) - enrichment.now).total_seconds())


def test_fifty_refusals_of_our_account_fail_nothing_and_pause_the_line(enrichment: Enrichment) -> None:
    """Seen: 50 refusals gave 50 dead letters at the first try."""
    tasks = opened(enrichment, 50)
    assert fail_at(enrichment, tasks[0], "account")["outcome"] == "waits"
    outcomes = [enrichment.claim(task, uuid.uuid4())["outcome"] for task in tasks[1:]]
    assert outcomes == ["postponed"] * 49
    assert enrichment.one(
        "select sum(attempts), count(*) filter (where state = 'failed') from automation_tasks"
    ) == {
        "sum": 0,
        "count": 0,
    }
    breaker = enrichment.later(seconds=1).breaker()
    assert (breaker["state"], breaker["cause"], breaker["waiting"]) == ("open", "account", 50)
    assert breaker["until"] == "2026-03-02T12:05:00+00:00"
    assert enrichment.all("select * from manufacturers") == []


def test_five_thousand_tasks_on_a_spent_day_cost_one_call(enrichment: Enrichment) -> None:
    tasks = opened(enrichment, 5000)
    enrichment.claim(tasks[0])
    assert enrichment.postpone(tasks[0], TOMORROW) == 1
    claims = [enrichment.claim(task, uuid.uuid4()) for task in tasks[1:]]
    assert Counter((claim["outcome"], claim["attempts"]) for claim in claims) == {("postponed", 0): 4999}
    assert enrichment.one(
        "select sum(deliveries), min(not_before), max(generation) from automation_tasks"
    ) == {
        "sum": 1,
        "min": TOMORROW,
        "max": 1,
    }
    (spread,) = enrichment.one("select max(not_before) as last from automation_tasks").values()
    assert TOMORROW < spread <= TOMORROW + timedelta(seconds=3)
    assert enrichment.breaker()["waiting"] == 5000


def test_a_task_that_waits_is_repeatable_and_due_for_the_sweep(enrichment: Enrichment) -> None:
    first, second = opened(enrichment, 2)
    enrichment.claim(first)
    enrichment.postpone(first, TOMORROW)
    claim = enrichment.claim(second, OTHER)
    assert (claim["outcome"], claim["generation"], claim["renewed"]) == ("postponed", 1, 0)
    row = enrichment.task(second)
    assert (row["enqueued_at"], row["lease_owner"]) == (None, None)
    assert row["sweep_after"] == NOW + timedelta(seconds=GRACE)
    assert enrichment.claim(second, OTHER) == claim
    assert enrichment.task(second) == row


def test_waiting_day_after_day_leaves_the_renewals_whole(enrichment: Enrichment) -> None:
    """Seen: five daily limits used up all generations."""
    task = enrichment.automation()
    day = enrichment
    for number in range(1, 8):
        owner = uuid.uuid4()
        assert day.claim(task, owner)["outcome"] == "claimed"
        assert day.postpone(task, day.now + timedelta(days=1), owner) == number
        day = day.later(days=1)
    day.claim(task)
    assert day.finish(task, answer={"a": 1})
    row = day.task(task)
    assert (row["state"], row["attempts"], row["renewed"], row["generation"]) == ("completed", 1, 0, 7)


def test_many_daily_limits_make_no_record_suspect(enrichment: Enrichment) -> None:
    task, day = enrichment.automation(), enrichment
    for _ in range(4):
        owner = uuid.uuid4()
        day.claim(task, owner)
        day.postpone(task, day.now + timedelta(days=1), owner)
        day = day.later(days=1)
    assert fail_at(day, task, "account")["outcome"] == "waits"


def test_three_tasks_that_fail_in_a_row_are_an_outage_and_get_their_attempts_back(
    enrichment: Enrichment,
) -> None:
    first, second, third, fourth = opened(enrichment, 4)
    assert fail_at(enrichment, first)["outcome"] == "stands"
    assert fail_at(enrichment, first)["outcome"] == "stands"
    assert fail_at(enrichment, second)["outcome"] == "stands"
    assert [enrichment.task(task)["attempts"] for task in (first, second)] == [2, 1]
    noted = fail_at(enrichment, third)
    assert noted["outcome"] == "waits"
    assert (enrichment.breaker()["cause"], enrichment.breaker()["until"]) == (
        "down",
        "2026-03-02T12:00:30+00:00",
    )
    assert [enrichment.claim(task, uuid.uuid4())["outcome"] for task in (first, second, fourth)] == [
        "postponed"
    ] * 3
    assert enrichment.one("select sum(attempts) from automation_tasks") == {"sum": 0}


def test_a_task_that_fails_alone_never_opens_the_breaker(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    assert [fail_at(enrichment, task)["outcome"] for _ in range(3)] == ["stands"] * 3
    assert enrichment.claim(task, OTHER)["outcome"] == "spent"


@pytest.mark.parametrize("answer", ["found", "not found"])
def test_an_answer_in_between_means_no_outage(enrichment: Enrichment, answer: str) -> None:
    first, second, good, third = opened(enrichment, 4)
    fail_at(enrichment, first)
    fail_at(enrichment, second)
    enrichment.claim(good)
    assert enrichment.finish(good, answer={"a": 1}) if answer == "found" else enrichment.fail(good)
    assert fail_at(enrichment, third)["outcome"] == "stands"


def test_an_unreadable_answer_in_between_does_not(enrichment: Enrichment) -> None:
    first, second, page, third = opened(enrichment, 4)
    fail_at(enrichment, first)
    fail_at(enrichment, second)
    enrichment.claim(page)
    assert enrichment.fail(page, category="invalid_response")
    assert fail_at(enrichment, third)["outcome"] == "waits"


def test_a_failure_that_is_noted_twice_is_one(enrichment: Enrichment) -> None:
    first, second = opened(enrichment, 2)
    enrichment.claim(first)
    for _ in range(2):
        assert enrichment.blame(first)["outcome"] == "stands"
    enrichment.release(first)
    fail_at(enrichment, second)
    (failing,) = enrichment.one("select failing from vendor_breakers").values()
    assert sorted(len(owners) for owners in failing.values()) == [1, 1]


def test_after_the_pause_one_claim_is_the_probe_and_the_others_wait_for_it(
    database: Database, enrichment: Enrichment
) -> None:
    tasks = opened(enrichment, 33)
    fail_at(enrichment, tasks[0], "account")
    later = enrichment.later(minutes=5)
    claims = at_once(database, [partial(_claim_at, later.now, task=task) for task in tasks[1:]])
    outcomes = Counter(claim["outcome"] for claim in claims if isinstance(claim, dict))
    assert outcomes == {"claimed": 1, "postponed": 31}
    waits = [claim["not_before"] for claim in claims if isinstance(claim, dict) and claim["not_before"]]
    assert min(datetime.fromisoformat(moment) for moment in waits) >= later.now + timedelta(seconds=10)


def _claim_at(moment: datetime, caller: Enrichment, task: UUID) -> Json:
    return Enrichment(caller.connection, moment).claim(task, uuid.uuid4())


def test_a_probe_that_is_answered_closes_the_breaker(enrichment: Enrichment) -> None:
    first, second = opened(enrichment, 2)
    fail_at(enrichment, first, "account")
    later = enrichment.later(minutes=5)
    later.claim(second)
    assert later.finish(second, answer={"a": 1})
    breaker = later.breaker()
    assert (breaker["state"], breaker["closed_by"], breaker["waiting"]) == ("closed", "probe", 1)
    assert later.later(minutes=1).claim(first, OTHER)["outcome"] == "claimed"


def test_an_answer_to_a_call_that_began_before_the_breaker_opened_does_not_close_it(
    enrichment: Enrichment,
) -> None:
    first, second = opened(enrichment, 2)
    enrichment.claim(second, OTHER)
    enrichment.claim(first)
    enrichment.postpone(first, TOMORROW)
    assert enrichment.finish(second, OTHER, answer={"a": 1})
    assert enrichment.breaker()["state"] == "open"


@pytest.mark.parametrize(
    ("cause", "pauses"),
    [
        ("down", [30, 60, 120, 240, 480, 900, 900]),
        ("account", [300, 600, 1200, 1800, 1800]),
    ],
)
def test_each_failed_probe_doubles_the_pause(enrichment: Enrichment, cause: str, pauses: list[int]) -> None:
    tasks = opened(enrichment, 20)
    for task in tasks[:2]:
        if cause == "down":
            fail_at(enrichment, task, cause)
    now, seen = enrichment, []
    for task in tasks[2 : 2 + len(pauses)]:
        waits = fail_at(now, task, cause)
        until = now.breaker()["until"]
        seen.append((datetime.fromisoformat(until) - now.now).total_seconds())
        assert waits["not_before"] >= until
        now = after(until, now)
    assert seen == pauses


def test_a_failed_probe_waits_behind_the_others(enrichment: Enrichment) -> None:
    tasks = opened(enrichment, 20)
    fail_at(enrichment, tasks[0], "account")
    later = enrichment.later(minutes=5)
    probe = fail_at(later, tasks[1], "account")["not_before"]
    others = [later.claim(task, uuid.uuid4())["not_before"] for task in tasks[2:]]
    assert max(others) < probe


def test_a_probe_that_died_is_followed_by_another(enrichment: Enrichment) -> None:
    first, second, third = opened(enrichment, 3)
    fail_at(enrichment, first, "account")
    later = enrichment.later(minutes=5)
    assert later.claim(second)["outcome"] == "claimed"
    assert later.claim(third, OTHER)["outcome"] == "postponed"
    assert later.later(seconds=LEASE + 60).claim(third, uuid.uuid4())["outcome"] == "claimed"


def test_a_probe_that_a_burst_limit_refused_is_followed_by_another(enrichment: Enrichment) -> None:
    first, second, third = opened(enrichment, 3)
    fail_at(enrichment, first, "account")
    later = enrichment.later(minutes=5)
    later.claim(second)
    later.release(second, refund=True)
    assert later.claim(third, OTHER)["outcome"] == "claimed"


def test_a_task_that_was_given_back_in_three_outages_pays_for_the_fourth(enrichment: Enrichment) -> None:
    """The vendor answered others after each: so it is the record."""
    task, *others = opened(enrichment, 20)
    now = enrichment
    for outage in range(3):
        assert fail_at(now, task, "account")["outcome"] == "waits"
        now = now.later(minutes=5)
        now.claim(others[outage])
        assert now.finish(others[outage], answer={"a": 1})
        now = now.later(minutes=5)
    assert [fail_at(now, task, "account")["outcome"] for _ in range(3)] == ["stands"] * 3
    assert now.breaker()["state"] == "closed"
    assert now.claim(task, OTHER)["outcome"] == "spent"


def test_an_outage_of_more_than_a_day_costs_its_probes_an_attempt(enrichment: Enrichment) -> None:
    tasks = opened(enrichment, 4)
    for task in tasks[:3]:
        fail_at(enrichment, task)
    late = enrichment.later(hours=24)
    assert fail_at(late, tasks[3])["outcome"] == "waits"
    later = after(late.breaker()["until"], late).later(seconds=1)
    assert fail_at(later, tasks[0])["outcome"] == "stands"
    assert later.breaker()["state"] == "open"


def test_a_saved_answer_needs_no_vendor_and_does_not_wait(enrichment: Enrichment) -> None:
    kept = enrichment.saved("KEPT")
    fail_at(enrichment, enrichment.automation("P1"), "account")
    later = enrichment.later(seconds=LEASE)
    assert later.claim(kept, OTHER)["outcome"] == "claimed"
    assert later.finish(kept, OTHER)
    assert later.breaker()["state"] == "open"


def test_a_resumed_vendor_has_its_waiting_tasks_due_for_the_sweep(enrichment: Enrichment) -> None:
    tasks = opened(enrichment, 3)
    fail_at(enrichment, tasks[0], "account")
    for task in tasks[1:]:
        enrichment.claim(task, uuid.uuid4())
    resumed = enrichment.resume(by="ana", note="new secret")
    assert (resumed["state"], resumed["closed_by"], resumed["note"], resumed["waiting"]) == (
        "closed",
        "ana",
        "new secret",
        0,
    )
    found = enrichment.candidates()
    assert {(each["kind"], each["not_before"], each["generation"]) for each in found} == {
        ("enqueue", None, 2)
    }
    assert enrichment.resume(by="bo") == resumed
    assert enrichment.claim(tasks[0])["outcome"] == "claimed"


def test_an_unknown_vendor_cannot_be_resumed(enrichment: Enrichment) -> None:
    with pytest.raises(psycopg.Error, match="no breaker of a vendor nobody") as refusal:
        enrichment.resume("nobody")
    assert refusal.value.sqlstate == "PT404"


def test_a_run_is_told_that_the_vendor_s_day_is_over_until_a_probe_is_due(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    assert enrichment.begin("open")["paused_until"] is None
    enrichment.claim(task)
    enrichment.postpone(task, TOMORROW)
    told = enrichment.begin("over")["paused_until"]
    assert datetime.fromisoformat(told) == TOMORROW
    assert enrichment.later(hours=10).begin("later")["paused_until"] is None


def test_a_run_is_not_told_of_a_refused_account(enrichment: Enrichment) -> None:
    """New records tell it from one part that is refused."""
    task = enrichment.automation()
    enrichment.claim(task)
    enrichment.blame(task, cause="account")
    assert enrichment.breaker()["cause"] == "account"
    assert enrichment.begin("b2")["paused_until"] is None


def test_a_renewal_counts_and_begins_at_once(enrichment: Enrichment) -> None:
    task = enrichment.automation()
    enrichment.claim(task)
    assert [enrichment.renewed(task) for _ in range(2)] == [1, 1]
    row = enrichment.task(task)
    assert (row["renewed"], row["attempts"], row["not_before"], row["enqueued_at"]) == (1, 0, None, None)
    assert enrichment.renewed(task, OWNER) == 1
    assert enrichment.renewed(task, OTHER) is None


def test_what_a_claim_put_off_while_the_vendor_was_resumed_is_due_by_the_next_call(
    enrichment: Enrichment,
) -> None:
    late, other = opened(enrichment, 2)
    owner = uuid.uuid4()
    enrichment.claim(other, owner)
    enrichment.blame(other, owner, "daily_limit", until=enrichment.now + timedelta(hours=12))
    enrichment.resume()
    enrichment.connection.execute(
        "update automation_tasks set generation = 1, asks = 'digikey', not_before = %s where id = %s",
        (enrichment.now + timedelta(hours=12), late),
    )
    later = enrichment.later(minutes=1)
    assert later.resume(by="bob")["waiting"] == 0
    assert (later.breaker()["closed_by"], later.claim(late)["outcome"]) == ("ana", "claimed")
