"""The endpoints of `workflow` about Cloud Scheduler's jobs, which fire the functions."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from shared.errors import NotFound
from shared.limits import LONGEST_NAME
from shared.schedule import Change, Jobs, ScheduledJob, ScheduleLog
from shared.web.call import Answer, Call, NoInput, RequestModel
from shared.web.fields import Person, Text
from shared.web.function import Route, Supply


class ScheduleChange(RequestModel):
    """`by` is the person who changes it, `note` says why."""

    by: Person
    note: Text


def schedule_desk(jobs: Supply, log: Supply) -> Sequence[Route]:
    """They return a Jobs and a ScheduleLog."""
    changes = (
        Route("POST", f"/schedule/{{id}}/{change}", ScheduleChange, _changing(change), (jobs, log))
        for change in get_args(Change)
    )
    return (Route("GET", "/schedule", NoInput, _jobs, (jobs, log)), *changes)


def _jobs(_request: NoInput, _call: Call, jobs: Jobs, log: ScheduleLog) -> Answer:
    changes = log.last_schedule_changes()
    return Answer({"jobs": [_shown(job, changes.get(job.name)) for job in jobs.jobs()]})


def _changing(change: Change) -> Any:  # noqa: ANN401 - a handler
    def handle(request: ScheduleChange, call: Call, jobs: Jobs, log: ScheduleLog) -> Answer:
        """Noted afterwards: what Scheduler refuses did not happen."""
        name = call.path["id"]
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise NotFound("no job has such a name")
        job = getattr(jobs, change)(name)
        noted = log.note_schedule_change(name, change, request.by, request.note)
        asked = {"asked": "to run"} if change == "run" else {}
        return Answer(_shown(job, noted) | asked, logged={"job": name, "change": change})

    return handle


def _shown(job: ScheduledJob, changed: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "job": job.name,
        "state": job.state.lower(),
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "next_time": job.next_time and job.next_time.isoformat(),
        "last_attempt": job.last_attempt and job.last_attempt.isoformat(),
        "last_status": job.last_status,
        "changed": changed,
    }
