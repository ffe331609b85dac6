"""The commands for bulk work on manual tasks."""

from argparse import Namespace
from typing import Any
from uuid import uuid4

from cli.answers import parsed
from cli.command import Commands
from cli.failures import WrongUsage
from cli.job_answers import Items, Job, Jobs, Preview
from cli.job_views import show_all_jobs, show_items, show_job, show_preview
from cli.task_filter import PRIORITIES, task_filter

Json = dict[str, Any]


class JobCommands(Commands):
    """The commands about bulk jobs."""

    def bulk(self, given: Namespace) -> int:
        request = job_request(given)
        answer = self.functions.post("/jobs", request, repeatable=True)
        if given.dry_run:
            preview = parsed(Preview, answer)
            return self.finish(answer, lambda: show_preview(self.screen, given.action, preview))
        job = parsed(Job, answer)
        while job.state == "working" and job.worked:  # the sweep goes on with what is locked now
            answer = self.functions.post(f"/jobs/{job.id}/go-on", {}, repeatable=True)
            job = parsed(Job, answer)
        return self.finish(answer, lambda: show_job(self.screen, job))

    def jobs(self, given: Namespace) -> int:
        answer = self.functions.get("/jobs", {"limit": given.limit})
        page = parsed(Jobs, answer)
        return self.finish(answer, lambda: show_all_jobs(self.screen, page))

    def job(self, given: Namespace) -> int:
        path = f"/jobs/{given.job}"
        if given.cancel:
            if not (given.by and given.note):
                raise WrongUsage("job --cancel: give --as and --note")
            answer = self.functions.post(
                f"{path}/cancel", {"by": given.by, "note": given.note}, repeatable=True
            )
        else:
            answer = self.functions.get(path)
        job = parsed(Job, answer)
        items: Items | None = None
        if given.items:
            listed = self.functions.get(f"{path}/items", {"stands": given.items, "limit": given.limit})
            items, answer = parsed(Items, listed), answer | listed

        def show() -> None:
            show_job(self.screen, job)
            if items:
                show_items(self.screen, items)

        return self.finish(answer, show)


def job_request(given: Namespace) -> Json:
    """The request for a job or its dry run. A job id is always sent, so that a repeated call creates nothing twice."""
    body: Json = {"kind": given.action, "wanted": task_filter(given), "by": given.by} | _change(given)
    if given.dry_run:
        return body | {"dry_run": True}
    if given.note is None:
        raise WrongUsage("bulk: give --note; only a --dry-run needs none")
    return body | {"note": given.note, "job_id": given.job_id or str(uuid4())}


def _change(given: Namespace) -> Json:
    if given.action == "assign" and (given.to or given.to_nobody):
        return {"assign_to": given.to}
    if given.action == "reprioritise" and given.to in PRIORITIES:
        return {"priority": given.to}
    if given.action == "redrive" and not (given.to or given.to_nobody):
        return {}
    needed = {
        "assign": "--to NAME or --to-nobody",
        "reprioritise": f"--to with {', '.join(PRIORITIES)}",
        "redrive": "no --to",
    }
    raise WrongUsage(f"bulk {given.action}: give {needed[given.action]}")
