import uuid
from datetime import timedelta

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import CLAIM, DUE, NOW, Json, item, product

UNKNOWN = uuid.UUID(int=404)
SOURCE: Json = {
    "pn": "LM317T",
    "manufacturer": "Texas Instruments",
    "category": "Regulators",
    "description": "from the source",
    "specs": {"Voltage": "37 V", "Current": "1 A", "Empty": None},
    "docs": ["https://source.example/a.pdf"],
    "images": ["https://source.example/a.jpg"],
}


def stored(enrichment: Enrichment) -> Json:
    """The one product, as people see it."""
    found = enrichment.one(
        "select p.*, m.name as manufacturer, m.key from products as p"
        " left join manufacturers as m on m.id = p.manufacturer_id"
    )
    found["attributes"] = {
        row["name"]: row["value"] for row in enrichment.all("select name, value from product_attributes")
    }
    found["media"] = {
        (row["kind"], row["url"]): row["title"] for row in enrichment.all("select * from document_media")
    }
    return found


def test_a_manual_task_begins_without_a_person_and_due_by_its_priority(enrichment: Enrichment) -> None:
    for priority, seconds in DUE.items():
        row = enrichment.manual(enrichment.person(f"P {priority}", fields={"priority": priority}))
        assert row["due_at"] == NOW + timedelta(seconds=seconds)
        assert (row["type"], row["state"], row["assignee"]) == ("workflow_generated", "initialized", None)


def test_a_claim_shows_the_record_and_why_a_person_should_look(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"source_record": SOURCE})
    claim = enrichment.take(task)
    assert (claim["state"], claim["assignee"]) == ("processing", "ana")
    assert claim["claimed_until"] == "2026-03-02T13:00:00+00:00"
    assert claim["source_record"] == SOURCE
    assert claim["decision"] == {
        "rule": "sparse",
        "reason": "a reason",
        "confidence": 0.8,
        "features": {"priority": 0.5},
        "comparisons": [],
        "policy": "flow",
        "policy_version": "1",
    }


def test_the_same_person_renews_a_claim(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task)
    assert enrichment.later(minutes=30).take(task)["claimed_until"] == "2026-03-02T13:30:00+00:00"


def test_another_person_gets_the_task_exactly_when_the_claim_ends(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task, "ana")
    with pytest.raises(psycopg.Error, match="is claimed by ana until 2026-03-02T13:00:00Z") as refusal:
        enrichment.later(seconds=CLAIM - 1).take(task, "bo")
    assert refusal.value.sqlstate == "PT409"
    later = enrichment.later(seconds=CLAIM)
    assert later.take(task, "bo")["assignee"] == "bo"
    with pytest.raises(psycopg.Error, match="is claimed by bo"):
        later.complete(task, "ana")


def test_a_person_whose_claim_ran_out_may_complete_until_another_takes_it(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task)
    assert enrichment.later(days=2).complete(task)["state"] == "completed"


def test_only_who_holds_the_claim_can_act(enrichment: Enrichment) -> None:
    task = enrichment.person()
    actions = (Enrichment.give_back, Enrichment.complete, Enrichment.give_up)
    for action in actions:
        with pytest.raises(psycopg.Error, match="is not claimed by ana: claim it first") as refusal:
            action(enrichment, task, "ana")
        assert refusal.value.sqlstate == "PT409"
    enrichment.take(task, "bo")
    later = enrichment.later(days=1)
    for action in actions:
        with pytest.raises(psycopg.Error, match="is claimed by bo until"):
            action(enrichment, task, "ana")
        with pytest.raises(psycopg.Error, match="is not claimed by ana: claim it first"):
            action(later, task, "ana")
    assert enrichment.manual(task)["assignee"] == "bo"


def test_an_unknown_task_is_not_found(enrichment: Enrichment) -> None:
    for action in (enrichment.take, enrichment.give_back, enrichment.complete, enrichment.give_up):
        with pytest.raises(psycopg.Error, match=f"no manual task {UNKNOWN}") as refusal:
            action(UNKNOWN)
        assert refusal.value.sqlstate == "PT404"


def test_a_released_task_is_pending_again_and_keeps_the_note(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task)
    assert enrichment.pending() == []
    released = enrichment.give_back(task, note="needs the data sheet")
    assert (released["state"], released["assignee"], released["claimed_until"]) == ("initialized", None, None)
    assert [pending["note"] for pending in enrichment.pending()] == ["needs the data sheet"]
    enrichment.take(task, "bo")
    assert enrichment.give_back(task, "bo")["note"] == "needs the data sheet"


def test_completing_writes_the_edited_fields_over_the_source(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"source_record": SOURCE})
    enrichment.take(task)
    edited: Json = {
        "description": "edited",
        "attributes": {"Voltage": "40 V", "Package": "TO-220"},
        "docs": ["https://person.example/b.pdf"],
    }
    done = enrichment.complete(task, fields=edited)
    result = stored(enrichment)
    assert (done["state"], done["edited_fields"]) == ("completed", edited)
    assert done["result"] == {"product_id": str(result["id"])}
    assert (result["description"], result["category"]) == ("edited", "Regulators")
    assert (result["manufacturer"], result["key"]) == ("Texas Instruments", "texas instruments")
    assert (result["source"], result["task_id"]) == ("manual", task)
    assert result["attributes"] == {"Voltage": "40 V", "Package": "TO-220", "Current": "1 A"}
    assert result["media"] == {
        ("datasheet", "https://person.example/b.pdf"): None,
        ("datasheet", "https://source.example/a.pdf"): None,
        ("photo", "https://source.example/a.jpg"): None,
    }


def test_completing_writes_the_edited_fields_and_the_row_over_the_vendor_s_answer(
    enrichment: Enrichment,
) -> None:
    enrichment.completed(fields={"source_record": SOURCE})
    later = enrichment.later(days=31)
    task = later.person(batch="b2", fields={"source_record": SOURCE})
    later.take(task)
    sheet = "https://vendor.example/a.pdf"
    later.complete(task, fields={"category": "ICs", "attributes": {"Package": "TO-220"}, "docs": [sheet]})
    result = stored(later)
    assert (result["category"], result["description"]) == ("ICs", "from the source")
    assert (result["vendor_pn"], str(result["unit_price"])) == ("296-LM317T", "0.8125")
    assert result["manufacturer"] == "Texas Instruments"
    assert result["attributes"] == {"Voltage": "37 V", "Current": "1 A", "Package": "TO-220"}
    assert result["media"] == {
        ("datasheet", sheet): None,
        ("datasheet", "https://source.example/a.pdf"): None,
        ("photo", "https://source.example/a.jpg"): None,
    }
    assert enrichment.one("select extras from product_extras") == {"extras": {"lead_weeks": 6}}


def test_an_edited_manufacturer_is_known_from_then_on(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"source_record": SOURCE})
    enrichment.take(task)
    enrichment.complete(task, fields={"manufacturer": "onsemi"}, manufacturer_key="onsemi")
    assert stored(enrichment)["manufacturer"] == "onsemi"
    assert enrichment.known(item("LM317T", manufacturer="onsemi"))["manufacturers"] == {
        "onsemi": {"attempts": 0, "successes": 0}
    }


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("name", ["A|B", "100% Parts", "%7C"])
def test_a_manufacturer_s_key_is_stored_as_it_is_and_not_as_the_record_key_escapes_it(
    enrichment: Enrichment, name: str, *, fallback: bool
) -> None:
    record = {"manufacturer": name, "manufacturer_key": name.lower(), "record_key": "LM317T|escaped"}
    task = enrichment.fallback(fields=record) if fallback else enrichment.person(fields=record)
    enrichment.take(task)
    enrichment.complete(task)
    assert stored(enrichment)["key"] == name.lower()


def test_a_record_without_a_manufacturer_is_completed_without_one(enrichment: Enrichment) -> None:
    task = enrichment.person(fields={"manufacturer": None})
    enrichment.take(task)
    enrichment.complete(task)
    assert stored(enrichment)["manufacturer_id"] is None


@pytest.mark.parametrize(
    ("specs", "docs"), [(None, None), ([], "https://one.example"), ("text", {}), (5, [None])]
)
def test_a_malformed_source_row_does_not_keep_a_person_from_completing(
    enrichment: Enrichment, specs: object, docs: object
) -> None:
    task = enrichment.person(
        fields={"source_record": SOURCE | {"specs": specs, "docs": docs, "images": docs}}
    )
    enrichment.take(task)
    assert enrichment.complete(task)["state"] == "completed"
    assert (stored(enrichment)["attributes"], stored(enrichment)["media"]) == ({}, {})


def test_giving_up_ends_the_task_with_its_note(enrichment: Enrichment) -> None:
    task = enrichment.person()
    enrichment.take(task)
    failed = enrichment.give_up(task, note="no data sheet")
    assert (failed["state"], failed["note"], failed["assignee"]) == ("failed", "no data sheet", "ana")
    assert enrichment.all("select * from products") == []
    with pytest.raises(psycopg.Error, match="is already failed") as refusal:
        enrichment.take(task)
    assert refusal.value.sqlstate == "PT409"


def test_pending_work_comes_by_priority_then_age_and_hides_what_is_held(enrichment: Enrichment) -> None:
    for age, (pn, priority) in enumerate(
        [("P1", "low"), ("P2", "high"), ("P3", "medium"), ("P4", "high"), ("P5", "high")]
    ):
        enrichment.later(seconds=age).person(pn, fields={"priority": priority})
    held = enrichment.one("select id from manual_tasks where pn = 'P4'")["id"]
    enrichment.take(held)

    def parts(tasks: list[Json]) -> list[str]:
        return [task["pn"] for task in tasks]

    assert parts(enrichment.pending()) == ["P2", "P5", "P3", "P1"]
    assert parts(enrichment.pending(limit=2)) == ["P2", "P5"]
    assert parts(enrichment.pending(priority="medium")) == ["P3"]
    assert parts(enrichment.later(seconds=CLAIM).pending(priority="high")) == ["P2", "P4", "P5"]


def test_a_fallback_s_completion_completes_the_record(enrichment: Enrichment) -> None:
    manual = enrichment.fallback("P1")
    assert enrichment.record("P1")["open"]
    enrichment.take(manual)
    enrichment.complete(manual, fields={"category": "ICs"})
    assert not enrichment.record("P1")["open"]
    turn = enrichment.turn("hash of P1")
    assert (turn["verdict"], turn["by"], turn["ledger_due"]) == ("completed", "ana", True)


def test_what_a_person_wrote_is_among_the_vendor_s_columns_untouched(enrichment: Enrichment) -> None:
    enrichment.completed()
    later = enrichment.later(days=31)
    task = later.person(batch="b2")
    later.take(task)
    later.complete(task, fields={"description": "edited"})
    untouched = ("vendor", "vendor_pn", "url", "currency", "status")
    assert {name: stored(enrichment)[name] for name in untouched} == {
        name: product()[name] for name in untouched
    }
