from datetime import UTC, datetime, timedelta

import pytest

from cli.answers import BatchStatus
from cli.watch import ABANDONED_AFTER, Share, progress_of
from tests.cli_support import batch

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
