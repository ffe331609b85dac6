"""The commands `now`, `insight` and `schedule`."""

import os
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from cli.answer_file import AnswerFile
from cli.answers import parsed
from cli.command import Commands
from cli.failures import OK, NoAnswer, NotReached, WrongUsage
from cli.insight_answers import Insight, LastRun, Now, StageNow
from cli.insight_views import run_outcome, show_insight, show_now
from cli.schedule import as_json, change_schedule, local_scheduler
from cli.screen import shown
from cli.views import moment, show_jobs
from shared.fulfillment.pipeline import load_pipeline
from shared.schedule import ScheduledJob

Json = dict[str, Any]

LONGEST_RUN = 900.0
"""Seconds; a stage ends earlier by itself."""

POLL = 0.5
PATIENCE = 10.0
"""Seconds after Cloud Scheduler's call in which a run must begin, if one does."""


class InsightCommands(Commands):
    """The commands about now, the past, and the schedule."""

    def now(self, _given: Namespace) -> int:
        answer = self.functions.get("/now")
        found = parsed(Now, answer)
        return self.finish(answer, lambda: show_now(self.screen, found), bad=not found.is_well)

    def insight(self, given: Namespace) -> int:
        path = f"/insight/{given.series}"
        query = {name: str(day) for name in ("first", "last") if (day := getattr(given, name))}
        if given.csv:
            if given.output is not None:
                raise WrongUsage("insight: give --csv FILE or --output FILE, not both")
            with AnswerFile(given.csv) as file:
                file.write_file(self.functions.file(path, query | {"csv": "true"}).content)
            return OK
        answer = self.functions.get(path, query)
        found = parsed(Insight, answer)
        return self.finish(answer, lambda: show_insight(self.screen, found))

    def schedule(self, given: Namespace) -> int:
        follows = given.action == "run" and given.job in {stage.name for stage in load_pipeline().stages}
        try:
            before = self._stage(given.job).last_run if follows else None
        except NotReached as failure:  # the job may be fired all the same
            self.notify(f"the run cannot be followed: {failure}")
            follows, before = False, None
        jobs = self._schedule(given)
        if not follows:
            answer: Json = {"jobs": [as_json(job) for job in jobs]}
            return self.finish(answer, lambda: show_jobs(self.screen, jobs, given.action))
        self.notify(f"asked to run: {given.job}")
        return self._follow(given, jobs[0], before)

    def _schedule(self, given: Namespace, action: str | None = None) -> Sequence[ScheduledJob]:
        asked = Namespace(**vars(given) | ({"action": action, "job": None} if action else {}))
        return change_schedule(asked, os.environ, local_scheduler, timeout=getattr(given, "timeout", None))

    def _stage(self, name: str) -> StageNow:
        now = parsed(Now, self.functions.get("/now"))
        return next(stage for stage in now.orders.stages if stage.stage == name)

    def _follow(self, given: Namespace, fired: ScheduledJob, before: LastRun | None) -> int:
        """Waits for the end of the run that Cloud Scheduler was asked for, or for its refusal."""
        deadline = time.monotonic() + (getattr(given, "timeout", None) or LONGEST_RUN)
        called: float | None = None  # when Scheduler was first seen to have called
        while time.monotonic() < deadline:
            run = self._stage(given.job).last_run
            if run and (before is None or run.begun_at != before.begun_at) and run.state != "running":
                return self._ended(given.job, run)
            if run is None or run.state != "running":
                (job,) = (each for each in self._schedule(given, "list") if each.name == given.job)
                if job.last_attempt != fired.last_attempt and called is None:
                    called = time.monotonic()
                if called and time.monotonic() > called + PATIENCE:
                    return self._not_begun(job, run)
            time.sleep(POLL)
        raise NoAnswer(f"{given.job} was asked to run and has not ended yet; `stages` shows its end")

    def _ended(self, job: str, run: LastRun) -> int:
        bad = run.state != "finished" or run.errors > 0
        symbol = self.screen.symbol("bad" if bad else "done")

        def show() -> None:
            self.screen.line(
                f"{symbol} {shown(job)} {run.state} at {moment(run.ended_at)}: {run_outcome(run)}",
                style="bold",
            )

        return self.finish({"job": job, "run": run.model_dump(mode="json")}, show, bad=bad)

    def _not_begun(self, job: ScheduledJob, last: LastRun | None) -> int:
        """The stage answered without a run: it had run in this cycle, or waits for the stage before it."""
        ran = f"; it ran last in cycle {last.cycle}, until {moment(last.ended_at)}" if last else ""
        text = f"{job.name} was called ({job.last_status}) and began no run{ran}"

        def show() -> None:
            self.screen.line(f"{self.screen.symbol('warning')} {shown(text)}", style="yellow")

        return self.finish({"job": job.name, "run": None, "detail": text}, show, bad=job.last_status != "OK")
