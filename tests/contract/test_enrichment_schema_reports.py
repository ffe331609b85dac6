from itertools import product
from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import Json, item

ENDS = ("open", "completed", "failed")


def expected_state(automation: set[str], manual: set[str], *, closed: bool) -> str:
    states = automation | manual
    if not closed or "open" in states:
        return "in_progress"
    if states == {"completed", "failed"}:
        return "completed_with_failures"
    return "failed" if states == {"failed"} else "completed"


def bring(enrichment: Enrichment, task: UUID, route: str, end: str) -> None:
    match route, end:
        case "automation", "completed":
            enrichment.claim(task)
            enrichment.save(task)
            enrichment.finish(task)
        case "automation", "failed":
            enrichment.claim(task)
            enrichment.fail(task, to_manual=False)
        case "automation", "handed over":
            enrichment.claim(task)
            enrichment.fail(task)
            enrichment.fall_back(task)
        case "manual", "completed":
            enrichment.take(task)
            enrichment.complete(task)
        case "manual", "failed":
            enrichment.take(task)
            enrichment.give_up(task)
        case _:
            assert end == "open"


def arranged(enrichment: Enrichment, batch: str, ends: list[tuple[str, str]]) -> None:
    enrichment.begin(batch)
    enrichment.open([item(f"{batch}-{n}", route) for n, (route, _) in enumerate(ends)], batch=batch)
    for number, (route, end) in enumerate(ends):
        found = enrichment.one(f"select id from {route}_tasks where pn = %s", f"{batch}-{number}")
        bring(enrichment, found["id"], route, end)


def subsets() -> list[set[str]]:
    return [{end for end, used in zip(ENDS, bits, strict=True) if used} for bits in product((0, 1), repeat=3)]


def test_a_batch_s_state_follows_from_its_tasks_in_every_combination(enrichment: Enrichment) -> None:
    for number, (automation, manual) in enumerate(product(subsets(), subsets())):
        batch = f"b{number}"
        routes = [("automation", end) for end in sorted(automation)] + [
            ("manual", end) for end in sorted(manual)
        ]
        arranged(enrichment, batch, routes)
        for closed in (False, True):
            enrichment.progress(batch=batch, closed=closed)
            state = enrichment.status(batch)["state"]
            assert state == expected_state(automation, manual, closed=closed), (automation, manual, closed)


def test_a_batch_is_in_progress_while_a_person_has_its_dead_letter(enrichment: Enrichment) -> None:
    task = enrichment.failed("P1")
    enrichment.progress(closed=True)
    assert enrichment.status()["state"] == "in_progress", "the dead letter is on its way"
    letter = UUID(enrichment.fall_back(task)["manual_task_id"])
    assert enrichment.status()["state"] == "in_progress"
    enrichment.take(letter)
    assert enrichment.status()["state"] == enrichment.status("b1_fallback")["state"] == "in_progress"


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_batch_whose_dead_letters_people_ended_is_as_they_ended_them(
    enrichment: Enrichment, end: str
) -> None:
    letter = enrichment.fallback("P1")
    enrichment.progress(closed=True)
    bring(enrichment.later(minutes=5), letter, "manual", end)
    status = enrichment.status()
    assert (status["state"], status["automation"], status["manual"]) == (end, {"failed": 1}, {})
    assert status["finished_at"] == "2026-03-02T12:05:00+00:00"
    assert enrichment.status("b1_fallback")["state"] == end


def test_a_batch_that_its_run_never_closed_is_judged_after_a_quarter_of_an_hour(
    enrichment: Enrichment,
) -> None:
    enrichment.completed("P1")
    assert enrichment.later(seconds=899).status()["state"] == "in_progress"
    assert enrichment.later(seconds=900).status()["state"] == "completed"


def test_the_status_counts_tasks_per_state_and_decisions_per_rule(enrichment: Enrichment) -> None:
    enrichment.begin()
    rejected: Json = {
        "pn": None,
        "manufacturer": None,
        "reason": "none",
        "content_hash": "r",
        "source_record": {},
    }
    enrichment.open(
        [item("P1"), item("P2"), item("P3", "manual", rule="complete")],
        rejected=[rejected],
    )
    task = enrichment.one("select id from automation_tasks where pn = 'P1'")["id"]
    later = enrichment.later(minutes=1)
    bring(later, task, "automation", "handed over")
    later.progress(counts={"read": 4}, closed=True)
    status = later.status()
    assert status == {
        "batch_id": "b1",
        "state": "in_progress",
        "automation": {"initialized": 1, "failed": 1},
        "manual": {"initialized": 1},
        "handed_over": {"initialized": 1},
        "places": {"completed": 0, "with_a_person": 2, "in_flight": 1, "failed": 0, "rejected": 1},
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


def test_an_unknown_batch_is_not_found(enrichment: Enrichment) -> None:
    for report in (enrichment.status, enrichment.reconcile):
        with pytest.raises(psycopg.Error, match="no batch b404") as refusal:
            report("b404")
        assert refusal.value.sqlstate == "PT404"


def test_counts_of_a_closed_batch_stay_as_they_are(enrichment: Enrichment) -> None:
    enrichment.begin()
    enrichment.progress(counts={"read": 1}, closed=True)
    enrichment.later(hours=1).progress(counts={"read": 2})
    assert enrichment.status()["counts"] == {"read": 1}


def test_the_latest_products_come_first_with_their_source_rows(enrichment: Enrichment) -> None:
    for minute in range(4):
        enrichment.later(minutes=minute).completed(f"P{minute}")
    enrichment.person("P9")
    shown: list[Json] = enrichment.call("recent_products", batch_id="b1", limit=3, now_=None)
    assert [pair["before"]["pn"] for pair in shown] == ["P3", "P2", "P1"]
    after = shown[0]["after"]
    assert (after["manufacturer"], after["unit_price"]) == ("TI", 0.8125)
    assert after["attributes"] == {"Voltage": "37 V"}
    assert after["media"] == [{"kind": "datasheet", "url": "https://vendor.example/a.pdf"}]
    assert enrichment.call("recent_products", batch_id="b404", limit=3, now_=None) == []
