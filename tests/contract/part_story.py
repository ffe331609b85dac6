"""One part's story in rows, answers and people's words, and the product that follows."""

from uuid import UUID

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import Json, item, product

PART = "LM317T|texas instruments"
SHEET = "https://ana.example/verified.pdf"
ANAS: Json = {
    "category": "Regulators / verified",
    "description": "VERIFIED BY ANA: 5 V only",
    "attributes": {"Voltage": "5 V only"},
    "docs": [SHEET],
}


def automate(
    enrichment: Enrichment,
    batch: str,
    written: Json | None = None,
    *,
    manufacturer: str | None = "Texas Instruments",
    source_record: Json | None = None,
) -> UUID:
    """Completes the record by automation, as the source's next row of it."""
    enrichment.begin(batch)
    row = item(
        "LM317T",
        manufacturer=manufacturer,
        content_hash=batch,
        source_record=source_record or {"pn": "LM317T"},
    )
    opened = enrichment.open([row], batch=batch)
    task = UUID(opened["automation"][0]["id"])
    enrichment.claim(task)
    enrichment.save(task)
    assert enrichment.finish(task, written=written or capacitor())
    return task


def capacitor(**fields: object) -> Json:
    """The vendor's answer about another part, or about ours after a change."""
    other: Json = {"category": "Capacitors", "description": "Capacitor", "attributes": [], "media": []}
    return product(**{"manufacturer": "Texas Instruments", **other, **fields})


def review(
    enrichment: Enrichment, batch: str, fields: Json | None = None, *, by: str = "ana", **row: object
) -> Json:
    """A person completes the record, as the source's next row of it."""
    source = {"pn": "LM317T", "manufacturer": "Texas Instruments", **row}
    task = enrichment.person(batch=batch, fields={"source_record": source, "content_hash": batch})
    enrichment.take(task, by)
    return enrichment.complete(task, by, fields)


def report(enrichment: Enrichment, record: str = PART) -> Json:
    found: Json = enrichment.call("product_report", record_key=record, now_=None)
    return found


def shown(enrichment: Enrichment, record: str = PART) -> Json:
    shown: Json = report(enrichment, record)["product"]
    stored = enrichment.one(
        "select category, description, (select jsonb_object_agg(name, value) from product_attributes as a"
        " where a.product_id = p.id) as attributes from products as p inner join record_layers as l"
        " on l.product_id = p.id where record_key = %s",
        record,
    )
    assert {name: shown[name] or None for name in stored} == stored, "the stored product is the derived one"
    return shown
