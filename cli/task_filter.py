"""The filter of manual tasks: the same options for lists, groups, bulk jobs and `next`."""

import argparse
from collections.abc import Sequence
from typing import Any

from cli.values import known_batch_id, person
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.routing.route import TaskPriority

PRIORITIES = [str(priority) for priority in TaskPriority]
_FIELDS = [
    "state",
    "priority",
    "type",
    "rule",
    "cause",
    "manufacturer",
    "batch",
    "assignee",
    "overdue",
    "search",
]


def add_task_filter(command: "argparse._ActionsContainer", states: Sequence[str] = ()) -> None:
    """Without `states` there is no choice of whose tasks: the command takes free ones alone."""

    def one_of(option: str, choices: Sequence[str], about: str) -> None:
        command.add_argument(option, choices=choices, help=about)

    def name(option: str, metavar: str, about: str) -> None:
        command.add_argument(option, metavar=metavar, type=person, help=about)

    if states:
        one_of("--state", states, "default: free, that is what nobody holds; with --of: open")
        about = "held by this person, assigned to or ended by"
        command.add_argument("--of", metavar="NAME", dest="assignee", type=person, help=about)
    one_of("--priority", PRIORITIES, "only of this priority")
    one_of(
        "--type",
        ("workflow_generated", "automation_fallback"),
        "given to people at once, or after automation failed",
    )
    name("--rule", "NAME", "only what this rule gave to a person")
    one_of("--cause", [str(cause) for cause in ErrorCategory], "only what automation failed for")
    name("--manufacturer", "NAME", "only of this one, in any spelling")
    command.add_argument(
        "--batch", metavar="ID", type=known_batch_id, help="only of this batch, with its dead letters"
    )
    command.add_argument(
        "--overdue", action=argparse.BooleanOptionalAction, help="only what is overdue, or only the others"
    )
    name("--search", "TEXT", "only part numbers with this in them")


def task_filter(given: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by the names of the API's fields."""
    wanted = {name: getattr(given, name, None) for name in _FIELDS}
    return {name: value for name, value in wanted.items() if value is not None}
