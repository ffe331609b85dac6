"""Begins the runs that are due, has their attempts sent and draws the consequences."""

import asyncio
from contextlib import suppress

from google.cloud.scheduler_v1 import HttpMethod

from laptop.google.common.courier import Courier, Parcel
from laptop.google.common.outcome import DEADLINE_PASSED, Outcome
from laptop.google.common.times import timestamp
from laptop.google.scheduler.books import Books
from laptop.google.scheduler.faults import Fault, FaultKind, Faults
from laptop.google.scheduler.headers import attempt_headers
from laptop.google.scheduler.live import LiveJob, Run
from laptop.google.scheduler.messages import put_status
from laptop.google.scheduler.names import short_id
from laptop.google.scheduler.registry import Registry
from laptop.google.scheduler.retry import next_try

_LONGEST_WAIT = 60.0


class Dispatcher:
    def __init__(self, registry: Registry, books: Books, courier: Courier, faults: Faults) -> None:
        self._registry = registry
        self._clock = registry.clock
        self._books = books
        self._courier = courier
        self._faults = faults
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._outstanding = 0
        self._attempts: asyncio.TaskGroup | None = None

    def wake(self) -> None:
        """Something changed: a job came, an answer, another time."""
        self._wake.set()

    async def run(self) -> None:
        """Fires until cancelled; then gives up what is outstanding, which is due again at the next start.

        A bug in an attempt ends the server: better than a job that nobody knows to be dead.
        """
        async with asyncio.TaskGroup() as self._attempts:
            while True:
                self._wake.clear()
                self.fire_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience()):
                        await self._wake.wait()

    def fire_due(self) -> None:
        now = self._clock()
        order = sorted(self._registry.jobs.values(), key=lambda job: (job.due or now, job.name))
        for job in order:
            begins = job.begins()
            if begins is not None and begins <= now:
                self._registry.begin(job, now)
            for run in [run for run in job.runs.values() if not run.outstanding and run.attempt_at <= now]:
                self._attempt(job, run, now)

    def next_event(self) -> float | None:
        """When there is something to do; None while only an answer or a call can change that."""
        events = [job.next_event() for job in self._registry.jobs.values()]
        return min((event for event in events if event is not None), default=None)

    async def quiet(self) -> None:
        """Returns when no request is under way."""
        await self._quiet.wait()

    def _patience(self) -> float:
        """Real seconds until something is due."""
        event = self.next_event()
        if event is None or not self._clock.rate:
            return _LONGEST_WAIT
        return min(max(0.0, (event - self._clock()) / self._clock.rate), _LONGEST_WAIT)

    def _attempt(self, job: LiveJob, run: Run, now: float) -> None:
        assert self._attempts, "attempts are made while `run` goes on"
        run.outstanding = True
        run.first_attempt = now if run.first_attempt is None else run.first_attempt
        job.message.last_attempt_time.CopyFrom(timestamp(now))
        self._registry.save(job)
        self._registry.save_run(job, run)
        scope = short_id(job.name)
        lost = self._faults.draw(FaultKind.LOST_ANSWER, scope)
        twin = self._faults.draw(FaultKind.DUPLICATE_FIRING, scope)
        target = job.message.http_target
        parcel = Parcel(
            HttpMethod(target.http_method).name,
            target.uri,
            attempt_headers(job.name, target, run.schedule_time, now),
            target.body,
        )
        number = self._books.sent(job, run, now, lost.kind if lost else None)
        self._under_way(1)
        self._attempts.create_task(self._make(job, run, parcel, number, answer_lost=lost is not None))
        if twin:
            self._under_way(1)
            self._attempts.create_task(self._repeat(job, run, parcel, twin))

    def _under_way(self, change: int) -> None:
        self._outstanding += change
        if self._outstanding:
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _make(self, job: LiveJob, run: Run, parcel: Parcel, number: int, *, answer_lost: bool) -> None:
        """Nothing is sent before the run is on disk: its repetition must carry the same schedule time."""
        await self._registry.flush()
        outcome = await self._send(job, parcel)
        self._settle(job, run, DEADLINE_PASSED if answer_lost else outcome, number)
        self._under_way(-1)
        self.wake()

    async def _repeat(self, job: LiveJob, run: Run, parcel: Parcel, twin: Fault) -> None:
        """Sends the same request once more. Its outcome changes nothing."""
        number = self._books.sent(job, run, self._clock(), twin.kind)
        await self._registry.flush()
        await asyncio.sleep(twin.seconds)
        outcome = await self._send(job, parcel)
        self._books.ended(number, outcome, verdict="duplicate", now=self._clock())
        self._under_way(-1)
        self.wake()

    async def _send(self, job: LiveJob, parcel: Parcel) -> Outcome:
        deadline = job.deadline
        latency = self._faults.draw(FaultKind.LATENCY, short_id(job.name))
        if latency:
            await asyncio.sleep(min(latency.seconds, deadline))
            deadline -= latency.seconds
        return await self._courier.send(parcel, max(deadline, 0))

    def _settle(self, job: LiveJob, run: Run, outcome: Outcome, number: int) -> None:
        now = self._clock()
        if job.deleted:
            self._books.ended(number, outcome, verdict="discarded", now=now)
            return
        run.outstanding = False
        put_status(job.message, outcome)
        self._registry.save(job)
        verdict, retry_at = self._verdict(job, run, outcome, now)
        self._books.ended(number, outcome, verdict=verdict, now=now, retry_at=retry_at)

    def _verdict(self, job: LiveJob, run: Run, outcome: Outcome, now: float) -> tuple[str, float | None]:
        if outcome.succeeded:
            self._registry.end_run(job, run)
            return "succeeded", None
        run.failures += 1
        at = next_try(
            job.policy,
            failures=run.failures,
            first_attempt=now if run.first_attempt is None else run.first_attempt,
            now=now,
            next_start=job.due,
        )
        if at is None or not job.enabled:
            self._registry.end_run(job, run)
            return "failed", None
        run.attempt_at = at
        self._registry.save_run(job, run)
        return "retried", at
