import argparse
import re
from pathlib import Path

import pytest

from laptop.google.scheduler.__main__ import parser as scheduler_parser
from laptop.google.scheduler.clock import ClockOrder
from laptop.google.scheduler.control import FaultKind as SchedulerFault
from laptop.google.tasks.__main__ import parser as tasks_parser
from laptop.google.tasks.control import FaultKind as TasksFault
from laptop.google.tasks.service import NOT_IMITATED

DOCS = Path(__file__).parents[3] / "docs"
TASKS = (DOCS / "cloud-tasks.md").read_text()
SCHEDULER = (DOCS / "cloud-scheduler.md").read_text()


@pytest.mark.parametrize(
    ("parser", "page"),
    [
        (tasks_parser(), TASKS),
        (scheduler_parser(), SCHEDULER.partition("## The jobs")[0]),
    ],
    ids=["tasks", "scheduler"],
)
def test_every_option_is_documented_and_every_documented_option_exists(
    parser: argparse.ArgumentParser, page: str
) -> None:
    existing = {option for option in parser._option_string_actions if option.startswith("--")} - {"--help"}
    assert existing == set(re.findall(r"`(--[a-z-]+)`", page))


@pytest.mark.parametrize(
    ("names", "page"),
    [(TasksFault, TASKS), (SchedulerFault, SCHEDULER), (ClockOrder.model_fields, SCHEDULER)],
    ids=["faults of the queue", "faults of the scheduler", "fields of the clock"],
)
def test_every_fault_and_every_field_of_the_clock_is_documented(names: list[str], page: str) -> None:
    assert {name for name in names if f"| `{name}` |" in page} == set(names)


@pytest.mark.parametrize("method", NOT_IMITATED)
def test_every_method_that_is_not_served_is_documented(method: str) -> None:
    topics = (topic for topic in ("IAM", "CMEK") if topic.lower() in method.lower())
    assert method in TASKS or any(topic in TASKS for topic in topics)
