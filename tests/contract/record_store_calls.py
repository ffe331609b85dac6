"""Calls that the tests of both record stores share: the SQL functions, and the in-memory store."""

from datetime import timedelta
from uuid import UUID, uuid4

from shared.cloud.record_store import SupabaseRecordStore
from shared.enrichment.ports import ErrorCategory
from shared.enrichment.store import ClaimOutcome, Identity, Known, Opened
from tests.memory.clock import SettableClock
from tests.memory.record_store import InMemoryRecordStore
from tests.record_support import begin, item, only, product

Store = SupabaseRecordStore | InMemoryRecordStore

MONTH = timedelta(days=30)
WEEK_AGO = SettableClock().now - timedelta(days=7)


def open_in(store: Store, batch_id: str, *items: dict[str, object], daily_limit: int = 1000) -> Opened:
    begin(store, batch_id)
    return store.open_tasks(
        batch_id, items, [], daily_limit=daily_limit, manual_batch_size=2, reprocess_after=MONTH
    )


def known_of(store: Store, *pns: str, rejected: tuple[str, ...] = ()) -> Known:
    asked = [Identity(f"{pn}|ti", "ti", f"hash of {pn}") for pn in pns]
    return store.read_known(asked, rejected, failed_after=WEEK_AGO)


def opened_one(store: Store, pn: str = "A") -> UUID:
    return only(open_in(store, f"batch-of-{pn}", item(pn))).id


def complete(store: Store, task_id: UUID, pn: str = "A") -> UUID:
    owner = uuid4()
    assert store.claim_automation_task(task_id, owner).outcome is ClaimOutcome.CLAIMED
    assert store.save_vendor_answer(task_id, owner, {"x": 1})
    assert store.finish_automation_task(task_id, owner, product(pn))
    return owner


def fail(store: Store, task_id: UUID, *, to_manual: bool = True) -> UUID:
    owner = uuid4()
    store.claim_automation_task(task_id, owner)
    assert store.fail_automation_task(
        task_id, owner, ErrorCategory.NOT_FOUND, "no such part", to_manual=to_manual
    )
    return owner
