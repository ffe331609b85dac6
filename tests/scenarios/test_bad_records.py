import json
from typing import Any

from tests.scenarios_support import MAKER, RunningEnrichment, row

ROCKET = "\N{ROCKET}"
TWO_MEGABYTES = "d" * 2_000_000
SQL = "'); drop table products; --"
HTML = "<script>alert('pn')</script><b>bold</b>"


def decided(enrichment: RunningEnrichment, batch: str) -> dict[str | None, dict[str, Any]]:
    found = enrichment.rows(
        "select pn, route::text, reason, source_record from decisions where batch_id = %s", batch
    )
    return {each["pn"]: each for each in found}


def test_bad_records_are_counted_explained_and_harmless(enrichment: RunningEnrichment) -> None:
    good = enrichment.fresh_parts(12)
    loaded = enrichment.offer(
        [
            row(None),
            row("   ", description="blank"),
            row(good[0], priority_score={"score": "very high"}),
            row(good[1], description=TWO_MEGABYTES),
            row(good[2], description=f"{ROCKET} to the moon", category=ROCKET),
            row(f"{ROCKET}-1"),
            row(good[3], description=SQL, category=SQL, specs={SQL: SQL}),
            row(SQL),
            row(good[4], description=HTML, docs=[HTML], images=["javascript:alert(1)"]),
            row(HTML),
            row(good[5]),
            row(good[5]),
            row(f" {good[5].lower()} "),
            row(good[6], description="nul \0 byte", specs={"a\0b": "c\0d"}),
            row(f"{good[7]}\0"),
            row("P" * 10_000),
            row(good[8], specs="not a map", docs="not a list", images=[1, None, {"a": []}]),
            row(good[9], priority_score=7),
            row(good[10], specs={"deep": json.loads("[" * 60 + "]" * 60)}),
            json.dumps(row(good[11]))[:-1] + ', "description": "\\ud800 half a pair", "extra": 1}',
            "this is no JSON",
            '["neither", "is", "this"]',
            '{"pn": 4711, "manufacturer": ["a", "list"]}',
        ]
    )
    assert (loaded.loaded, loaded.rejected) == (21, 2)
    explained = "\n".join(loaded.shown)
    for words in (
        "unreadable JSON",
        "is not an object",
        "score 'very high' is not a number",
        "is not Unicode",
    ):
        assert words.replace("is not Unicode", "is not valid Unicode") in explained

    batch = enrichment.batch()
    report = enrichment.orchestrate(batch).raise_for_status().json()
    assert report["read"] == 20, "equal rows are offered as one"
    assert (report["rejected"], report["skipped"]["repeated"]) == (3, 1)
    assert report["opened"] == 16
    decisions = decided(enrichment, batch)
    assert "cut after 65536 characters" in decisions[good[1]]["reason"]
    assert "specs" in decisions[good[10]]["reason"], "too deep"
    assert "images: 1 of 1 links run a script" in decisions[good[4]]["reason"]
    reasons = [each["reason"] for each in decisions.values() if each["route"] == "rejected"]
    assert all(reasons), "a row that is refused says why"

    enrichment.drain(batch)
    equation = enrichment.reconcile(batch)
    assert equation["balanced"]
    assert (equation["taken"], equation["rejected"], equation["in_flight"]) == (19, 3, 0)
    completed = {place.pn.strip().upper() for place in enrichment.places(batch) if place.state == "completed"}
    assert completed >= set(good), "the vendor knows these by whatever is left of them"
    for place in enrichment.places(batch):
        assert (place.products, place.manual_tasks) == ((1, 0) if place.state == "completed" else (0, 1)), (
            place
        )
    kept = {
        each["pn"]: each["source_record"]
        for each in enrichment.rows(
            "select pn, source_record from automation_tasks where batch_id = %s", batch
        )
    }
    assert TWO_MEGABYTES.startswith(kept[good[1]]["description"].rstrip("."))
    assert 60_000 < len(kept[good[1]]["description"]) < 70_000
    assert kept[good[3]]["category"] == SQL
    assert kept[good[4]]["description"] == HTML
    assert "\0" not in json.dumps(kept[good[6]])


def test_bad_records_are_harmless_to_people_too(enrichment: RunningEnrichment) -> None:
    rows = [row(f"{HTML}{number}", description=SQL, manufacturer=f"{MAKER}{ROCKET}") for number in range(3)]
    enrichment.offer(rows)
    batch = enrichment.batch()
    enrichment.orchestrate(batch, force="manual")
    assert enrichment.reconcile(batch)["with_a_person"] == 3
    pending = enrichment.rows("select id from manual_tasks where batch_id = %s", batch)
    for task in pending:
        address = f"{enrichment.url('workflow')}/manual-tasks/{task['id']}"
        enrichment.http.post(f"{address}/claim", json={"assignee": SQL}).raise_for_status()
        edited = {"assignee": SQL, "fields": {"description": HTML, "attributes": {ROCKET: SQL}}}
        enrichment.http.post(f"{address}/complete", json=edited).raise_for_status()
    assert enrichment.reconcile(batch)["completed"] == 3
    stored = enrichment.rows(
        "select description from products where task_id = any (%s)", [t["id"] for t in pending]
    )
    assert [each["description"] for each in stored] == [HTML] * 3


def test_the_same_bad_rows_are_not_refused_again_by_a_later_run(enrichment: RunningEnrichment) -> None:
    enrichment.offer(
        [
            row(None, description=f"nameless {enrichment.batch()}"),
            row("", description=f"empty {enrichment.batch()}"),
        ]
    )
    first, second = enrichment.batch(), enrichment.batch()
    assert enrichment.orchestrate(first).json()["rejected"] == 2
    again = enrichment.orchestrate(second).json()
    assert (again["rejected"], again["read"]) == (0, 0), "the ledger knows them"
    assert enrichment.reconcile(first)["balanced"]
    assert enrichment.reconcile(second)["balanced"]
