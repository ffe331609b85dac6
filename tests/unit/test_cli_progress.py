from datetime import UTC, datetime, timedelta

import pytest

from cli.answers import BatchStatus, Vendor
from cli.watch import ABANDONED_AFTER, Share, progress_of, why_it_waits
from tests.cli_support import batch, vendor

BEGUN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def status(**changes: object) -> BatchStatus:
    return BatchStatus.model_validate(batch() | {"created_at": BEGUN} | changes)


def test_ended_tasks_are_those_completed_and_those_failed() -> None:
    progress = progress_of(
        status(automation={"completed": 2, "failed": 1, "processing": 4}, manual={}), BEGUN
    )

    assert progress.automation == Share(total=7, ended=3, failed=1)
    assert progress.people == Share(total=0, ended=0, failed=0)
    assert progress.in_words == "automation 3 of 7 (1 failed), people 0 of 0"


@pytest.mark.parametrize(
    ("changes", "age", "over"),
    [
        ({"automation": {"completed": 1}}, timedelta(0), True),
        ({"automation": {"completed": 1}, "closed_at": None}, timedelta(0), False),
        ({"automation": {"completed": 1}, "closed_at": None}, ABANDONED_AFTER, False),
        ({"automation": {"completed": 1}, "closed_at": None}, ABANDONED_AFTER + timedelta(seconds=1), True),
        ({"automation": {"initialized": 1}}, timedelta(days=1), False),
        ({"automation": {}}, timedelta(0), True),
        ({"automation": {"initialized": 1}, "state": "completed"}, timedelta(0), True),
    ],
)
def test_automation_has_nothing_left_when_nothing_is_open_and_nothing_more_comes(
    changes: dict[str, object],
    age: timedelta,
    over: bool,  # noqa: FBT001 - a table's column
) -> None:
    progress = progress_of(status(**changes), BEGUN + age)

    assert progress.automation_ended is over
    assert progress.ended is (changes.get("state") == "completed")


WAITING = {"automation": {"initialized": 12, "processing": 3, "completed": 4}, "manual": {}}


def a_vendor(**changes: object) -> Vendor:
    return Vendor.model_validate(vendor() | changes)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("daily_limit", "the day's quota of digikey is used"),
        ("down", "digikey is down"),
        ("account", "digikey refuses our account"),
        (None, "digikey is paused"),
    ],
)
def test_a_paused_vendor_is_why_automation_waits(cause: str | None, words: str) -> None:
    why = why_it_waits(status(**WAITING), [a_vendor(cause=cause)])

    assert why == f"{words}: 12 records wait, asked again at 2026-11-22 10:05:00Z"


def test_without_a_paused_vendor_it_is_the_queue_or_the_work_itself() -> None:
    assert why_it_waits(status(**WAITING), [a_vendor(state="closed")]) == "12 in the queue, 3 at work"
    assert why_it_waits(status(**WAITING), []) == "12 in the queue, 3 at work"


def test_what_people_hold_and_what_nobody_has_claimed_is_told_apart() -> None:
    waiting = status(automation={"completed": 1}, manual={"initialized": 5, "processing": 2, "failed": 1})

    assert why_it_waits(waiting, [a_vendor()]) == "people hold 2, 5 unclaimed"


def test_a_batch_that_has_ended_waits_for_nothing() -> None:
    assert why_it_waits(status(automation={"completed": 1}, manual={"failed": 1}), [a_vendor()]) == ""
