"""All queues and tasks, in memory and durably in the journal. A call is answered after its commit."""

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Callable

from laptop.google.common.journal import Journal, Statement
from laptop.google.common.times import timestamp
from laptop.google.tasks import validation
from laptop.google.tasks.messages import Queue, QueueMessage, Task, TaskMessage
from laptop.google.tasks.progress import Progress, from_row, to_row
from laptop.google.tasks.queues import LiveQueue, LiveTask
from laptop.google.tasks.validation import QUEUE, RETENTION, TASK, Settings

_PUT_QUEUE = "INSERT INTO queues VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET message = excluded.message"
_PUT_TASK = "INSERT INTO tasks VALUES (?, ?, ?, ?, ?)"
_PROGRESS = "UPDATE tasks SET progress = ? WHERE seq = ?"
_END_TASK = "DELETE FROM tasks WHERE seq = ?"
_HOUSEKEEPING = 60.0
_TOMBSTONE = "INSERT INTO tombstones VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET ended = excluded.ended"


class Registry:
    def __init__(self, journal: Journal, settings: Settings, clock: Callable[[], float]) -> None:
        self.queues: dict[str, LiveQueue] = {}
        self.settings = settings
        self.clock = clock
        self._journal = journal
        self._tombstones: dict[str, float] = {}
        self._seq = itertools.count(1)

    async def load(self) -> None:
        """Reads the data file. Tasks that were in flight are due again."""
        self._tombstones = dict(await self._journal.read("SELECT * FROM tombstones"))
        for (blob,) in await self._journal.read("SELECT message FROM queues ORDER BY name"):
            queue = LiveQueue(Queue.FromString(blob), self.clock())
            self.queues[queue.name] = queue
        rows = await self._journal.read("SELECT seq, queue, definition, progress FROM tasks ORDER BY seq")
        for seq, queue_name, definition, progress in rows:
            task = LiveTask(Task.FromString(definition), from_row(json.loads(progress)), seq)
            self.queues[queue_name].tasks[task.name] = task
            self.queues[queue_name].schedule(task, task.progress.scheduled)
        self._seq = itertools.count(rows[-1][0] + 1 if rows else 1)

    # --- queues -----------------------------------------------------------------------------------------------

    def queue(self, name: str) -> LiveQueue:
        queue = self.queues.get(QUEUE.check(name))
        if queue is None:
            raise validation.no_such_queue()
        return queue

    async def create_queue(self, message: QueueMessage) -> LiveQueue:
        if message.name in self.queues:
            raise validation.queue_exists()
        if self._ended_within(message.name, self.settings.queue_tombstone):
            raise validation.queue_existed_recently()
        queue = self.queues[message.name] = LiveQueue(message, self.clock())
        await self.save_queue(queue)
        return queue

    async def save_queue(self, queue: LiveQueue) -> None:
        await self._journal.write((_PUT_QUEUE, (queue.name, queue.message.SerializeToString())))

    async def delete_queue(self, name: str) -> None:
        queue = self.queues.pop(QUEUE.check(name), None)
        if queue is None:
            raise validation.entity_not_found()
        await self._journal.write(
            *self._empty(queue),
            ("DELETE FROM queues WHERE name = ?", (name,)),
            self._bury(name, self.clock()),
        )

    async def purge_queue(self, queue: LiveQueue) -> None:
        queue.message.purge_time.CopyFrom(timestamp(self.clock()))
        await self._journal.write(
            *self._empty(queue), (_PUT_QUEUE, (queue.name, queue.message.SerializeToString()))
        )

    def _empty(self, queue: LiveQueue) -> list[Statement]:
        now = self.clock()
        gone = list(queue.tasks.values())
        for task in gone:
            queue.remove(task)
        return [
            ("DELETE FROM tasks WHERE queue = ?", (queue.name,)),
            *(self._bury(task.name, now) for task in gone),
        ]

    # --- tasks ------------------------------------------------------------------------------------------------

    async def create_task(self, queue: LiveQueue, given: TaskMessage) -> LiveTask:
        now = self.clock()
        definition, scheduled = validation.new_task(queue.name, given, now=now, settings=self.settings)
        name = definition.name
        if name in queue.tasks or self._ended_within(name, self.settings.task_tombstone):
            await self._journal.write()  # a crash must not lose a task that was reported to exist
            raise validation.task_exists()
        task = LiveTask(definition, Progress(created=now, scheduled=scheduled), next(self._seq))
        queue.tasks[name] = task
        row = (task.seq, name, queue.name, definition.SerializeToString(), _json(task.progress))
        try:
            await self._journal.write((_PUT_TASK, row))
        except sqlite3.Error:
            queue.remove(task)
            raise
        if not task.ended:  # the queue may have been purged during the write
            queue.schedule(task, scheduled)
        return task

    def task(self, name: str) -> tuple[LiveQueue, LiveTask] | None:
        queue = self.queues.get(TASK.check(name).rpartition("/tasks/")[0])
        task = queue.tasks.get(name) if queue else None
        return (queue, task) if queue and task else None

    def task_ended_recently(self, name: str) -> bool:
        return self._ended_within(name, self.settings.task_tombstone)

    def save_progress(self, task: LiveTask) -> None:
        self._journal.post((_PROGRESS, (_json(task.progress), task.seq)))

    def end_task(self, queue: LiveQueue, task: LiveTask) -> None:
        self._journal.post(*self._end(queue, task))

    async def delete_task(self, queue: LiveQueue, task: LiveTask) -> None:
        await self._journal.write(*self._end(queue, task))

    def _end(self, queue: LiveQueue, task: LiveTask) -> tuple[Statement, Statement]:
        queue.remove(task)
        return (_END_TASK, (task.seq,)), self._bury(task.name, self.clock())

    # --- names that stay taken for a while -------------------------------------------------------------------

    def _bury(self, name: str, now: float) -> Statement:
        self._tombstones.pop(name, None)
        self._tombstones[name] = now
        return _TOMBSTONE, (name, now)

    def _ended_within(self, name: str, window: float) -> bool:
        ended = self._tombstones.get(name)
        return ended is not None and self.clock() - ended < window

    async def keep_expiring(self) -> None:
        """Expires once a minute until cancelled."""
        while True:
            self.expire()
            await asyncio.sleep(_HOUSEKEEPING)

    def expire(self) -> None:
        """Forgets tombstones that no longer matter and tasks past their retention."""
        now = self.clock()
        oldest = now - max(self.settings.task_tombstone, self.settings.queue_tombstone)
        self._tombstones = {name: ended for name, ended in self._tombstones.items() if ended > oldest}
        self._journal.post(("DELETE FROM tombstones WHERE ended <= ?", (oldest,)))
        for queue in self.queues.values():
            for task in [t for t in queue.tasks.values() if now - t.progress.created >= RETENTION]:
                self.end_task(queue, task)


def _json(progress: Progress) -> str:
    return json.dumps(to_row(progress))
