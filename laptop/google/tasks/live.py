"""Queues and tasks as they stand in memory. The time is an argument, so that nothing here waits."""

import heapq
import itertools
from collections import Counter

from laptop.google.common.times import span
from laptop.google.tasks.bucket import TokenBucket
from laptop.google.tasks.messages import RUNNING, QueueMessage, TaskMessage, retry_policy
from laptop.google.tasks.progress import Progress
from laptop.google.tasks.retry import RetryPolicy
from laptop.google.tasks.throttle import Throttle


class LiveTask:
    """`ended` says that whatever a delivery still brings back no longer matters."""

    def __init__(self, definition: TaskMessage, progress: Progress, seq: int) -> None:
        self.definition = definition
        self.progress = progress
        self.seq = seq
        self.ended = False
        self.late = False
        self.ticket = 0

    @property
    def name(self) -> str:
        return str(self.definition.name)

    @property
    def deadline(self) -> float:
        return span(self.definition.dispatch_deadline)

    def policy(self, queue: "LiveQueue") -> RetryPolicy:
        own = self.definition.HasField("retry_config")
        return retry_policy(self.definition.retry_config) if own else queue.policy


class LiveQueue:
    def __init__(self, message: QueueMessage, now: float) -> None:
        self.tasks: dict[str, LiveTask] = {}
        self.in_flight = 0
        self.counts: Counter[str] = Counter()
        self.throttle = Throttle()
        self._due: list[tuple[float, int, int, LiveTask]] = []
        self._tickets = itertools.count(1)
        rates = message.rate_limits
        self._bucket = TokenBucket(rate=rates.max_dispatches_per_second, burst=rates.max_burst_size, now=now)
        self.configure(message)

    def configure(self, message: QueueMessage) -> None:
        self.message = message
        self.policy = retry_policy(message.retry_config)

    @property
    def name(self) -> str:
        return str(self.message.name)

    def effective_rate(self, now: float) -> float:
        return float(self.message.rate_limits.max_dispatches_per_second) * self.throttle.factor(now)

    def schedule(self, task: LiveTask, at: float) -> None:
        """Replaces any earlier schedule of the task."""
        task.ticket = next(self._tickets)
        heapq.heappush(self._due, (at, task.ticket, task.seq, task))

    def unschedule(self, task: LiveTask) -> None:
        task.ticket = 0

    def remove(self, task: LiveTask) -> None:
        task.ended = True
        self.unschedule(task)
        self.tasks.pop(task.name, None)

    def next(self, now: float) -> LiveTask | float | None:
        """The task to dispatch now, or the seconds until one may be, or None while only an event can change that."""
        if self.message.state != RUNNING:
            return None
        self._drop_outdated()
        if not self._due:
            return None
        at = self._due[0][0]
        if at > now:
            return at - now
        if self.in_flight >= self.message.rate_limits.max_concurrent_dispatches:
            return None
        rates = self.message.rate_limits
        factor = self.throttle.factor(now)
        burst = max(1.0, rates.max_burst_size * factor)
        self._bucket.limit(rate=rates.max_dispatches_per_second * factor, burst=burst, now=now)
        if not self._bucket.take(now):
            return self._bucket.wait(now)
        task = heapq.heappop(self._due)[3]
        self.unschedule(task)
        return task

    def _drop_outdated(self) -> None:
        while self._due and self._due[0][1] != self._due[0][3].ticket:
            heapq.heappop(self._due)
