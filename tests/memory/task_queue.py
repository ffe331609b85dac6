from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.errors import QueueUnavailable, SettingsInvalid


@dataclass
class InMemoryTaskQueue:
    """TaskQueue that holds its tasks until a test takes them; a name is used once, as in Cloud Tasks."""

    tasks: dict[str, QueueTask] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    down: bool = False
    capacity: int | None = None
    """The number of tasks that it takes before it fails; None: all."""
    missing: bool = False
    """Somebody deleted the queue, with all tasks in it."""
    mute: Callable[[str], bool] = lambda _name: False
    """Whether the question about this task fails."""
    asked: int = 0
    """Questions about tasks."""

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        failures = []
        for task in tasks:
            if self.down or self.missing or self.capacity == 0:
                failures.append(EnqueueFailure(task.name, "the queue is down"))
            elif task.name not in self.used:
                self.used.add(task.name)
                self.tasks[task.name] = task
                self.capacity = None if self.capacity is None else self.capacity - 1
        return failures

    def held(self, names: Sequence[str]) -> Mapping[str, bool]:
        self.asked += len(names)
        answers = {name: name in self.tasks for name in names if not (self.down or self.mute(name))}
        if self.missing and answers:
            self.check()
        if names and not answers:
            raise QueueUnavailable("the queue is down")
        return answers

    def check(self) -> None:
        if self.down:
            raise QueueUnavailable("the queue is down")
        if self.missing:
            raise SettingsInvalid("the queue does not exist")

    def take(self) -> QueueTask:
        """The oldest task; it stays until `drop`."""
        return next(iter(self.tasks.values()))

    def drop(self, name: str) -> None:
        """Removes the task, as success and exhaustion do."""
        del self.tasks[name]

    @property
    def task_ids(self) -> list[str]:
        return [task.body["automation_task_id"] for task in self.tasks.values()]
