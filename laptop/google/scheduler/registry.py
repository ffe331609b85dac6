"""All jobs and runs, in memory and durably in the journal. A call is answered after its commit."""

import itertools
import json
from typing import Any

from laptop.google.common.journal import Journal, Statement
from laptop.google.scheduler import validation
from laptop.google.scheduler.clock import Clock
from laptop.google.scheduler.job import LiveJob, Run
from laptop.google.scheduler.messages import ENABLED, PAUSED, Job, JobMessage
from laptop.google.scheduler.validation import JOB, ForcedTime, Settings

_PUT_JOB = (
    "INSERT INTO jobs VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET message = excluded.message, due = excluded.due"
)
_PUT_RUN = "INSERT INTO runs VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET progress = excluded.progress"
_PUT_CLOCK = "INSERT INTO clock VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET pace = excluded.pace"


class Registry:
    def __init__(self, journal: Journal, settings: Settings, clock: Clock) -> None:
        self.jobs: dict[str, LiveJob] = {}
        self.clock = clock
        self._settings = settings
        self._journal = journal
        self._run_ids = itertools.count(1)

    async def load(self) -> None:
        """Reads the data file. Runs that were outstanding are due again."""
        for (pace,) in await self._journal.read("SELECT pace FROM clock"):
            self.clock.restore(json.loads(pace))
        for blob, due in await self._journal.read("SELECT message, due FROM jobs ORDER BY name"):
            job = LiveJob(Job.FromString(blob))
            job.due = due
            self.jobs[job.name] = job
        rows = await self._journal.read("SELECT id, job, progress FROM runs ORDER BY id")
        for ident, job_name, progress in rows:
            self.jobs[job_name].runs[ident] = Run(ident, **json.loads(progress))
        last = (await self._journal.read("SELECT coalesce(max(run), 0) FROM firings"))[0][0]
        self._run_ids = itertools.count(max(last, rows[-1][0] if rows else 0) + 1)

    # --- jobs -------------------------------------------------------------------------------------------------

    def job(self, name: str) -> LiveJob:
        found = self.jobs.get(JOB.check(name))
        if found is None:
            raise validation.no_such_job()
        return found

    async def create(self, parent: str, given: JobMessage) -> LiveJob:
        now = self.clock()
        message = validation.new_job(parent, given, now=now, settings=self._settings)
        if message.name in self.jobs:
            await self.flush()  # a crash must not lose a job that was reported to exist
            raise validation.job_exists(message.name)
        job = self.jobs[message.name] = LiveJob(message)
        job.reschedule(now)
        await self._journal.write(self._put(job))
        return job

    async def update(self, job: LiveJob, given: JobMessage, mask: Any) -> None:  # noqa: ANN401  # a FieldMask
        now = self.clock()
        message = validation.changed_job(job.message, given, mask, now=now, settings=self._settings)
        job.configure(message)
        job.reschedule(now)
        await self._journal.write(self._put(job))

    async def pause(self, job: LiveJob) -> None:
        """Gives up the runs that wait for a retry."""
        self._require(job, ENABLED)
        job.message.state = PAUSED
        job.due = None
        waiting = [run for run in job.runs.values() if not run.outstanding]
        await self._journal.write(*(self._end(job, run) for run in waiting), self._put(job))

    async def resume(self, job: LiveJob) -> None:
        """Times that passed during the pause are skipped."""
        self._require(job, PAUSED)
        job.message.state = ENABLED
        job.reschedule(self.clock())
        await self._journal.write(self._put(job))

    async def delete(self, job: LiveJob) -> None:
        del self.jobs[job.name]
        job.deleted = True
        await self._journal.write(
            ("DELETE FROM runs WHERE job = ?", (job.name,)), ("DELETE FROM jobs WHERE name = ?", (job.name,))
        )

    def save(self, job: LiveJob) -> None:
        self._journal.post(self._put(job))

    def _require(self, job: LiveJob, state: int) -> None:
        if job.message.state != state:
            raise validation.wrong_state(job.name, "ENABLED" if state == ENABLED else "PAUSED")

    def _put(self, job: LiveJob) -> Statement:
        return _PUT_JOB, (job.name, job.message.SerializeToString(), job.due)

    # --- runs -------------------------------------------------------------------------------------------------

    def begin(self, job: LiveJob, now: float) -> None:
        """Begins the run that is due; of several missed ones, the last. Gives up the run before it."""
        assert job.due is not None
        if before := job.scheduled_run:
            self._journal.post(self._end(job, before))
        schedule_time = job.schedule.latest(job.due, now)
        job.reschedule(now)
        self._add(job, Run(next(self._run_ids), forced=False, schedule_time=schedule_time, attempt_at=now))

    async def force(self, job: LiveJob) -> None:
        now = self.clock()
        following = self._settings.forced_time is ForcedTime.NEXT
        time = (job.due or job.schedule.next(now)) if following else None
        self._add(job, Run(next(self._run_ids), forced=True, schedule_time=time, attempt_at=now))
        await self.flush()

    def _add(self, job: LiveJob, run: Run) -> None:
        job.runs[run.ident] = run
        self.save(job)
        self.save_run(job, run)

    def save_run(self, job: LiveJob, run: Run) -> None:
        if not job.deleted:
            self._journal.post((_PUT_RUN, (run.ident, job.name, json.dumps(run.row()))))

    def end_run(self, job: LiveJob, run: Run) -> None:
        self._journal.post(self._end(job, run))

    def _end(self, job: LiveJob, run: Run) -> Statement:
        del job.runs[run.ident]
        return "DELETE FROM runs WHERE id = ?", (run.ident,)

    # --- time -------------------------------------------------------------------------------------------------

    def keep_clock(self) -> None:
        self._journal.post((_PUT_CLOCK, (json.dumps(self.clock.state()),)))

    def retime(self, shift: float) -> None:
        """Adjusts all times after the clock was set: runs in between do not count as missed, waits stay as long."""
        now = self.clock()
        for job in self.jobs.values():
            job.reschedule(now)
            self.save(job)
            for run in job.runs.values():
                run.attempt_at += shift
                run.first_attempt = None if run.first_attempt is None else run.first_attempt + shift
                self.save_run(job, run)

    async def flush(self) -> None:
        """Returns when all earlier writes are on disk."""
        await self._journal.write()
