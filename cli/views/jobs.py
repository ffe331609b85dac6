from collections.abc import Sequence

from cli.screen import Screen, shown
from cli.views.times import moment
from shared.cloud.scheduler import ScheduledJob

_DONE = {"pause": "paused", "resume": "resumed", "run": "fired"}


def show_jobs(screen: Screen, jobs: Sequence[ScheduledJob], action: str) -> None:
    if action in _DONE:
        for job in jobs:
            screen.line(f"{screen.symbol('done')} {_DONE[action]}: {shown(job.name)}", style="bold")
    if not jobs:
        screen.line(f"{screen.symbol('warning')} Cloud Scheduler has no jobs there")
        return
    screen.table(
        ("job", "state", "schedule", "time zone", "next", "last attempt", "answer"),
        [
            (
                job.name,
                job.state.lower(),
                job.schedule,
                job.time_zone,
                moment(job.next_time),
                moment(job.last_attempt),
                job.last_status or "never run",
            )
            for job in jobs
        ],
    )
