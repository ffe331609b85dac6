"""Every call of enrichment can be repeated: a lost answer loses nothing and doubles nothing."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.cloud import supabase
from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.ports import ErrorCategory, PauseCause
from shared.enrichment.store import CATALOGUE
from tests.memory.record_store import TIMES
from tests.postgres_support import PostgresServer
from tests.record_support import begin, free_tasks, item, only, product
from tests.rest_support import serving

Loss = dict[str, object]

LOSSES: list[Loss] = [
    {"kind": "lost_answer", "path": "/rest", "times": 1},
    {"kind": "error_after", "status": 503, "path": "/rest", "times": 1},
    {"kind": "malformed", "path": "/rest", "times": 1},
]
Step = Callable[[SupabaseRecordStore, dict[str, Any]], object]


def _begin(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    seen["began"] = begin(store, "b")
    return seen["began"]


def _open(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    seen["task"] = only(
        store.open_tasks(
            "b",
            [item("A"), item("B", route="manual")],
            [],
            daily_limit=10,
            manual_batch_size=5,
            reprocess_after=timedelta(days=30),
        )
    ).id
    seen["owner"] = uuid4()
    return True


def _claim(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.claim_automation_task(seen["task"], seen["owner"]).attempts == 1


def _save(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.save_vendor_answer(seen["task"], seen["owner"], {"x": 1})


def _finish(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.finish_automation_task(seen["task"], seen["owner"], product("A"))


def _finish_at_once(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.finish_automation_task(seen["task"], seen["owner"], product("A"), {"x": 1})


def _fail(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.fail_automation_task(
        seen["task"], seen["owner"], ErrorCategory.TIMEOUT, "slow", to_manual=True
    )


def _release(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.release_automation_task(
        seen["task"], seen["owner"], ErrorCategory.TIMEOUT, "slow", refund=True
    )


def _postpone(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    until = datetime.now(UTC) + timedelta(hours=1)
    limited = PauseCause.DAILY_LIMIT, ErrorCategory.RATE_LIMITED
    return (
        store.note_vendor_failure(seen["task"], seen["owner"], *limited, "limit", until=until).generation == 1
    )


def _renew(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.renew_automation_task(seen["task"], seen["owner"], "too fast") == 1


def _resume(store: SupabaseRecordStore, _seen: dict[str, Any]) -> object:
    return store.resume_vendor(CATALOGUE, "Ada", "mended")["state"] == "closed"


def _fall_back(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.create_fallback_task(seen["task"]).manual_task_id


def _manual_claim(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    seen["manual"] = UUID(free_tasks(store)[0]["id"])
    return store.claim_manual_task(seen["manual"], "Ada")["assignee"] == "Ada"


def _manual_complete(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.complete_manual_task(seen["manual"], "Ada", {"category": "Logic"}, None, None)


def _manual_release(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.release_manual_task(seen["manual"], "Ada", "not mine")["state"] == "initialized"


def _manual_fail(store: SupabaseRecordStore, seen: dict[str, Any]) -> object:
    return store.fail_manual_task(seen["manual"], "Ada", "no data")["state"] == "failed"


def _redrive(store: SupabaseRecordStore, _seen: dict[str, Any]) -> object:
    redriven = store.redrive_dead_letters("b", "again", cause=None, limit=10, daily_limit=1000)
    return redriven["redriven"] == 1


STORIES: dict[str, list[Step]] = {
    "completed": [_begin, _open, _claim, _save, _finish],
    "dead-lettered": [_begin, _open, _claim, _fail, _fall_back],
    "dead-lettered and redriven": [_begin, _open, _claim, _fail, _fall_back, _redrive],
    "released": [_begin, _open, _claim, _release],
    "answer and product in one": [_begin, _open, _claim, _finish_at_once],
    "postponed": [_begin, _open, _claim, _postpone],
    "postponed and resumed": [_begin, _open, _claim, _postpone, _resume],
    "renewed": [_begin, _open, _claim, _renew],
    "completed by a person": [_begin, _open, _manual_claim, _manual_complete],
    "released by a person": [_begin, _open, _manual_claim, _manual_release],
    "failed by a person": [_begin, _open, _manual_claim, _manual_fail],
}
EFFECTS = """
    select
        (select count(*) from batches),
        (select sum(taken) from batches),
        (select count(*) from records),
        (select count(*) from decisions),
        (select sum(used) from daily_usage),
        (select count(*) from products),
        (select sum(attempts) from manufacturers),
        (
            select string_agg(concat_ws(' ', state, attempts, deliveries, generation, hand_over), ',')
            from automation_tasks
        ),
        (select string_agg(concat_ws(' ', state, type, assignee, note), ',' order by type) from manual_tasks),
        (select string_agg(concat_ws(' ', task_kind, from_state, to_state), ',' order by id) from task_events)
"""


def effects(postgres_server: PostgresServer, template: str, story: str, loss: Loss | None) -> object:
    """The content of the database after all calls, each with its first answer lost."""
    with (
        postgres_server.database(template) as database,
        serving(database.authenticator_url) as rest,
        closing(SupabaseRpc(rest.url, rest.service_key, timeout=20)) as rpc,
        database.connect() as connection,
    ):
        store = SupabaseRecordStore(rpc, TIMES, max_attempts=3)
        seen: dict[str, Any] = {}
        for step in STORIES[story]:
            order = {"seed": 1, "faults": [loss] if loss else []}
            httpx.put(f"{rest.url}/_control/faults", json=order).raise_for_status()
            assert step(store, seen)
            report = httpx.get(f"{rest.url}/_control/faults").raise_for_status().json()
            assert all(fault["struck"] == 1 for fault in report["faults"])
        return connection.execute(EFFECTS).fetchone()


@pytest.mark.parametrize("story", STORIES)
def test_a_call_whose_answer_was_lost_has_its_effect_once(
    postgres_server: PostgresServer, migrated_template: str, monkeypatch: pytest.MonkeyPatch, story: str
) -> None:
    monkeypatch.setattr(supabase, "RETRIES", replace(supabase.RETRIES, first_pause=0))
    undisturbed = effects(postgres_server, migrated_template, story, None)
    for loss in LOSSES:
        assert effects(postgres_server, migrated_template, story, loss) == undisturbed
