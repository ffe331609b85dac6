"""The filter of manual tasks, which lists, groups and bulk jobs share."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import StringConstraints

from shared.enrichment.naming import BATCH_ID
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.routing.identity import manufacturer_key, record_key
from shared.enrichment.routing.route import TaskPriority
from shared.web.call import RequestModel
from shared.web.fields import Name, Person

BatchId = Annotated[str, StringConstraints(pattern=f"^{BATCH_ID}(_fallback)?$")]
TaskState = Literal["free", "held", "open", "completed", "failed", "finished", "any"]

_ID_BEGINNING = re.compile(r"[0-9a-f]{8,32}")
_ID_DIGITS = 32


class WantedTasks(RequestModel):
    """Without `state`: any for `named`, open for `assignee`, else free, that is what nobody holds.

    `assignee` holds the task, has ended it or is to do it. `search` is part of a part number; fewer than three letters
    are its beginning. `named` is a task's id, eight or more digits of its beginning, or its part number.
    """

    state: TaskState | None = None
    priority: TaskPriority | None = None
    type: Literal["workflow_generated", "automation_fallback"] | None = None
    rule: Name | None = None
    cause: ErrorCategory | None = None
    manufacturer: Name | None = None
    batch: BatchId | None = None
    assignee: Person | None = None
    overdue: bool | None = None
    search: Name | None = None
    named: Name | None = None

    def wanted(self) -> dict[str, Any]:
        """The filter as the SQL functions take it: names as the keys by which tasks are found."""
        given = self.model_dump(mode="json", exclude_none=True, include=set(WantedTasks.model_fields))
        state = given.pop("state", None) or ("any" if self.named else "open" if self.assignee else "free")
        if state != "any":
            given["state"] = state
        if self.manufacturer:
            given["manufacturer"] = manufacturer_key(self.manufacturer)
        if self.search:
            given["search"] = part_number(self.search)
        if self.named:
            given["named"] = {"part": part_number(self.named)} | _id_range(self.named)
        return given


def part_number(pn: str) -> str:
    """As the SQL function of the same name has it: `lm 317t` and `LM317T` are one number."""
    return record_key(pn, None).removesuffix("|")


def _id_range(text: str) -> dict[str, str]:
    """All ids that begin with the text; nothing for what cannot be the beginning of one."""
    digits = text.lower().replace("-", "")
    if not _ID_BEGINNING.fullmatch(digits):
        return {}
    return {end: str(UUID(digits.ljust(_ID_DIGITS, fill))) for end, fill in (("from", "0"), ("to", "f"))}
