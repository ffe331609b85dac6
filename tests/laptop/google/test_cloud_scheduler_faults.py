"""Seeded faults of the scheduler, counted at the target."""

from datetime import timedelta

import pytest

from tests.laptop.google.scheduler_support import Schedule, retry_config


def test_a_duplicate_firing_is_the_same_request_again(schedule: Schedule) -> None:
    schedule.server.inject({"kind": "duplicate_firing", "times": 1})
    job = schedule.add()
    schedule.server.advance(minutes=31)
    assert schedule.schedule_times(job) == ["2026-11-22T12:15:00Z"] * 2 + ["2026-11-22T12:30:00Z"]
    rows = schedule.firings(job)
    assert sorted(row["verdict"] for row in rows) == ["duplicate", "succeeded", "succeeded"]
    assert [row["fault"] for row in rows if row["verdict"] == "duplicate"] == ["duplicate_firing"]


def test_a_late_duplicate_comes_after_the_first_was_answered(schedule: Schedule) -> None:
    schedule.server.inject({"kind": "duplicate_firing", "seconds": 0.3, "times": 1})
    job = schedule.add()
    schedule.server.advance(minutes=15)
    first, second = schedule.calls(job)
    assert second.arrived - first.arrived > 0.1


def test_a_lost_answer_makes_the_scheduler_retry(schedule: Schedule) -> None:
    schedule.server.inject({"kind": "lost_answer", "times": 1})
    job = schedule.add(retry_config=retry_config(retry_count=1))
    schedule.server.advance(minutes=16)
    assert [(row["status"], row["verdict"], row["fault"]) for row in schedule.firings(job)] == [
        (504, "retried", "lost_answer"), (200, "succeeded", None)
    ]  # fmt: skip
    assert len(schedule.calls(job)) == 2


def test_latency_counts_within_the_deadline(schedule: Schedule) -> None:
    schedule.server.inject({"kind": "latency", "seconds": 30, "times": 1})
    job = schedule.add(attempt_deadline=timedelta(seconds=0.2))
    schedule.server.advance(minutes=15)
    assert [row["status"] for row in schedule.firings(job)] == [504]
    assert schedule.calls(job) == []


def test_a_fault_applies_only_to_its_job_and_is_counted(schedule: Schedule) -> None:
    struck, spared = schedule.add(), schedule.add()
    schedule.server.inject({"kind": "lost_answer", "job": struck.rpartition("/")[2]})
    schedule.server.advance(minutes=15)
    assert schedule.firings(struck)[0]["status"] == 504
    assert schedule.firings(spared)[0]["status"] == 200
    assert [fault["struck"] for fault in schedule.server.control("GET", "/faults")["faults"]] == [1]


@pytest.mark.parametrize(
    "order", ['{"faults": [{"kind": "rain"}]}', '{"faults": [{"kind": "latency", "seconds": -1}]}', "{"]
)
def test_a_contradictory_order_is_refused(schedule: Schedule, order: str) -> None:
    assert schedule.server.ask("POST", "/faults", order).status_code == 422
