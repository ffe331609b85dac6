"""The summary that a person sees of bulk jobs."""

from cli.job_answers import Items, Job, Jobs, Preview
from cli.screen import Screen, shown
from cli.views import moment, state_in_words

_VERBS = {
    "assign": "assigned",
    "reprioritise": "reprioritised",
    "redrive": "given back to automation",
    "fail": "ended as failed",
}


def show_preview(screen: Screen, action: str, preview: Preview) -> None:
    screen.line(
        f"{screen.symbol('trial')} {preview.would} of {preview.matched} tasks would be {_VERBS[action]}",
        style="bold",
    )
    if preview.today < preview.would:
        screen.line(f"  {preview.today} today, the others when a later day's quota has room")
    for reason in preview.refused:
        examples = ", ".join(map(shown, reason.examples))
        screen.line(f"  refused: {reason.count} {shown(reason.why)} (such as {examples})")


def show_job(screen: Screen, job: Job) -> None:
    symbol = screen.symbol("done" if job.state == "finished" else "working")
    screen.line(f"{symbol} {_what(job)}: {job.total} tasks, {state_in_words(job.state)}", style="bold")
    screen.line(f"  job {shown(job.id)}, by {shown(job.by)} at {moment(job.at)}: {shown(job.note)}")
    if job.cancelled:
        screen.line(f"  cancelled by {shown(job.cancelled.by)}: {shown(job.cancelled.note)}")
    if job.applied:
        screen.line(f"  {_VERBS[job.kind]}: {job.applied}")
    if job.resolved:
        people = f", {job.resolved_by_people} of them by people" if job.resolved_by_people else ""
        screen.line(f"  resolved: {job.resolved}{people}")
    for cause in job.came_back:
        given_up = f", {cause.given_up} of them given up by people" if cause.given_up else ""
        screen.line(f"  came back: {cause.count} {shown(cause.cause)}{given_up}")
    for awaited in job.waits_for:
        screen.line(f"  still waiting: {awaited.count} for {shown(awaited.what)}")
    for reason in job.refusals:
        screen.line(f"  refused: {reason.count} {shown(reason.why)}")


def _what(job: Job) -> str:
    if job.kind == "assign":
        return f"assign to {shown(job.assign_to or 'nobody')}"
    return f"reprioritise to {job.priority}" if job.priority else job.kind


def show_all_jobs(screen: Screen, page: Jobs) -> None:
    if not page.jobs:
        screen.line(f"{screen.symbol('done')} no bulk job yet: `bulk --help` says how to begin one")
        return
    screen.line(f"{len(page.jobs)} of {page.total} jobs, the latest first", style="bold")
    if screen.is_terminal:
        for job in page.jobs:
            screen.line()
            show_job(screen, job)
        return
    screen.table(
        (
            "job",
            "at",
            "by",
            "what",
            "state",
            "tasks",
            "applied",
            "resolved",
            "came back",
            "waiting",
            "refused",
        ),
        [
            (
                job.id,
                moment(job.at),
                job.by,
                _what(job),
                state_in_words(job.state),
                *(job.total, job.applied, job.resolved, job.returned, job.waiting, job.refused),
            )
            for job in page.jobs
        ],
    )


def show_items(screen: Screen, page: Items) -> None:
    screen.line()
    screen.line(f"{len(page.items)} of {page.total} tasks", style="bold")
    if screen.is_terminal:
        for item in page.items:
            parts = (item.cause, item.why, item.who and f"by {item.who}")
            screen.line(f"  {shown(item.pn)}: {', '.join(shown(part) for part in parts if part) or '-'}")
        return
    screen.table(
        ("part", "stands", "cause", "why", "by", "manual task"),
        [
            (item.pn, state_in_words(item.stands), item.cause, item.why, item.who, item.manual_task_id)
            for item in page.items
        ],
    )
