"""The commands for bulk work on manual tasks, their options and ranges."""

import argparse
from collections.abc import Callable

from cli.task_filter import add_task_filter
from cli.values import job_id, person, text, whole
from shared.limits import MOST_LISTED

Add = Callable[..., argparse.ArgumentParser]
"""(name, what it does) -> the command's parser"""

STANDS = ("applied", "refused", "resolved", "came_back", "waiting")
STATES = ("free", "held", "open", "completed", "failed")


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
    wanted = bulk.add_argument_group("filter", "without any, all tasks that nobody holds")
    add_task_filter(wanted, STATES)
