"""Source, vendor and people speak in layers; the product is what follows, and a person's word stands."""

from uuid import UUID

import psycopg
import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.part_story import ANAS, SHEET, automate, capacitor, report, review, shown


def suggested(enrichment: Enrichment) -> list[tuple[str, str, str, str]]:
    return [
        (each["field"], each["kept"], each["offered"], each["from"])
        for each in report(enrichment)["suggestions"]
    ]


# --- a person's word stands


def test_four_fields_of_a_person_outlast_automation_a_month_later(enrichment: Enrichment) -> None:
    review(enrichment, "b1", ANAS)
    automate(enrichment.later(days=31), "b2")
    kept = shown(enrichment)
    assert (kept["category"], kept["description"]) == (ANAS["category"], ANAS["description"])
    assert kept["attributes"] == ANAS["attributes"]
    assert kept["media"] == [{"kind": "datasheet", "url": SHEET}]
    assert kept["vendor_pn"] == "296-LM317T", "what no person holds is the vendor's"


def test_four_fields_of_a_person_outlast_a_second_row_with_the_same_key(enrichment: Enrichment) -> None:
    review(enrichment, "b1", ANAS)
    row = {"pn": "LM317T", "category": "Capacitors", "description": "Capacitor", "specs": {"Voltage": "16 V"}}
    automate(enrichment.later(minutes=1), "b2", source_record=row)
    kept = shown(enrichment)
    assert (kept["category"], kept["description"]) == (ANAS["category"], ANAS["description"])
    assert (kept["attributes"], kept["media"]) == (
        {"Voltage": "5 V only"},
        [{"kind": "datasheet", "url": SHEET}],
    )


def test_a_changed_row_that_a_person_approves_reaches_the_product(enrichment: Enrichment) -> None:
    review(enrichment, "b1", description="max 5 V", specs={"Voltage": "5 V", "Old": "yes"})
    assert shown(enrichment)["description"] == "max 5 V"
    review(enrichment.later(days=1), "b2", description="max 3.3 V (corrected)", specs={"Voltage": "3.3 V"})
    now = shown(enrichment)
    assert now["description"] == "max 3.3 V (corrected)"
    assert now["attributes"] == {"Voltage": "3.3 V"}, "what the new row lacks is gone"


def test_an_approved_row_wins_over_the_vendor(enrichment: Enrichment) -> None:
    automate(enrichment, "b1", capacitor(description="max 5 V"))
    review(enrichment.later(days=1), "b2", description="max 3.3 V (corrected)")
    assert shown(enrichment)["description"] == "max 3.3 V (corrected)"
    automate(enrichment.later(days=32), "b3", capacitor(description="max 5 V"))
    assert shown(enrichment)["description"] == "max 3.3 V (corrected)"


def test_an_approved_row_never_replaces_what_a_person_typed(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed"}, description="of the row")
    review(enrichment.later(days=1), "b2", by="bo", description="of the new row", category="ICs")
    now = shown(enrichment)
    assert (now["description"], now["category"]) == ("typed", "ICs")


def test_what_a_row_no_longer_says_stays_approved_where_a_blank_says_nothing(enrichment: Enrichment) -> None:
    review(enrichment, "b1", description="approved")
    review(enrichment.later(days=1), "b2", description=" ", category="ICs")
    assert shown(enrichment)["description"] == "approved"


def test_automation_fills_only_what_nobody_holds(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed"})
    answer = capacitor(attributes=[{"name": "Voltage", "value": "37 V", "vendor_id": "14"}])
    automate(enrichment.later(days=31), "b2", answer, source_record={"specs": {"Voltage": "1 V", "Own": "x"}})
    now = shown(enrichment)
    assert (now["description"], now["category"]) == ("typed", "Capacitors")
    assert now["attributes"] == {"Voltage": "37 V", "Own": "x"}, "the vendor's word before the source's"


# --- suggestions


def test_a_later_difference_is_suggested_with_both_words_and_their_times(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed", "attributes": {"Voltage": "5 V"}})
    voltage = [{"name": "Voltage", "value": "16 V", "vendor_id": "14"}]
    automate(enrichment.later(days=31), "b2", capacitor(attributes=voltage))
    assert suggested(enrichment) == [
        ("attribute:Voltage", "5 V", "16 V", "vendor"),
        ("description", "typed", "Capacitor", "vendor"),
    ]
    (_, first) = report(enrichment)["suggestions"]
    assert (first["by"], first["at"]) == ("ana", "2026-03-02T12:00:00+00:00")
    assert first["offered_at"] == "2026-04-02T12:00:00+00:00"


def test_a_task_shows_the_product_as_it_would_be_and_what_a_person_keeps(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed"}, specs={"Voltage": "5 V", "Old": "yes"})
    later = enrichment.later(days=1)
    row = {"pn": "LM317T", "description": "of the row", "specs": {"Voltage": "3.3 V"}}
    task = later.person(batch="b2", fields={"source_record": row, "content_hash": "b2"})
    view = later.take(task, "bo")
    assert view["product"]["description"] == "typed"
    assert view["product"]["attributes"] == {"Voltage": "3.3 V"}
    assert [(each["field"], each["kept"], each["offered"]) for each in view["suggestions"]] == [
        ("attribute:Voltage", "5 V", "3.3 V"),
        ("description", "typed", "of the row"),
    ]
    assert later.complete(task, "bo")["product"] == view["product"] == shown(later)


def test_a_first_task_shows_the_product_that_its_row_would_make(enrichment: Enrichment) -> None:
    row = {"pn": "LM317T", "category": "ICs", "docs": [SHEET]}
    view = enrichment.take(enrichment.person(fields={"source_record": row}))
    assert (view["product"]["pn"], view["product"]["category"]) == ("LM317T", "ICs")
    assert view["product"]["media"] == [{"kind": "datasheet", "url": SHEET}]
    assert view["suggestions"] == []


def test_accepting_a_suggestion_ends_it(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed"})
    automate(enrichment.later(days=31), "b2")
    review(enrichment.later(days=32), "b3", {"description": "Capacitor"})
    assert (shown(enrichment)["description"], suggested(enrichment)) == ("Capacitor", [])


def test_keeping_a_field_ends_its_suggestion_also_when_the_same_is_said_again(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "typed"})
    automate(enrichment.later(days=31), "b2")
    assert suggested(enrichment) != []
    review(enrichment.later(days=32), "b3", by="bo")
    assert (shown(enrichment)["description"], suggested(enrichment)) == ("typed", [])
    automate(enrichment.later(days=63), "b4")
    assert suggested(enrichment) == [], "bo has seen it"
    automate(enrichment.later(days=94), "b5", capacitor(description="Varistor"))
    assert suggested(enrichment) == [("description", "typed", "Varistor", "vendor")]


def test_what_stood_there_when_a_person_typed_is_not_suggested(enrichment: Enrichment) -> None:
    automate(enrichment, "b1")
    review(enrichment.later(days=1), "b2", {"description": "typed"}, description="of the row")
    automate(enrichment.later(days=32), "b3", source_record={"description": "of the row"})
    assert suggested(enrichment) == []


def test_blanks_and_another_spelling_of_the_manufacturer_are_no_difference(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "Capacitor"})
    known = {"manufacturer": "TEXAS INSTRUMENTS", "manufacturer_key": "texas instruments"}
    automate(enrichment.later(days=31), "b2", capacitor(description=" Capacitor ", **known))
    assert suggested(enrichment) == []


# --- who said what, and when


def test_all_that_people_said_is_kept_and_cannot_be_rewritten(enrichment: Enrichment) -> None:
    review(enrichment, "b1", {"description": "first"})
    review(enrichment.later(days=1), "b2", {"description": "second"}, by="bo")
    told = report(enrichment)
    mine = [field for field in told["fields"] if field["field"] == "description"]
    assert [(each["value"], each["layer"], each["by"], each["wins"]) for each in mine] == [
        ("second", "edited", "bo", True)
    ]
    before = [field for field in told["replaced"] if field["field"] == "description"]
    assert [(each["value"], each["by"], each["replaced_at"]) for each in before] == [
        ("first", "ana", "2026-03-03T12:00:00+00:00")
    ]
    for statement in (
        "delete from person_fields",
        "update person_fields set value = 'x'",
        "update person_fields set assignee = 'bo'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            enrichment.connection.execute(statement.encode())


def test_the_report_of_an_unknown_part_is_not_found(enrichment: Enrichment) -> None:
    with pytest.raises(psycopg.Error, match="no product of X") as refusal:
        report(enrichment, "X|")
    assert refusal.value.sqlstate == "PT404"


def test_completing_again_after_the_product_moved_on_answers_the_same_and_changes_nothing(
    enrichment: Enrichment,
) -> None:
    first = review(enrichment, "b1", {"description": "typed"})
    automate(enrichment.later(days=31), "b2")
    before = report(enrichment)
    assert enrichment.later(days=31).complete(UUID(first["id"]), "ana", {"description": "typed"}) == first
    assert report(enrichment) == before


# --- what can be stored


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "https://x.example/" + "a" * 2_700,
        "https://x.example/" + "ä" * 1_900,
        "https://x.example/a b",
        "https://x.example/a\u00a0b",
        "https://x.example/a\u202eb",
        "ftp://x.example/a",
        "https://",
        7,
    ],
)
def test_a_link_that_cannot_be_used_is_left_out_whoever_says_it(enrichment: Enrichment, link: object) -> None:
    good = "https://x.example/good.pdf"
    links = [link, good, good]
    task = enrichment.person(fields={"source_record": {"docs": links, "images": links}})
    enrichment.take(task)
    assert enrichment.complete(task, fields={"docs": links})["state"] == "completed"
    media = [{"kind": "datasheet", "url": str(link), "title": None}]
    automate(enrichment.later(days=1), "b2", capacitor(media=media, url=str(link)))
    assert report(enrichment)["product"]["media"] == [
        {"kind": "datasheet", "url": good},
        {"kind": "photo", "url": good},
    ]
    assert report(enrichment)["product"]["url"] is None


def test_an_attribute_s_endless_name_is_left_out_and_an_endless_value_is_cut(enrichment: Enrichment) -> None:
    specs = {"n" * 60_000: "x", "ä" * 200: "fits", "Voltage": "5" * 60_000, " ": "x", "Blank": " "}
    task = enrichment.person(fields={"source_record": {"specs": specs, "description": "d" * 60_000}})
    enrichment.take(task)
    assert enrichment.complete(task)["state"] == "completed"
    assert report(enrichment)["product"]["attributes"] == {"ä" * 200: "fits", "Voltage": "5" * 10_000}
    attributes = [{"name": name, "value": value, "vendor_id": None} for name, value in specs.items()]
    automate(enrichment.later(days=1), "b2", capacitor(attributes=attributes))
    assert len(report(enrichment)["product"]["attributes"]) == 2
