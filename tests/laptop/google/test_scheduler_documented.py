import argparse
import re
from pathlib import Path

from laptop.google.scheduler.__main__ import parser
from laptop.google.scheduler.faults import FaultKind
from laptop.google.scheduler.timekeeper import ClockOrder

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cloud-scheduler.md").read_text()


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    (commands,) = [
        action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    options = {option for command in commands.values() for option in command._option_string_actions}
    own = {option for option in options if option.startswith("--")} - {"--help"}
    assert own == set(re.findall(r"`(--[a-z-]+)`[,|\s]", PAGE)) - {"--once", "--every"}


def test_every_fault_and_every_field_of_the_clock_is_documented() -> None:
    for name in (*FaultKind, *ClockOrder.model_fields):
        assert f"| `{name}` |" in PAGE


def test_every_file_of_the_conformance_suite_is_listed() -> None:
    files = {path.name for path in (ROOT / "tests" / "contract").glob("test_cloud_scheduler_*.py")}
    assert files == set(re.findall(r"^\| `(test_cloud_scheduler_\w+\.py)` \|", PAGE, re.MULTILINE))
