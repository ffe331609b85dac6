"""One cycle of fulfillment over HTTP: the calls to the marketplace and the carrier for a hundred orders."""

from collections.abc import Mapping
from typing import Any

import httpx

from infra.bench.laboratory import Laboratory
from infra.bench.table import Row
from infra.local.functions import STAGES

ORDERS = 100
READS = {"accept-orders": 3, "create-labels": 1, "update-tracking": 2}
"""Most reads of a stage: the waiting orders, the confirmation, the refresh; before buying; before and after pushing."""

ACTIONS = ("accept", "tracking", "ship")


def measure(lab: Laboratory) -> list[Row]:
    rows: list[Row] = []
    with httpx.Client(timeout=300, trust_env=False) as http:
        _control(http, lab, "mirakl", "PUT", "delays", {"debit": 0, "payment": 0})
        _control(http, lab, "mirakl", "POST", "orders", {"count": ORDERS, "seed": 1})
        for stage in STAGES:
            before = _reads(http, lab)
            answer = http.post(lab.stack.url(stage), json={"cycle": "bench"})
            answer.raise_for_status()
            if stage in READS:
                reads = _reads(http, lab) - before
                what = f"{stage}: marketplace reads for {ORDERS} orders"
                rows.append(Row(what, f"<= {READS[stage]}", str(reads), "", reads <= READS[stage]))
        books = _control(http, lab, "mirakl", "GET", "books")["orders"]
        for action in ACTIONS:
            most = max((each.get(action, {}).get("calls", 0) for each in books.values()), default=0)
            rows.append(Row(f"{action}: calls for one order", "1", str(most), "most", most == 1))
        sold = _control(http, lab, "canada-post", "GET", "books")
        most = max(sold["requests"].values(), default=0)
        rows.append(
            Row("labels sold for one request", "1", str(most), f"{sold['labels_sold']} in all", most == 1)
        )
    return rows


def _control(
    http: httpx.Client, lab: Laboratory, part: str, method: str, path: str, body: object = None
) -> Mapping[str, Any]:
    answer = http.request(method, f"{lab.stack.url(part)}/_control/{path}", json=body)
    answer.raise_for_status()
    found: Mapping[str, Any] = answer.json()
    return found


def _reads(http: httpx.Client, lab: Laboratory) -> int:
    operations = _control(http, lab, "mirakl", "GET", "books")["operations"]
    return int(operations.get("OR11", {"calls": 0})["calls"])
