"""Begins the runs that are due, sends their attempts and records the outcome."""

import asyncio

from google.cloud.scheduler_v1 import HttpMethod

from laptop.google.common.calls import DEADLINE_PASSED, Call, Caller, Outcome
from laptop.google.common.dispatcher import LONGEST_WAIT, Dispatcher
from laptop.google.common.log import RequestLog
from laptop.google.common.names import short_id
from laptop.google.common.times import timestamp
from laptop.google.scheduler.control import Fault, FaultKind, Faults
from laptop.google.scheduler.job import LiveJob, Run, attempt_headers, next_try
from laptop.google.scheduler.messages import put_status
from laptop.google.scheduler.registry import Registry


class JobDispatcher(Dispatcher[Fault]):
    def __init__(self, registry: Registry, log: RequestLog, caller: Caller, faults: Faults) -> None:
        super().__init__(caller, faults)
        self._registry = registry
        self._clock = registry.clock
        self._log = log
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._outstanding = 0

    def send_due(self) -> float:
        """Returns real seconds, whatever the server's clock does."""
        now = self._clock()
        order = sorted(self._registry.jobs.values(), key=lambda job: (job.due or now, job.name))
        for job in order:
            begins = job.begins()
            if begins is not None and begins <= now:
                self._registry.begin(job, now)
            for run in [run for run in job.runs.values() if not run.outstanding and run.attempt_at <= now]:
                self._attempt(job, run, now)
        event = self.next_event()
        if event is None or not self._clock.rate:
            return LONGEST_WAIT
        return min(max(0.0, (event - self._clock()) / self._clock.rate), LONGEST_WAIT)

    def next_event(self) -> float | None:
        """The time at which something is due; None until an answer or a call changes that."""
        events = [job.next_event() for job in self._registry.jobs.values()]
        return min((event for event in events if event is not None), default=None)

    async def quiet(self) -> None:
        """Returns when no request is in flight."""
        await self._quiet.wait()

    def _attempt(self, job: LiveJob, run: Run, now: float) -> None:
        run.outstanding = True
        run.first_attempt = now if run.first_attempt is None else run.first_attempt
        job.message.last_attempt_time.CopyFrom(timestamp(now))
        self._registry.save(job)
        self._registry.save_run(job, run)
        scope = short_id(job.name)
        lost = self._faults.draw(FaultKind.LOST_ANSWER, scope)
        duplicate = self._faults.draw(FaultKind.DUPLICATE_FIRING, scope)
        target = job.message.http_target
        headers = attempt_headers(job.name, target, run.schedule_time, now)
        call = Call(HttpMethod(target.http_method).name, target.uri, headers, target.body)
        number = self._log_sent(job, run, now, lost)
        self._in_flight(1)
        self._start(self._send(job, run, call, number, answer_lost=lost is not None))
        if duplicate:
            self._in_flight(1)
            self._start(self._send_again(job, run, call, duplicate))

    def _in_flight(self, change: int) -> None:
        self._outstanding += change
        if self._outstanding:
            self._quiet.clear()
        else:
            self._quiet.set()

    def _log_sent(self, job: LiveJob, run: Run, now: float, fault: Fault | None) -> int:
        return self._log.sent(
            job=job.name,
            run=run.ident,
            forced=run.forced,
            schedule_time=run.schedule_time,
            attempt=run.failures + 1,
            sent=now,
            fault=fault.kind if fault else None,
        )

    async def _send(self, job: LiveJob, run: Run, call: Call, number: int, *, answer_lost: bool) -> None:
        """Sends nothing before the run is on disk, because a repetition must carry the same schedule time."""
        await self._registry.flush()
        outcome = await self._make(call, job.deadline, short_id(job.name))
        self._settle(job, run, DEADLINE_PASSED if answer_lost else outcome, number)
        self._in_flight(-1)
        self.wake()

    async def _send_again(self, job: LiveJob, run: Run, call: Call, duplicate: Fault) -> None:
        """Sends the same request once more. Its outcome changes nothing."""
        number = self._log_sent(job, run, self._clock(), duplicate)
        await self._registry.flush()
        await asyncio.sleep(duplicate.seconds)
        outcome = await self._make(call, job.deadline, short_id(job.name))
        self._log_ended(number, outcome, "duplicate", self._clock())
        self._in_flight(-1)
        self.wake()

    def _log_ended(
        self, number: int, outcome: Outcome, verdict: str, now: float, retry_at: float | None = None
    ) -> None:
        answer = outcome.body.decode(errors="replace")
        self._log.ended(
            number, answered=now, status=outcome.status, answer=answer, verdict=verdict, retry_at=retry_at
        )

    def _settle(self, job: LiveJob, run: Run, outcome: Outcome, number: int) -> None:
        now = self._clock()
        if job.deleted:
            self._log_ended(number, outcome, "discarded", now)
            return
        run.outstanding = False
        put_status(job.message, outcome)
        self._registry.save(job)
        verdict, retry_at = self._verdict(job, run, outcome, now)
        self._log_ended(number, outcome, verdict, now, retry_at)

    def _verdict(self, job: LiveJob, run: Run, outcome: Outcome, now: float) -> tuple[str, float | None]:
        """Returns the log's verdict, and the time of the next attempt if there is one."""
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
