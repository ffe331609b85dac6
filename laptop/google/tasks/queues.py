"""Queues and tasks in memory, and how fast a queue dispatches. Nothing waits: the time is an argument, in seconds."""

import heapq
import itertools
import math
from collections import Counter

from laptop.google.common.retry import RetryPolicy
from laptop.google.common.times import span
from laptop.google.tasks.messages import RETRY, RUNNING, QueueMessage, TaskMessage
from laptop.google.tasks.progress import Progress

LOWEST = 0.1
HALVING_PAUSE = 1.0
RECOVERY = 10.0
STEP = 0.1
OVERLOADED = frozenset({429, 503})


def burst_size(rate: float) -> int:
    """At least about the rate, and chosen by the service (`types.RateLimits.max_burst_size`)."""
    return max(1, math.ceil(rate))


class TokenBucket:
    """Starts full, holds at most `burst` tokens and gains `rate` of them each second."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def limit(self, *, rate: float, burst: float, now: float) -> None:
        """Changes the limits from now on; tokens beyond the new burst are lost."""
        self._fill(now)
        self._rate = rate
        self._burst = burst
        self._tokens = min(self._tokens, burst)

    def take(self, now: float) -> bool:
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds until a token can be taken."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._filled_at) * self._rate
        self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at = now


class Throttle:
    """Lowers a queue's rate while its workers answer 429 or 503.

    That the rate is lowered is documented (`types.HttpRequest`); by how much is not. Chosen here: such an answer halves
    the effective rate, at most once a second and never below a tenth of the configured one; every other answer gives a
    tenth back; ten quiet seconds give all of it back.
    """

    def __init__(self) -> None:
        self._factor = 1.0
        self._overloaded_at = float("-inf")
        self._halved_at = float("-inf")

    def factor(self, now: float) -> float:
        """The share of the configured rate that is in force, from LOWEST to 1."""
        if now - self._overloaded_at >= RECOVERY:
            self._factor = 1.0
        return self._factor

    def answered(self, status: int, now: float) -> None:
        factor = self.factor(now)
        if status not in OVERLOADED:
            self._factor = min(1.0, factor + STEP)
            return
        self._overloaded_at = now
        if now - self._halved_at >= HALVING_PAUSE:
            self._halved_at = now
            self._factor = max(LOWEST, factor / 2)


class LiveTask:
    """`ended`: the outcome of a delivery that is still in flight no longer matters."""

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
        return RETRY.read(self.definition.retry_config) if own else queue.policy


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
        self.policy = RETRY.read(message.retry_config)

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
        """The task to dispatch now, or the seconds until there may be one, or None until something happens."""
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
