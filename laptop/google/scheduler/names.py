"""Resource names; PURE. What ids may contain: the docstring of `google.cloud.scheduler_v1.types.Job`."""

import re

from laptop.google.common.refusals import invalid
from laptop.google.scheduler import refusals

_LOCATION = r"projects/[A-Za-z0-9:.\-]+/locations/[A-Za-z0-9\-]+"
LOCATION = re.compile(_LOCATION)
JOB = re.compile(_LOCATION + r"/jobs/[A-Za-z0-9_\-]{1,500}")


def short_id(name: str) -> str:
    return name.rpartition("/")[2]


def location(name: str) -> str:
    if not LOCATION.fullmatch(name):
        raise invalid('Location name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>".')
    return name


def job(name: str) -> str:
    if not JOB.fullmatch(name):
        raise refusals.job_name_malformed()
    return name
