"""Manual tasks, batches and the history of a part, for people. Each method is one call that only reads."""

from typing import Protocol
from uuid import UUID

from shared.enrichment.store import Json


class TaskLists(Protocol):
    """`wanted` is a filter of manual tasks as `wanted_condition` reads it, `after` the `next` of the page before."""

    def list_manual_tasks(self, wanted: Json, sort: str, limit: int, after: Json | None) -> Json:
        """{total, manual_tasks, next}. `sort` is urgency, due, newest or part."""
        ...


class InboxStore(TaskLists, Protocol):
    def manual_task_groups(self, wanted: Json) -> Json: ...

    def manual_task(self, task_id: UUID, assignee: str | None) -> Json:
        """One task with all that helps to decide it, and the draft of `assignee`. Raises NotFound."""
        ...

    def list_batches(self, limit: int, after: Json | None) -> Json:
        """{total, batches, next}, newest first."""
        ...

    def part_history(self, part: str, record_key: str | None, limit: int) -> Json:
        """The last `limit` times that each record of a part number was taken. Raises NotFound."""
        ...
