"""The checks of `GET /health`. Each one raises when something cannot be used. It only reads, and asks no vendor."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.cloud.bigquery import BigQuerySource
    from shared.cloud.order_store import SupabaseOrderStore
    from shared.cloud.record_store import SupabaseRecordStore
    from shared.cloud.storage import SupabaseLabelShelf
    from shared.cloud.tasks import CloudTasksQueue

NOTHING_THERE = "health/nothing-there"
"""Never exists; a 404 proves that address, key and bucket are right."""


def record_tables(store: "SupabaseRecordStore") -> None:
    store.list_manual_tasks({"state": "free"}, "urgency", 1, None)


def order_tables(store: "SupabaseOrderStore") -> None:
    store.recent_stage_runs(1)


def queue(queue: "CloudTasksQueue") -> None:
    queue.check()


def source(source: "BigQuerySource") -> None:
    source.check()


def label_shelf(shelf: "SupabaseLabelShelf") -> None:
    from shared.errors import NotFound

    try:
        shelf.get(NOTHING_THERE)
    except NotFound:
        return


def policies() -> None:
    from shared.enrichment.routing.policy_file import available_policies, load_policy

    for name in available_policies():
        load_policy(name)
