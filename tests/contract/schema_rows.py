"""Rows for the tests of the schema, with defaults for irrelevant fields."""

import uuid
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE, PATIENCE, GRACE, CLAIM = 60, 900, 120, 3600
DUE = {"high": 3600, "medium": 7200, "low": 10800}
ATTEMPTS = 3
HALF_LIFE = 90  # days
VENDOR = "digikey"
OWNER, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
Json = dict[str, Any]


def item(
    pn: str, route: str = "automation", *, manufacturer: str | None = "Texas Instruments", **fields: object
) -> Json:
    """One of `open_tasks`' items."""
    return {
        "record_key": f"{pn.upper()}|{(manufacturer or '').lower()}",
        "pn": pn,
        "manufacturer": manufacturer,
        "manufacturer_key": (manufacturer or "").lower(),
        "content_hash": f"hash of {pn}",
        "source_record": {"pn": pn, "manufacturer": manufacturer},
        "route": route,
        "priority": "medium",
        "rule": "sparse",
        "reason": "a reason",
        "confidence": 0.8,
        "features": {"priority": 0.5},
        "comparisons": [],
        "policy": "flow",
        "policy_version": "1",
        **fields,
    }


def product(manufacturer: str = "TI", **fields: object) -> Json:
    return {
        "pn": "LM317T",
        "manufacturer": manufacturer,
        "manufacturer_key": manufacturer.lower(),
        "category": "Regulators",
        "description": "Linear regulator",
        "vendor": "digikey",
        "vendor_pn": "296-LM317T",
        "url": "https://vendor.example/lm317t",
        "unit_price": "0.8125",
        "currency": "CAD",
        "status": "Active",
        "attributes": [{"name": "Voltage", "value": "37 V", "vendor_id": "14"}],
        "media": [{"kind": "datasheet", "url": "https://vendor.example/a.pdf", "title": "Sheet"}],
        "extras": {"lead_weeks": 6},
        **fields,
    }
