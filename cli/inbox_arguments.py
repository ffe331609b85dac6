"""The commands that people look through, their options and ranges."""

import argparse

from cli.order_arguments import Add
from cli.values import known_batch_id, person, task_name, whole
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.routing.route import TaskPriority
from shared.limits import MOST_LISTED

STATES = ("free", "held", "open", "completed", "failed", "finished", "any")
SORTS = ("urgency", "due", "newest", "part")
FILTER = (
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
)


def add_inbox_commands(add: Add) -> None:
    pending = add("pending", "list manual tasks; without options, those that nobody has claimed")
    _filter(pending)
    pending.add_argument("--sort", choices=SORTS, help="default: urgency, for ended tasks newest")
    _paged(pending)
    _filter(add("groups", "count manual tasks by the reason why a person has them"))
    task = add("task", "show one manual task with all that helps to work on it")
    task.add_argument("task", metavar="TASK", type=task_name, help=TASK_HELP)
    task.add_argument(
        "--as", metavar="NAME", dest="assignee", type=person, help="who you are: shows your draft"
    )
    _paged(add("batches", "list the batches, newest first, with the places of their records"))
    show = add("show", "show all that happened to a part: batches, decisions, tasks, events, product")
    show.add_argument("part", metavar="PART", type=person, help="the part number")
    show.add_argument("--manufacturer", type=person, help="only the record with this manufacturer")


TASK_HELP = "a manual task: its part number, or eight or more digits of its id"


def _filter(command: argparse.ArgumentParser) -> None:
    command.add_argument("--state", choices=STATES, help="default: free; with --of: open")
    command.add_argument(
        "--priority", choices=[str(priority) for priority in TaskPriority], help="only this priority"
    )
    command.add_argument(
        "--type",
        choices=("workflow_generated", "automation_fallback"),
        help="given to people at once, or after automation failed",
    )
    command.add_argument("--rule", type=person, help="the rule that gave them to a person")
    command.add_argument(
        "--cause", choices=[str(cause) for cause in ErrorCategory], help="why automation failed"
    )
    command.add_argument("--manufacturer", type=person, help="in any spelling of the name")
    command.add_argument("--batch", type=known_batch_id, help="of this batch, with its dead letters")
    command.add_argument(
        "--of",
        metavar="NAME",
        dest="assignee",
        type=person,
        help="held by this person, assigned to or ended by",
    )
    command.add_argument("--overdue", action="store_const", const="true", help="only those that are due")
    command.add_argument("--search", metavar="TEXT", type=person, help="a part of the part number")


def _paged(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--limit", type=whole(1, MOST_LISTED), default=50, help="at most this many (default: %(default)s)"
    )
    command.add_argument("--all", action="store_true", help="all of them, page by page")
