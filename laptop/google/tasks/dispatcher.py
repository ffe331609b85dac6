"""Takes due tasks from the queues, delivers them and records the outcome."""

import asyncio

from google.cloud.tasks_v2 import HttpMethod

from laptop.google.common.calls import DEADLINE_PASSED, Call, Caller, Outcome
from laptop.google.common.dispatcher import LONGEST_WAIT, Dispatcher
from laptop.google.common.log import RequestLog
from laptop.google.common.names import short_id
from laptop.google.tasks.control import Fault, FaultKind, Faults
from laptop.google.tasks.progress import delivery_headers, dispatched, failed, rescheduled, retry_delay
from laptop.google.tasks.queues import LiveQueue, LiveTask
from laptop.google.tasks.registry import Registry

_SHORTEST_WAIT = 0.001


class TaskDispatcher(Dispatcher[Fault]):
    def __init__(self, registry: Registry, log: RequestLog, caller: Caller, faults: Faults) -> None:
        super().__init__(caller, faults)
        self._registry = registry
        self._log = log
        self._forced: list[tuple[LiveQueue, LiveTask]] = []

    def run_now(self, queue: LiveQueue, task: LiveTask) -> None:
        """Dispatches whatever the queue's state, rate and concurrency, even a task that is in flight."""
        task.progress = rescheduled(task.progress, self._registry.clock())
        queue.unschedule(task)
        self._forced.append((queue, task))
        self.wake()

    def send_due(self) -> float:
        for queue, task in self._forced:
            self._dispatch(queue, task)
        self._forced.clear()
        waits = [self._drain(queue) for queue in self._registry.queues.values()]
        return max(_SHORTEST_WAIT, min((wait for wait in waits if wait is not None), default=LONGEST_WAIT))

    def _drain(self, queue: LiveQueue) -> float | None:
        """Returns the answer of `LiveQueue.next` after the last task that may start."""
        while isinstance(found := queue.next(self._registry.clock()), LiveTask):
            late = None if found.late else self._faults.draw(FaultKind.LATE_DELIVERY, short_id(queue.name))
            found.late = late is not None
            if late:
                queue.schedule(found, self._registry.clock() + late.seconds)
            else:
                self._dispatch(queue, found)
        return found

    def _dispatch(self, queue: LiveQueue, task: LiveTask) -> None:
        now = self._registry.clock()
        request = task.definition.http_request
        headers = delivery_headers(task.name, request, task.progress, now)
        call = Call(HttpMethod(request.http_method).name, request.url, headers, request.body)
        duplicate = self._faults.draw(FaultKind.DUPLICATE_DELIVERY, short_id(queue.name))
        lost = self._faults.draw(FaultKind.LOST_ANSWER, short_id(queue.name))
        task.progress = dispatched(task.progress, now)
        self._registry.save_progress(task)
        queue.in_flight += 1
        queue.counts["dispatched"] += 1
        number = self._log_sent(queue, task, now, lost)
        self._start(self._deliver(queue, task, call, number, answer_lost=lost is not None))
        if duplicate:
            self._start(self._deliver_again(queue, task, call, duplicate))

    def _log_sent(self, queue: LiveQueue, task: LiveTask, now: float, fault: Fault | None) -> int:
        return self._log.sent(
            queue=queue.name,
            task=task.name,
            retry_count=task.progress.failures,
            scheduled=task.progress.scheduled,
            dispatched=now,
            fault=fault.kind if fault else None,
        )

    async def _deliver(
        self, queue: LiveQueue, task: LiveTask, call: Call, number: int, *, answer_lost: bool
    ) -> None:
        try:
            outcome = await self._make(call, task.deadline, short_id(queue.name))
        finally:
            queue.in_flight -= 1
        self._settle(queue, task, DEADLINE_PASSED if answer_lost else outcome, number)
        self.wake()

    async def _deliver_again(self, queue: LiveQueue, task: LiveTask, call: Call, duplicate: Fault) -> None:
        """Sends the same request once more. Its outcome changes nothing."""
        await asyncio.sleep(duplicate.seconds)
        number = self._log_sent(queue, task, self._registry.clock(), duplicate)
        outcome = await self._make(call, task.deadline, short_id(queue.name))
        self._log.ended(number, answered=self._registry.clock(), status=outcome.status, verdict="duplicate")

    def _settle(self, queue: LiveQueue, task: LiveTask, outcome: Outcome, number: int) -> None:
        now = self._registry.clock()
        if outcome.answered:
            queue.throttle.answered(outcome.status, now)
        verdict, delay = self._verdict(queue, task, outcome, now)
        queue.counts[verdict] += 1
        self._log.ended(number, answered=now, status=outcome.status, verdict=verdict, delay=delay)

    def _verdict(
        self, queue: LiveQueue, task: LiveTask, outcome: Outcome, now: float
    ) -> tuple[str, float | None]:
        """Returns the log's verdict, and the seconds until the next delivery if there is one."""
        if task.ended:
            return "discarded", None
        if outcome.succeeded:
            self._registry.end_task(queue, task)
            return "succeeded", None
        task.progress = failed(task.progress, outcome, now)
        delay = retry_delay(
            task.policy(queue),
            failures=task.progress.failures,
            elapsed=now - (task.progress.first_dispatched or now),
            retry_after=outcome.retry_after,
        )
        if delay is None:
            self._registry.end_task(queue, task)
            return "exhausted", None
        task.progress = rescheduled(task.progress, now + delay)
        self._registry.save_progress(task)
        queue.schedule(task, now + delay)
        return "retried", delay
