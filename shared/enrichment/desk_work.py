"""The database as people use it beside claim, complete and fail: each method is one call, safe to repeat."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from shared.enrichment.ports import JsonObject
from shared.enrichment.store import Json

SKIP_SECONDS = 3_600
"""How long `next_manual_task` does not offer a skipped task to the person who skipped it."""


@dataclass(frozen=True)
class Draft:
    """A person has typed this for a task and not sent it yet; it need not be valid."""

    fields: JsonObject
    removed: JsonObject
    origins: JsonObject
    note: str | None = None


class WorkStore(Protocol):
    """All but `next_manual_task` raise NotFound, and Conflict that says what stands in the way."""

    def next_manual_task(self, assignee: str, wanted: JsonObject, call: UUID | None = None) -> Json | None:
        """Claims the first free task that the person has not skipped. None: there is none.

        The same `call` again gives the same task.
        """
        ...

    def save_manual_draft(self, task_id: UUID, assignee: str, draft: Draft) -> Json:
        """Keeps the draft whatever became of the task, and never raises Conflict. Returns {draft, claim}."""
        ...

    def skip_manual_task(self, task_id: UUID, assignee: str) -> Json: ...

    def undo_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json:
        """Takes back that this person has completed or failed the task: all is as it was before."""
        ...

    def preview_manual_task(
        self, task_id: UUID, assignee: str, fields: JsonObject, manufacturer_key: str | None
    ) -> Json:
        """Returns the product before and after such a completion: {before, after, changes}. Changes nothing."""
        ...
