from itertools import product
from uuid import UUID

import psycopg
import pytest

from tests.contract.schema_rows import Json, item
from tests.contract.schema_support import RecordLine

ENDS = ("open", "completed", "failed")


@pytest.fixture
def line(service_connection: psycopg.Connection) -> RecordLine:
    return RecordLine(service_connection)


def expected_state(automation: set[str], manual: set[str], *, closed: bool) -> str:
    states = automation | manual
    if not closed or "open" in states:
        return "in_progress"
    if states == {"completed", "failed"}:
        return "completed_with_failures"
    return "failed" if states == {"failed"} else "completed"


def bring(line: RecordLine, task: UUID, route: str, end: str) -> None:
    match route, end:
        case "automation", "completed":
            line.claim(task)
            line.save(task)
            line.finish(task)
        case "automation", "failed":
            line.claim(task)
            line.fail(task)
        case "manual", "completed":
            line.take(task)
            line.complete(task)
        case "manual", "failed":
            line.take(task)
            line.give_up(task)
        case _:
            assert end == "open"


def arranged(line: RecordLine, batch: str, ends: list[tuple[str, str]]) -> None:
    line.begin(batch)
    line.open([item(f"{batch}-{n}", route) for n, (route, _) in enumerate(ends)], batch=batch)
    for number, (route, end) in enumerate(ends):
        found = line.one(f"select id from {route}_tasks where pn = %s", f"{batch}-{number}")
        bring(line, found["id"], route, end)


def subsets() -> list[set[str]]:
    return [{end for end, used in zip(ENDS, bits, strict=True) if used} for bits in product((0, 1), repeat=3)]


def test_a_batch_s_state_follows_from_its_tasks_in_every_combination(line: RecordLine) -> None:
    for number, (automation, manual) in enumerate(product(subsets(), subsets())):
        batch = f"b{number}"
        routes = [("automation", end) for end in sorted(automation)] + [
            ("manual", end) for end in sorted(manual)
        ]
        arranged(line, batch, routes)
        for closed in (False, True):
            line.progress(batch=batch, closed=closed)
            state = line.status(batch)["state"]
            assert state == expected_state(automation, manual, closed=closed), (automation, manual, closed)


def test_a_batch_that_its_run_never_closed_is_judged_after_a_quarter_of_an_hour(line: RecordLine) -> None:
    line.completed("P1")
    assert line.later(seconds=899).status()["state"] == "in_progress"
    assert line.later(seconds=900).status()["state"] == "completed"


def test_the_status_counts_tasks_per_state_and_decisions_per_rule(line: RecordLine) -> None:
    line.begin()
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "none",
        "content_hash": "r",
        "source_record": {},
    }
    line.open(
        [item("P1"), item("P2"), item("P3", "manual", rule="complete")],
        rejected=[rejected],
    )
    task = line.one("select id from automation_tasks where pn = 'P1'")["id"]
    later = line.later(minutes=1)
    bring(later, task, "automation", "failed")
    later.fall_back(task)
    later.progress(counts={"read": 4}, closed=True)
    status = later.status()
    assert status == {
        "batch_id": "b1",
        "state": "in_progress",
        "automation": {"initialized": 1, "failed": 1},
        "manual": {"initialized": 1},
        "taken": 4,
        "counts": {"read": 4},
        "trigger": "manual",
        "request": {},
        "policy": "flow",
        "policy_version": "1",
        "parent_batch_id": None,
        "created_at": "2026-03-02T12:00:00+00:00",
        "closed_at": "2026-03-02T12:01:00+00:00",
        "finished_at": "2026-03-02T12:01:00+00:00",
        "decisions": [
            {"rule": "sparse", "route": "automation", "records": 2},
            {"rule": "complete", "route": "manual", "records": 1},
            {"rule": "rejected", "route": "rejected", "records": 1},
        ],
        "fallback_batches": ["b1_fallback"],
    }
    fallback = later.status("b1_fallback")
    assert (fallback["state"], fallback["manual"]) == ("in_progress", {"initialized": 1})
    assert (fallback["parent_batch_id"], fallback["taken"]) == ("b1", 0)


def test_an_unknown_batch_is_not_found(line: RecordLine) -> None:
    for report in (line.status, line.reconcile):
        with pytest.raises(psycopg.Error, match="no batch b404") as refusal:
            report("b404")
        assert refusal.value.sqlstate == "PT404"


def test_counts_of_a_closed_batch_stay_as_they_are(line: RecordLine) -> None:
    line.begin()
    line.progress(counts={"read": 1}, closed=True)
    line.later(hours=1).progress(counts={"read": 2})
    assert line.status()["counts"] == {"read": 1}


def test_the_latest_products_come_first_beside_what_the_source_said(line: RecordLine) -> None:
    for minute in range(4):
        line.later(minutes=minute).completed(f"P{minute}")
    line.person("P9")
    shown: list[Json] = line.call("recent_products", batch_id="b1", limit=3, now_=None)
    assert [pair["before"]["pn"] for pair in shown] == ["P3", "P2", "P1"]
    after = shown[0]["after"]
    assert (after["manufacturer"], after["unit_price"]) == ("TI", 0.8125)
    assert after["attributes"] == {"Voltage": "37 V"}
    assert after["media"] == [{"kind": "datasheet", "url": "https://vendor.example/a.pdf"}]
    assert line.call("recent_products", batch_id="b404", limit=3, now_=None) == []
