"""Records, batches and products for tests of enrichment."""

from typing import Any
from uuid import uuid4

from shared.enrichment.store import Opened, OpenedTask, OpeningStore


def item(
    pn: str, *, route: str = "automation", priority: str = "medium", **changes: object
) -> dict[str, Any]:
    """One decided record, as `open_tasks` takes it."""
    return {
        "record_key": f"{pn}|TI",
        "pn": pn,
        "manufacturer": "TI",
        "manufacturer_key": "TI",
        "content_hash": f"hash of {pn}",
        "source_record": {"pn": pn, "manufacturer": "TI"},
        "route": route,
        "priority": priority,
        "rule": "sparse",
        "reason": "because",
        "confidence": 0.8,
        "features": {},
        "comparisons": [],
        "policy": "flow",
        "policy_version": "1",
    } | changes


def refusal(content_hash: str) -> dict[str, Any]:
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


def product(pn: str) -> dict[str, Any]:
    return {
        "pn": pn,
        "manufacturer": "TI",
        "manufacturer_key": "TI",
        "category": "Logic",
        "attributes": [],
        "media": [],
        "extras": {},
    }


def only(opened: Opened) -> OpenedTask:
    (task,) = opened.automation
    return task
