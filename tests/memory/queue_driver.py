"""Delivers the tasks of an in-memory queue as Cloud Tasks does, in virtual time."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from shared.enrichment.automate import Delivery
from shared.enrichment.ports import QueueTask
from tests.enrichment_support import Enrichment

MAX_DELIVERIES = 10
FIRST_BACKOFF, LONGEST_BACKOFF = 10, 600  # seconds, as in infra/terraform/queues.tf
WORK = 0.5  # seconds that one delivery takes


@dataclass
class QueueDriver:
    enrichment: Enrichment
    deliveries: Counter[str] = field(default_factory=Counter)
    again: dict[str, datetime] = field(default_factory=dict)

    def run(self, hours: float) -> None:
        """One delivery after another for so long, and the sweep every five minutes."""
        end = self.enrichment.clock() + timedelta(hours=hours)
        sweep = self.enrichment.clock() + timedelta(minutes=5)
        while self.enrichment.clock() < end:
            task = min(self.enrichment.queue.tasks.values(), key=self._due, default=None)
            due = end if task is None else self._due(task)
            now = self.enrichment.clock.now = max(self.enrichment.clock(), min(due, sweep, end))
            if now >= sweep:
                self.enrichment.sweep()
                sweep = now + timedelta(minutes=5)
            elif task is not None and due <= now:
                self._deliver(task)

    def _due(self, task: QueueTask) -> datetime:
        start = datetime.min.replace(tzinfo=self.enrichment.clock().tzinfo)
        return max(task.schedule_time or start, self.again.get(task.name, start))

    def _deliver(self, task: QueueTask) -> None:
        self.deliveries[task.name] += 1
        number = self.deliveries[task.name]
        last = number >= MAX_DELIVERIES
        task_id = UUID(task.body["automation_task_id"])
        reply = self.enrichment.worker().work(Delivery(task_id, number, last, task.name))
        self.enrichment.clock.advance(seconds=WORK)
        if reply.status == 200 or last:
            self.enrichment.queue.drop(task.name)
        else:
            pause = min(FIRST_BACKOFF * 2 ** (number - 1), LONGEST_BACKOFF)
            self.again[task.name] = self.enrichment.clock() + timedelta(seconds=pause)
