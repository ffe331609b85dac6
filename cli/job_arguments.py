"""The commands for bulk work on manual tasks, their options and ranges."""

import argparse
from collections.abc import Callable

from cli.values import job_id, known_batch_id, person, text, whole
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.routing.route import TaskPriority
from shared.limits import MOST_LISTED

Add = Callable[..., argparse.ArgumentParser]
"""(name, what it does) -> the command's parser"""

STANDS = ("applied", "refused", "resolved", "came_back", "waiting")
PRIORITIES = [str(priority) for priority in TaskPriority]

FILTER = (
    "state",
    "priority",
    "rule",
    "cause",
    "type",
    "manufacturer",
    "batch",
    "assignee",
    "overdue",
    "search",
)
"""The options that are the filter's fields of the same names."""


def add_job_commands(add: Add) -> None:
    _bulk(add("bulk", "change all manual tasks of a filter: assign, reprioritise, redrive or fail them"))
    jobs = add("jobs", "list bulk jobs, the latest first")
    jobs.add_argument(
        "--limit", type=whole(1, 100), default=20, help="at most this many (default: %(default)s)"
    )
    job = add("job", "show what became of a bulk job's tasks")
    job.add_argument("job", metavar="JOB", type=job_id)
    job.add_argument("--items", choices=STANDS, help="list the tasks that stand so, in the job's order")
    job.add_argument(
        "--limit",
        type=whole(1, MOST_LISTED),
        default=50,
        help="with --items, at most this many (default: %(default)s)",
    )
    job.add_argument(
        "--cancel", action="store_true", help="leave the tasks that were not worked on as they are"
    )
    job.add_argument("--as", metavar="NAME", dest="by", type=person, help="with --cancel, who you are")
    job.add_argument("--note", type=text, help="with --cancel, why")


def _bulk(bulk: argparse.ArgumentParser) -> None:
    bulk.add_argument("action", choices=("assign", "reprioritise", "redrive", "fail"))
    to = bulk.add_mutually_exclusive_group()
    to.add_argument("--to", metavar="NAME", type=person, help="the person to assign to, or the new priority")
    to.add_argument("--to-nobody", action="store_true", help="with assign, take the assignment back")
    bulk.add_argument(
        "--dry-run", action="store_true", help="show what would be done and refused, change nothing"
    )
    bulk.add_argument("--as", metavar="NAME", dest="by", type=person, required=True, help="who you are")
    bulk.add_argument("--note", type=text, help="why; kept with each task. Only a dry run needs none")
    bulk.add_argument(
        "--job-id",
        metavar="UUID",
        type=job_id,
        help="the id of a job whose answer was lost: the same one does nothing twice (default: a new one)",
    )
    _filter(bulk.add_argument_group("filter", "without any, all tasks that nobody holds"))


def _filter(wanted: "argparse._ArgumentGroup") -> None:
    wanted.add_argument(
        "--state",
        choices=("free", "held", "open", "completed", "failed"),
        help="free: nobody holds them (default); held: somebody does; open: both",
    )
    wanted.add_argument("--priority", choices=PRIORITIES, help="only of this priority")
    wanted.add_argument("--rule", metavar="NAME", type=person, help="only what this rule decided")
    wanted.add_argument(
        "--cause", choices=[str(cause) for cause in ErrorCategory], help="only what failed for it"
    )
    wanted.add_argument(
        "--type", choices=("workflow_generated", "automation_fallback"), help="only of this type"
    )
    wanted.add_argument("--manufacturer", metavar="NAME", type=person, help="only of this manufacturer")
    wanted.add_argument("--batch", metavar="ID", type=known_batch_id, help="only of this batch")
    wanted.add_argument(
        "--assignee", metavar="NAME", type=person, help="only what this person holds or is to do"
    )
    wanted.add_argument(
        "--overdue", action=argparse.BooleanOptionalAction, help="only what is overdue, or only the others"
    )
    wanted.add_argument("--search", metavar="TEXT", type=person, help="only part numbers with this in them")
