"""Resource names; PURE. What ids may contain: the docstrings of `google.cloud.tasks_v2.types` Queue and Task."""

import re

from laptop.google.tasks import refusals

_LOCATION = r"projects/[A-Za-z0-9:.\-]+/locations/[A-Za-z0-9\-]+"
_QUEUE = _LOCATION + r"/queues/[A-Za-z0-9\-]{1,100}"
LOCATION = re.compile(_LOCATION)
QUEUE = re.compile(_QUEUE)
TASK = re.compile(_QUEUE + r"/tasks/[A-Za-z0-9_\-]{1,500}")


def short_id(name: str) -> str:
    return name.rpartition("/")[2]


def queue_of(task_name: str) -> str:
    return task_name.rpartition("/tasks/")[0]


def location(name: str) -> str:
    """The parent of CreateQueue and ListQueues. The project is looked up before the rest of the name is read."""
    if not name.startswith("projects/"):
        raise refusals.no_such_project(name)
    if not LOCATION.fullmatch(name):
        raise refusals.ours(
            'Location name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>".'
        )
    return name


def queue(name: str) -> str:
    if not QUEUE.fullmatch(name):
        raise refusals.ours(
            'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>".'
        )
    return name


def task(name: str) -> str:
    if not TASK.fullmatch(name):
        raise refusals.ours(
            "Task name must be formatted: "
            '"projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>".'
        )
    return name
