"""Records, batches and products for tests of enrichment."""

from uuid import uuid4

from shared.enrichment.inbox import TaskLists
from shared.enrichment.store import Opened, OpenedTask, OpeningStore
from tests.contract import schema_rows


def item(
    pn: str, *, route: str = "automation", manufacturer: str | None = "TI", **changes: object
) -> schema_rows.Json:
    """One decided record, in the form that `open_tasks` takes."""
    return schema_rows.item(pn, route, manufacturer=manufacturer, **changes)


def refusal(content_hash: str) -> schema_rows.Json:
    return {
        "pn": None,
        "manufacturer": "TI",
        "reason": "no part number",
        "content_hash": content_hash,
        "source_record": {},
    }


def begin(store: OpeningStore, batch_id: str) -> bool:
    return store.begin_batch(
        batch_id, run_id=uuid4(), trigger="manual", request={}, policy="flow", policy_version="1"
    ).started


def product(pn: str) -> schema_rows.Json:
    return schema_rows.product(pn=pn)


def only(opened: Opened) -> OpenedTask:
    (task,) = opened.automation
    return task


def free_tasks(store: TaskLists) -> list[schema_rows.Json]:
    """The manual tasks that nobody holds, most urgent first."""
    return list(store.list_manual_tasks({"state": "free"}, "urgency", 1000, None)["manual_tasks"])
