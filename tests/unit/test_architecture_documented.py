"""The times, figures and rooms of docs/architecture.md are those of the code."""

import re
from pathlib import Path

import pytest

from shared.cloud.in_flight import IN_FLIGHT
from shared.fulfillment.label import SETTLING
from shared.fulfillment.pipeline import load_pipeline
from shared.settings import GROUPS

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split())
DEFAULTS = {field.alias: field.default for group in GROUPS for field in group.model_fields.values()}
TERRAFORM = (ROOT / "infra" / "terraform" / "variables.tf").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "variable"),
    [
        ("lease", "AUTOMATION_LEASE_SECONDS"),
        ("grace", "SWEEP_GRACE_SECONDS"),
        ("patience", "SWEEP_PATIENCE_SECONDS"),
    ],
)
def test_the_times_are_the_defaults_of_the_settings(word: str, variable: str) -> None:
    [sentence] = re.findall(r"The times are those of the cloud: (.*?) \(", PAGE)

    assert f"{word} {DEFAULTS[variable]} s" in sentence.split(", ")


def test_terraform_gives_the_lease_that_the_page_names() -> None:
    [lease] = re.findall(r'"automation_lease_seconds" \{.*?default += (\d+)', TERRAFORM, re.DOTALL)

    assert f"lease {lease} s" in PAGE


def test_the_other_figures_are_those_of_the_code() -> None:
    assert f"settling time ({SETTLING.seconds // 60} minutes)" in PAGE
    assert f"Every {load_pipeline().interval_minutes} minutes Scheduler fires" in PAGE
    assert f"{IN_FLIGHT} calls in flight" in PAGE


def test_every_room_exists_and_every_folder_of_shared_is_a_room() -> None:
    rooms = set(re.findall(r"\| `([a-z/]+)/` \|", PAGE))
    folders = {path.parent.name for path in (ROOT / "shared").glob("*/__init__.py")}

    assert [room for room in rooms if not (ROOT / "shared" / room).is_dir()] == []
    assert folders <= rooms
