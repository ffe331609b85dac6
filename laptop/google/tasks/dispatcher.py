"""Takes due tasks from the queues, has them delivered and draws the consequences."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from google.cloud.tasks_v2 import HttpMethod

from laptop.google.common.courier import Courier, Parcel
from laptop.google.common.outcome import DEADLINE_PASSED, Outcome
from laptop.google.tasks.books import Books
from laptop.google.tasks.faults import Fault, FaultKind, Faults
from laptop.google.tasks.headers import delivery_headers
from laptop.google.tasks.live import LiveQueue, LiveTask
from laptop.google.tasks.names import short_id
from laptop.google.tasks.progress import dispatched, failed, rescheduled
from laptop.google.tasks.registry import Registry
from laptop.google.tasks.retry import retry_delay

_HOUSEKEEPING = 60.0
_SHORTEST_WAIT = 0.001
_LONGEST_WAIT = 60.0

Headers = list[tuple[str, str]]


class Dispatcher:
    def __init__(self, registry: Registry, books: Books, courier: Courier, faults: Faults) -> None:
        self._registry = registry
        self._books = books
        self._courier = courier
        self._faults = faults
        self._wake = asyncio.Event()
        self._by_hand: list[tuple[LiveQueue, LiveTask]] = []
        self._deliveries: asyncio.TaskGroup | None = None

    def wake(self) -> None:
        """Something changed: a task came, a slot became free, a queue was resumed."""
        self._wake.set()

    async def run(self) -> None:
        """Dispatches until cancelled; then gives up what is in flight, which is due again at the next start.

        A bug in a delivery ends the server: better than a task that waits for ever and nobody knows.
        """
        async with asyncio.TaskGroup() as self._deliveries:
            while True:
                self._wake.clear()
                wait = self._dispatch_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    async def keep_house(self) -> None:
        """Forgets what is too old, every minute until cancelled."""
        while True:
            self._registry.expire()
            self._books.prune()
            await asyncio.sleep(_HOUSEKEEPING)

    def run_now(self, queue: LiveQueue, task: LiveTask) -> None:
        """Dispatches whatever the queue's state, rate and concurrency, even a task that is in flight."""
        task.progress = rescheduled(task.progress, self._registry.clock())
        queue.unschedule(task)
        self._by_hand.append((queue, task))
        self.wake()

    def _dispatch_due(self) -> float:
        """Starts all that may start now; returns the seconds until more may."""
        for queue, task in self._by_hand:
            self._dispatch(queue, task)
        self._by_hand.clear()
        waits = [self._drain(queue) for queue in self._registry.queues.values()]
        return max(_SHORTEST_WAIT, min((wait for wait in waits if wait is not None), default=_LONGEST_WAIT))

    def _drain(self, queue: LiveQueue) -> float | None:
        """Returns what `LiveQueue.next` says after the last task that may start."""
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
        headers = delivery_headers(task.name, task.definition.http_request, task.progress, now)
        twin = self._faults.draw(FaultKind.DUPLICATE_DELIVERY, short_id(queue.name))
        lost = self._faults.draw(FaultKind.LOST_ANSWER, short_id(queue.name))
        task.progress = dispatched(task.progress, now)
        self._registry.save_progress(task)
        queue.in_flight += 1
        queue.counts["dispatched"] += 1
        number = self._enter(task, now, lost)
        self._start(self._deliver(queue, task, headers, number, answer_lost=lost is not None))
        if twin:
            self._start(self._deliver_again(queue, task, headers, twin))

    def _start(self, delivery: Coroutine[None, None, None]) -> None:
        assert self._deliveries, "tasks are dispatched by `run` alone"
        self._deliveries.create_task(delivery)

    def _enter(self, task: LiveTask, now: float, fault: Fault | None) -> int:
        progress = task.progress
        kind = fault.kind if fault else None
        return self._books.sent(
            task.name, retry_count=progress.failures, scheduled=progress.scheduled, now=now, fault=kind
        )

    async def _deliver(
        self, queue: LiveQueue, task: LiveTask, headers: Headers, number: int, *, answer_lost: bool
    ) -> None:
        try:
            outcome = await self._send(queue, task, headers)
        finally:
            queue.in_flight -= 1
        self._settle(queue, task, DEADLINE_PASSED if answer_lost else outcome, number)
        self.wake()

    async def _deliver_again(self, queue: LiveQueue, task: LiveTask, headers: Headers, twin: Fault) -> None:
        """Sends the same request once more. Its outcome changes nothing."""
        await asyncio.sleep(twin.seconds)
        number = self._enter(task, self._registry.clock(), twin)
        outcome = await self._send(queue, task, headers)
        self._books.ended(number, status=outcome.status, verdict="duplicate", now=self._registry.clock())

    async def _send(self, queue: LiveQueue, task: LiveTask, headers: Headers) -> Outcome:
        latency = self._faults.draw(FaultKind.LATENCY, short_id(queue.name))
        deadline = task.deadline
        if latency:
            await asyncio.sleep(min(latency.seconds, deadline))
            deadline -= latency.seconds
        request = task.definition.http_request
        parcel = Parcel(HttpMethod(request.http_method).name, request.url, headers, request.body)
        return await self._courier.send(parcel, max(deadline, 0))

    def _settle(self, queue: LiveQueue, task: LiveTask, outcome: Outcome, number: int) -> None:
        now = self._registry.clock()
        if outcome.answered:
            queue.throttle.answered(outcome.status, now)
        verdict, delay = self._verdict(queue, task, outcome, now)
        queue.counts[verdict] += 1
        self._books.ended(number, status=outcome.status, verdict=verdict, now=now, delay=delay)

    def _verdict(
        self, queue: LiveQueue, task: LiveTask, outcome: Outcome, now: float
    ) -> tuple[str, float | None]:
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
