"""One manual task with all that helps to decide it, the list of batches, and the history of a part."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import CLAIM, DUE, OTHER, Json, item, product

TI = {"manufacturer": "TI", "manufacturer_key": "ti"}
ROW: Json = {
    "pn": "LM317T",
    "category": "Regulators",
    "description": "<b>from the source</b>",
    "specs": {"Voltage": "37 V", "Blank": " "},
    "docs": ["https://source.example/a.pdf", "javascript:alert(1)"],
    "images": ["https://source.example/a.jpg"],
}


def whole(enrichment: Enrichment, task: UUID, assignee: str | None = None) -> Json:
    found: Json = enrichment.call("manual_task", task_id=task, assignee=assignee)
    return found


def finished(enrichment: Enrichment, pn: str, **written: Any) -> None:  # noqa: ANN401 - a product's fields
    task = enrichment.automation(
        pn, batch=f"of {pn}".replace(" ", "_"), fields=TI | {"record_key": f"{pn}|ti"}
    )
    enrichment.claim(task)
    enrichment.save(task)
    parts = {"pn": pn, "part_key": f"{pn}|ti", "manufacturer": "TI", "manufacturer_key": "ti"}
    assert enrichment.finish(task, written=product(**(parts | written)))


def test_a_task_has_its_row_as_a_product(enrichment: Enrichment) -> None:
    task = whole(enrichment, enrichment.person(fields={"source_record": ROW, "rule": "complete"}))
    assert task["source"] == {
        "manufacturer": "Texas Instruments",
        "category": "Regulators",
        "description": "<b>from the source</b>",
        "attributes": {"Voltage": "37 V"},
        "docs": ["https://source.example/a.pdf"],
        "images": ["https://source.example/a.jpg"],
    }
    assert (task["rule"], task["decision"]["rule"], task["vendor"]) == ("complete", "complete", None)
    assert (task["draft"], task["similar"], task["assigned_to"]) == (None, [], None)


def test_an_empty_or_malformed_row_is_an_empty_product(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"manufacturer": None, "source_record": {"specs": [], "docs": 5}})
    empty: Json = {
        "manufacturer": None,
        "category": None,
        "description": None,
        "attributes": {},
        "docs": [],
        "images": [],
    }
    assert whole(enrichment, task)["source"] == empty


def test_the_vendor_s_last_word_comes_with_its_price_and_currency(enrichment: Enrichment) -> None:
    enrichment.completed()
    task = enrichment.later(days=31).person(batch="b2")
    vendor = whole(enrichment, task)["vendor"]
    assert (vendor["price"], vendor["currency"], vendor["vendor_pn"]) == (
        0.8125,
        product()["currency"],
        "296-LM317T",
    )
    assert vendor["attributes"] == {a["name"]: a["value"] for a in product()["attributes"]}
    assert vendor["at"] == enrichment.now.isoformat()


def test_similar_products_are_those_of_the_maker_whose_numbers_begin_alike(enrichment: Enrichment) -> None:
    for pn in ("LM317", "LM317TG", "LM338", "lm317td", "LMX", "LM3", "XLM317T"):
        finished(enrichment, pn, unit_price="1.5", currency="CAD")
    task = enrichment.person(fields=TI | {"record_key": "LM317T|ti"})
    similar = whole(enrichment, task)["similar"]
    assert [(each["pn"], each["alike"]) for each in similar] == [("LM317TG", 6), ("lm317td", 6), ("LM317", 5)]
    assert {(each["price"], each["currency"]) for each in similar} == {(1.5, "CAD")}
    vishay = {"manufacturer_key": "vishay", "record_key": "LM317T|vishay"}
    other = enrichment.later(seconds=1).person("LM317T", batch="b9", fields=vishay)
    assert whole(enrichment, other)["similar"] == []


def test_a_part_is_not_similar_to_itself(enrichment: Enrichment) -> None:
    finished(enrichment, "LM317T")
    task = enrichment.later(days=31).person(batch="b2", fields=TI | {"record_key": "LM317T|ti"})
    assert whole(enrichment, task)["similar"] == []


def test_the_timeline_tells_each_try_and_each_claim_with_the_answers(enrichment: Enrichment) -> None:
    task = enrichment.automation("P1")
    enrichment.claim(task)
    enrichment.release(task, message="too slow")
    second = enrichment.later(seconds=5)
    second.claim(task, OTHER)
    second.fail(task, OTHER)
    manual = UUID(second.later(seconds=1).fall_back(task)["manual_task_id"])
    second.later(seconds=9).take(manual)
    second.later(seconds=10).give_back(manual, note="no data sheet")
    told = whole(enrichment, manual)["timeline"]
    assert [(e["what"], e["by"], e["cause"], e["message"]) for e in told] == [
        ("opened", "automation", None, None),
        ("first try", "automation", None, None),
        ("failed try", "automation", "timeout", "too slow"),
        ("failed", "automation", "not_found", "no such part"),
        ("given to people", None, "not_found", None),
        ("claimed", "ana", "not_found", None),
        ("released", "ana", "not_found", "no data sheet"),
    ]
    assert told[3]["answer"] == {"Products": []}
    assert [e["at"] for e in told] == sorted(e["at"] for e in told)


def test_the_timeline_of_a_redriven_record_begins_with_its_first_dead_letter(enrichment: Enrichment) -> None:
    enrichment.fallback("P1")
    enrichment.redrive()
    again = enrichment.one("select id from automation_tasks where batch_id = 'again'")["id"]
    later = enrichment.later(seconds=5)
    later.claim(again)
    later.fail(again, category="ambiguous")
    manual = UUID(later.fall_back(again)["manual_task_id"])
    told = whole(enrichment, manual)["timeline"]
    assert [e["what"] for e in told if e["what"].startswith(("failed", "given"))] == [
        *("failed", "given to people", "given up"),
        *("failed", "given to people"),
    ]


def test_a_task_says_whether_it_is_free_and_overdue(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"priority": "high"})
    enrichment.take(task)

    def said(when: Enrichment) -> tuple[bool, bool]:
        found = whole(when, task)
        return found["free"], found["overdue"]

    assert said(enrichment) == (False, False)
    assert said(enrichment.later(seconds=CLAIM)) == (True, False)
    assert said(enrichment.later(seconds=DUE["high"] + 1)) == (True, True)


def test_an_unknown_task_is_not_found(enrichment: Enrichment) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        whole(enrichment, OTHER)
    assert refusal.value.sqlstate == "PT404"


def test_batches_come_newest_first_with_the_places_that_reconcile_gives(enrichment: Enrichment) -> None:
    enrichment.fallback("P1")
    enrichment.progress(closed=True)
    later = enrichment.later(minutes=1)
    later.begin("b2")
    later.open([item("P2"), item("P3", "manual")], batch="b2")
    later.call("abandon_batch", batch_id="b2", run_id=OTHER, now_=None)
    found: Json = later.call("list_batches", limit=1)
    assert [b["batch_id"] for b in found["batches"]] == ["b2"]
    assert found["total"] == 2
    rest: Json = later.call("list_batches", limit=1, after=Jsonb(found["next"]))
    (first,) = rest["batches"]
    assert (first["batch_id"], first["state"], rest["next"], rest["total"]) == ("b1", "in_progress", None, 2)
    for batch in (*found["batches"], first):
        account = later.reconcile(batch["batch_id"])
        places = ("taken", "completed", "with_a_person", "in_flight", "failed", "rejected")
        assert {name: batch[name] for name in places} == {name: account[name] for name in places}
        assert batch["state"] == later.status(batch["batch_id"])["state"]


@pytest.mark.parametrize("end", ["complete", "give_up", None])
def test_a_batch_says_where_its_records_are_as_reconcile_does(
    enrichment: Enrichment, end: str | None
) -> None:
    letter = enrichment.fallback("P1")
    enrichment.completed("P2")
    enrichment.progress(closed=True)
    enrichment.take(letter)
    if end:
        getattr(enrichment, end)(letter)
    status = enrichment.status()
    account = enrichment.reconcile()
    assert status["places"] == {name: account[name] for name in status["places"]}
    assert sum(status["places"].values()) == status["taken"] == 2
    assert status["handed_over"] == {
        {"complete": "completed", "give_up": "failed", None: "processing"}[end]: 1
    }
    (listed,) = enrichment.call("list_batches")["batches"]
    assert listed["state"] == status["state"]


def test_what_people_completed_is_among_the_products_of_the_batch(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    own = enrichment.later(seconds=1).person("P2")
    letter = enrichment.later(seconds=2).fallback("P3")
    for seconds, task, by in ((3, own, "ana"), (4, letter, "bo")):
        later = enrichment.later(seconds=seconds)
        later.take(task, by)
        later.complete(task, by, fields={"category": "ICs"})

    def shown(batch: str, limit: int = 5) -> list[tuple[str, str | None]]:
        found = enrichment.call("recent_products", batch_id=batch, limit=limit, now_=None)
        return [(each["before"]["pn"], each["by"]) for each in found]

    assert shown("b1") == [("P3", "bo"), ("P2", "ana"), ("P1", None)]
    assert shown("b1", 2) == [("P3", "bo"), ("P2", "ana")]
    assert shown("b1_fallback") == [("P3", "bo")]


def history(enrichment: Enrichment, part: str, key: str | None = None) -> list[Json]:
    found: Json = enrichment.call("part_history", part=part, record_key=key)
    return list(found["records"])


def test_the_history_of_a_part_tells_every_time_that_it_was_taken(enrichment: Enrichment) -> None:
    letter = enrichment.fallback("P1", fields={"record_key": "P1|ti"})
    later = enrichment.later(seconds=10)
    later.take(letter)
    later.complete(letter, fields={"category": "ICs"})
    changed = {"record_key": "P1|ti", "content_hash": "new"}
    again = enrichment.later(days=31)
    task = again.automation("P1", batch="b2", fields=changed)
    again.claim(task)
    again.save(task)
    again.finish(task)
    (record,) = history(again, "P1")
    assert (record["record_key"], record["open"], record["openings"]) == ("P1|ti", False, 2)
    assert [(t["content_hash"], t["verdict"], t["by"]) for t in record["turns"]] == [
        ("new", "completed", None),
        ("hash of P1", "completed", "ana"),
    ]
    assert [taken["batch_id"] for taken in record["history"]] == ["b2", "b1"]
    new, old = record["history"]
    assert (new["automation"]["state"], new["manual"]) == ("completed", None)
    assert (old["automation"]["handed_over"], old["manual"]["assignee"]) == (True, "ana")
    assert old["decision"]["rule"] == "sparse"
    assert [e["what"] for e in old["events"]][-2:] == ["claimed", "completed"]
    assert (record["product"]["price"], record["product"]["currency"]) == (0.8125, product()["currency"])


def test_a_part_number_of_several_makers_has_a_record_for_each(enrichment: Enrichment) -> None:
    enrichment.person("P1", fields={"record_key": "P1|ti"})
    enrichment.automation("P1", fields={"record_key": "P1|vishay"})
    enrichment.automation("P12", fields={"record_key": "P12|ti"})
    assert [record["record_key"] for record in history(enrichment, "P1")] == ["P1|ti", "P1|vishay"]
    assert [record["record_key"] for record in history(enrichment, "P1", "P1|ti")] == ["P1|ti"]
    (record,) = history(enrichment, "P1", "P1|ti")
    assert (record["product"], record["history"][0]["automation"]) == (None, None)


def test_a_part_that_was_never_taken_is_not_found(enrichment: Enrichment) -> None:
    enrichment.person("P1", fields={"record_key": "P1|ti"})
    for part, key in (("P2", None), ("P1", "P1|vishay")):
        with pytest.raises(psycopg.Error) as refusal:
            history(enrichment, part, key)
        assert refusal.value.sqlstate == "PT404"
        enrichment.connection.rollback()
