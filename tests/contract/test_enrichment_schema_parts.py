"""One part has one product, which its records share; several may be written, joined and left at once."""

from uuid import UUID

import pytest

from tests.contract.enrichment_calls import Enrichment, at_once
from tests.contract.part_story import ANAS, PART, automate, capacitor, report, review, shown
from tests.contract.schema_rows import OWNER, item, product
from tests.postgres_support import Database


def counted(enrichment: Enrichment) -> tuple[int, int]:
    """Products, and records that belong to one."""
    one = enrichment.one(
        "select (select count(*) from products) as products, (select count(*) from record_layers as l"
        " where exists (select from products as p where p.id = l.product_id)) as records"
    )
    return one["products"], one["records"]


@pytest.mark.parametrize("maker", ["TI", None])
def test_two_spellings_of_a_part_share_its_product(enrichment: Enrichment, maker: str | None) -> None:
    automate(enrichment, "b1", capacitor(part_key=PART))
    later = enrichment.later(minutes=1)
    automate(later, "b2", capacitor(part_key=PART, description="later"), manufacturer=maker)
    assert counted(enrichment) == (1, 2)
    assert report(enrichment)["records"] == sorted([f"LM317T|{(maker or '').lower()}", PART])
    assert report(enrichment, f"LM317T|{(maker or '').lower()}")["product"]["description"] == "later"


def test_a_record_that_turns_out_to_be_another_part_takes_a_person_s_word_along(
    enrichment: Enrichment,
) -> None:
    automate(enrichment, "b1", capacitor(part_key=PART))
    task = enrichment.person(batch="b2", fields={"manufacturer": None, "record_key": "LM317T|"})
    enrichment.take(task)
    enrichment.complete(task, fields={"description": "typed"})
    assert counted(enrichment) == (2, 2)
    later = enrichment.later(days=31)
    automate(later, "b3", capacitor(part_key=PART), manufacturer=None)
    assert counted(enrichment) == (1, 2)
    assert shown(enrichment)["description"] == "typed"
    stray = "select from product_attributes where product_id not in (select id from products)"
    assert enrichment.all(stray) == []


def test_a_record_that_leaves_a_shared_product_leaves_the_others_word(enrichment: Enrichment) -> None:
    automate(enrichment, "b1", capacitor(part_key=PART, description="mine"))
    later = enrichment.later(days=1)
    automate(later, "b2", capacitor(part_key=PART, description="the other's"), manufacturer="TI")
    assert shown(enrichment)["description"] == "the other's"
    automate(later, "b3", capacitor(part_key="LM317T|ti", description="apart"), manufacturer="TI")
    assert counted(enrichment) == (2, 2)
    assert (shown(enrichment)["description"], shown(enrichment, "LM317T|ti")["description"]) == (
        "mine",
        "apart",
    )


def test_a_manufacturer_that_a_person_names_joins_the_part_and_stays(enrichment: Enrichment) -> None:
    automate(enrichment, "b1", capacitor(part_key=PART))
    task = enrichment.person(batch="b2", fields={"manufacturer": None, "record_key": "LM317T|"})
    enrichment.take(task)
    named = {"manufacturer": "Texas Instruments"}
    enrichment.complete(task, fields=named, manufacturer_key="texas instruments")
    assert counted(enrichment) == (1, 2)
    automate(enrichment.later(days=31), "b3", capacitor(part_key="LM317T|diotec"), manufacturer=None)
    assert counted(enrichment) == (1, 2), "no answer takes it to another part"
    assert shown(enrichment)["manufacturer"] == "Texas Instruments"


def test_a_deleted_product_is_derived_again_by_the_next_completion(enrichment: Enrichment) -> None:
    review(enrichment, "b1", ANAS)
    with enrichment.connection.transaction():
        enrichment.connection.execute("delete from products")
    automate(enrichment.later(days=31), "b2")
    assert shown(enrichment)["description"] == ANAS["description"]
    assert enrichment.all("select from product_attributes where value <> '5 V only'") == []


RACING = 32


def saved(enrichment: Enrichment, batch: str, number: int) -> list[UUID]:
    """Automation tasks of records of one part, ready to be finished."""
    enrichment.begin(batch)
    items = [item("LM317T", manufacturer=f"Alias {n}", content_hash=batch) for n in range(number)]
    tasks = [UUID(task["id"]) for task in enrichment.open(items, batch=batch)["automation"]]
    for task in tasks:
        enrichment.claim(task)
        enrichment.save(task)
    return tasks


def test_records_of_one_part_finished_at_once_make_one_product(database: Database) -> None:
    with database.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        written = product(part_key=PART)
        finishing = [
            lambda caller, task=task: caller.finish(task, OWNER, written)
            for task in saved(enrichment, "b1", RACING)
        ]
        assert at_once(database, finishing) == [True] * RACING
        assert counted(enrichment) == (1, RACING)
        assert report(enrichment, "LM317T|alias 7")["product"]["attributes"] == {"Voltage": "37 V"}


def test_records_that_change_their_part_at_once_neither_wait_for_ever_nor_get_lost(
    database: Database,
) -> None:
    with database.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        for turn in range(3):  # in two directions at once, so that two could wait for each other
            tasks = saved(enrichment.later(days=turn), f"b{turn}", RACING)
            parts = [f"Part {(number + 2 * turn) % 4}|ti" for number in range(RACING)]
            finishing = [
                lambda caller, task=task, part=part: caller.finish(task, OWNER, product(part_key=part))
                for task, part in zip(tasks, parts, strict=True)
            ]
            assert at_once(database, finishing) == [True] * RACING
            assert counted(enrichment) == (len(set(parts)), RACING)
        assert (
            enrichment.all("select from product_extras where product_id not in (select id from products)")
            == []
        )


def test_a_person_and_automation_of_one_part_at_once_keep_the_person_s_word(database: Database) -> None:
    with database.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        manual = enrichment.person(fields={"record_key": PART})
        enrichment.take(manual)
        finishing = [
            lambda caller, task=task: caller.finish(task, OWNER, capacitor(part_key=PART))
            for task in saved(enrichment, "b2", 7)
        ]

        def completing(caller: Enrichment) -> bool:
            return bool(caller.complete(manual, fields=ANAS)["state"] == "completed")

        assert at_once(database, [*finishing, completing]) == [True] * 8
        assert shown(enrichment)["description"] == ANAS["description"]
        assert counted(enrichment) == (1, 8)


def test_writing_the_same_answer_again_rewrites_no_attribute(enrichment: Enrichment) -> None:
    written = product(part_key=PART)
    automate(enrichment, "b1", written)
    versions = "select xmin::text from product_attributes union all select xmin::text from document_media"
    before = enrichment.all(versions)
    automate(enrichment.later(days=31), "b2", written)
    assert enrichment.all(versions) == before


def test_a_part_key_that_no_index_can_hold_is_the_record_s_own(enrichment: Enrichment) -> None:
    automate(enrichment, "b1", product(part_key="x" * 5000))
    assert report(enrichment)["part_key"] == PART


def test_an_answer_about_another_part_than_the_person_named_changes_nothing_of_that_part(
    enrichment: Enrichment,
) -> None:
    bought = {"vendor": "digikey", "vendor_pn": "TI-1-ND", "description": "TI's"}
    automate(enrichment, "b1", capacitor(part_key=PART, **bought))
    task = enrichment.person(batch="b2", fields={"manufacturer": None, "record_key": "LM317T|"})
    enrichment.take(task)
    named = {"manufacturer": "Texas Instruments"}
    enrichment.complete(task, fields=named, manufacturer_key="texas instruments")
    diotecs = capacitor(
        part_key="LM317T|diotec",
        manufacturer="Diotec",
        manufacturer_key="diotec",
        description="Diotec's",
        vendor_pn="DIOTEC-1-ND",
        attributes=[{"name": "Voltage", "value": "3 V", "vendor_id": None}],
    )
    automate(enrichment.later(days=31), "b3", diotecs, manufacturer=None)
    found = shown(enrichment)
    assert (found["manufacturer"], found["vendor_pn"], found["description"], found["attributes"]) == (
        "Texas Instruments",
        "TI-1-ND",
        "TI's",
        {},
    )


def test_a_deleted_product_of_a_maker_that_a_person_named_is_that_maker_s_again(
    enrichment: Enrichment,
) -> None:
    task = enrichment.person(fields={"manufacturer": None, "record_key": "LM317T|"})
    enrichment.take(task)
    named = {"manufacturer": "Texas Instruments"}
    enrichment.complete(task, fields=named, manufacturer_key="texas instruments")
    with enrichment.connection.transaction():
        enrichment.connection.execute("delete from products")
    automate(enrichment.later(days=31), "b2", capacitor(part_key="LM317T|diotec"), manufacturer=None)
    assert report(enrichment, "LM317T|")["part_key"] == PART


def test_a_maker_that_a_person_corrects_leaves_the_other_maker_s_answer_behind(
    enrichment: Enrichment,
) -> None:
    diotecs = capacitor(part_key="LM317T|diotec", manufacturer="Diotec", description="Diotec's")
    automate(enrichment, "b1", diotecs, manufacturer=None)
    later = enrichment.later(days=1)
    task = later.person(
        batch="b2", fields={"manufacturer": None, "record_key": "LM317T|", "content_hash": "b2"}
    )
    later.take(task)
    named = {"manufacturer": "Texas Instruments"}
    later.complete(task, fields=named, manufacturer_key="texas instruments")
    found = shown(later, "LM317T|")
    assert (found["manufacturer"], found["vendor_pn"], found["unit_price"], found["description"]) == (
        "Texas Instruments",
        None,
        None,
        None,
    )
