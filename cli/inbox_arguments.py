"""The commands that people look through, their options and ranges."""

import argparse

from cli.order_arguments import Add
from cli.task_filter import add_task_filter
from cli.values import person, task_name, whole
from shared.limits import MOST_LISTED

STATES = ("free", "held", "open", "completed", "failed", "finished", "any")
SORTS = ("urgency", "due", "newest", "part")


def add_inbox_commands(add: Add) -> None:
    pending = add("pending", "list manual tasks; without options, those that nobody has claimed")
    add_task_filter(pending, STATES)
    pending.add_argument("--sort", choices=SORTS, help="default: urgency, for ended tasks newest")
    _paged(pending)
    groups = add("groups", "count manual tasks by the reason why a person has them")
    add_task_filter(groups, STATES)
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


def _paged(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--limit", type=whole(1, MOST_LISTED), default=50, help="at most this many (default: %(default)s)"
    )
    command.add_argument("--all", action="store_true", help="all of them, page by page")
