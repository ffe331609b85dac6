"""docs/operations.md says what to do for each finding and each cause of a stop, with the limits of the code."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from shared.fulfillment.findings import Kind
from shared.fulfillment.ports import Cause
from shared.fulfillment.sequence import FIRST_HOLD, LONGEST_HOLD

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
VARIABLES = (ROOT / "infra" / "terraform" / "variables.tf").read_text(encoding="utf-8")
TABLES = "".join(
    file.read_text(encoding="utf-8") for file in sorted((ROOT / "infra/supabase/migrations").glob("*.sql"))
)


def rows(chapter: str) -> dict[str, str]:
    """The rows of the chapter's table: the first cell, and all others."""
    text = PAGE.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))


def test_each_kind_of_finding_has_a_row_that_says_what_to_do() -> None:
    assert rows("An order needs a person").keys() == set(Kind)


def test_each_cause_that_stops_a_stage_has_a_row_that_says_what_to_do() -> None:
    assert rows("A stage is stopped").keys() == set(Cause) - {Cause.LATE}


def test_a_refused_account_is_tried_again_as_the_page_says() -> None:
    assert timedelta(minutes=5) == FIRST_HOLD
    assert timedelta(hours=1) == LONGEST_HOLD
    assert (
        "after 5 minutes, then twice as long each time, up to an hour"
        in rows("A stage is stopped")["account"]
    )


@pytest.mark.parametrize("source", ["marketplace", "carrier"])
def test_an_alert_fires_when_a_look_is_older_than_the_table_of_limits_allows(source: str) -> None:
    [limit] = re.findall(rf"'{source} look', '(\d+) hours?'", TABLES)
    [threshold] = re.findall(rf"{source}_look_hours += optional\(number, (\d+)\)", VARIABLES)

    assert threshold == limit
