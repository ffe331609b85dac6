"""Shows and changes what Cloud Scheduler fires, through its own client, in the cloud and on the laptop.

The address: `--location` (with `--project`, `--endpoint`) beats SCHEDULER_LOCATION (with GOOGLE_CLOUD_PROJECT,
SCHEDULER_API_ENDPOINT). Without a location, the running laptop cloud is used.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime

from cli.failures import NoAnswer, NotReached, Refused, WrongUsage
from cli.laptop_cloud import START_IT, local_state
from shared.cloud.scheduler import CloudSchedulerJobs, SchedulerAddress
from shared.errors import RequestRefused, RetryLater
from shared.schedule import ScheduledJob

LOCATION_VARIABLE = "SCHEDULER_LOCATION"
PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"
ENDPOINT_VARIABLE = "SCHEDULER_API_ENDPOINT"
_TIMEOUT = 30.0


def change_schedule(
    given: Namespace,
    environment: Mapping[str, str],
    local: Callable[[], SchedulerAddress],
    *,
    timeout: float | None,
) -> Sequence[ScheduledJob]:
    """Returns the jobs concerned, in their new state. Raises Failure."""
    if (given.action == "list") == (given.job is not None):
        raise WrongUsage(
            "schedule list takes no STAGE" if given.job else f"schedule {given.action} STAGE: which one?"
        )
    address = scheduler_address(given, environment, local)
    with closing(CloudSchedulerJobs(address, timeout=timeout or _TIMEOUT)) as scheduler:
        try:
            match given.action:
                case "pause":
                    return [scheduler.pause(given.job)]
                case "resume":
                    return [scheduler.resume(given.job)]
                case "run":
                    return [scheduler.run(given.job)]
            return scheduler.jobs()
        except RequestRefused as error:
            raise Refused(error.detail) from error
        except RetryLater as error:
            failure = NoAnswer if given.action == "run" else NotReached
            raise failure(error.detail) from error


def scheduler_address(
    given: Namespace, environment: Mapping[str, str], local: Callable[[], SchedulerAddress]
) -> SchedulerAddress:
    """`local` gives the laptop cloud's address. Raises WrongUsage, and what `local` raises."""
    location = given.location or environment.get(LOCATION_VARIABLE)
    if not location:
        if given.project or given.endpoint:
            raise WrongUsage(f"give the jobs' location, with --location or {LOCATION_VARIABLE}")
        return local()
    project = given.project or environment.get(PROJECT_VARIABLE)
    if not project:
        raise WrongUsage(f"say whose jobs they are, with --project or {PROJECT_VARIABLE}")
    return SchedulerAddress(project, location, given.endpoint or environment.get(ENDPOINT_VARIABLE) or None)


def as_json(job: ScheduledJob) -> dict[str, str | None]:
    """Times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(job).items()
    }


def local_scheduler() -> SchedulerAddress:
    """Raises NotReached."""
    state = local_state()
    part = state.parts.get("scheduler")
    if part is None:
        raise NotReached(f"no laptop cloud is running here; {START_IT}, or the jobs with --location")
    names = state.environment
    return SchedulerAddress(names["GOOGLE_CLOUD_PROJECT"], names["TASKS_LOCATION"], part.url)
