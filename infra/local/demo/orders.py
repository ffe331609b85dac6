"""The order line's part of the demo: orders and messages come in, and cycles run until none is in progress."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from cli.screen import Screen, shown
from infra.local.demo import report
from infra.local.demo.errors import DemoFailed
from infra.local.functions import STAGES
from infra.local.local_stack import LocalStack

ORDERS, THREADS = 25, 10
MOST_CYCLES = 8
_TIMEOUT = 120.0
DELAYS = {"debit": 0.3, "payment": 0.3}
"""Seconds that the marketplace takes to charge a buyer: an order has no address before."""

FAULT = {"kind": "error_after", "status": 500, "path": "/shipping", "method": "POST", "times": 1}
"""One label is sold and the answer lost: bought again it would be paid twice."""

Json = dict[str, Any]


@dataclass(frozen=True)
class OrderDay:
    """Feeds the marketplace, then fires the stages in their order, as Cloud Scheduler does every 15 minutes."""

    screen: Screen
    stack: LocalStack

    def perform(self) -> None:
        """Raises DemoFailed and httpx.HTTPError."""
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as http:
            theatre = Theatre(http, self.stack)
            self._feed(theatre)
            self._cycles(theatre)
            self._account(theatre)

    def _feed(self, theatre: "Theatre") -> None:
        report.heading(self.screen, "Orders come in")
        theatre.control("mirakl", "PUT", "delays", DELAYS)
        orders = theatre.control("mirakl", "POST", "orders", {"count": ORDERS, "seed": 7})["order_ids"]
        theatre.control("mirakl", "POST", "threads", {"count": THREADS, "seed": 7})
        theatre.control("canada-post", "PUT", "faults", {"seed": 7, "faults": [FAULT]})
        self.screen.line(f"  {len(orders)} orders and {THREADS} message threads wait at the Mirakl sandbox")
        self.screen.line("  Canada Post's sandbox will sell one label and lose the answer, on purpose")

    def _cycles(self, theatre: "Theatre") -> None:
        for number in range(1, MOST_CYCLES + 1):
            report.heading(self.screen, f"Cycle {number}: {' -> '.join(STAGES)}")
            for stage in STAGES:
                began = time.monotonic()
                told = theatre.fire(stage, f"demo-{number}")
                line = f"  {stage:<16} {_in_words(told)}"
                self.screen.line(f"{report.cut(line, 90)} ({time.monotonic() - began:.1f} s)")
                if stage == STAGES[0]:
                    theatre.wait_for_payment()
            if not any(theatre.equation()["in_progress"].values()):
                return

    def _account(self, theatre: "Theatre") -> None:
        orders = theatre.orders()
        report.heading(self.screen, "The orders' paths")
        for path, count in Counter(theatre.path(order["order_id"]) for order in orders).most_common():
            self.screen.line(report.cut(f"  {count:>3}  {path}", 100))
        for order in [order for order in orders if order["attention"]][:5]:
            self.screen.line(
                report.cut(f"  {order['order_id']} is with a person: {shown(order['reason'])}", 100)
            )
        report.heading(self.screen, "Labels bought")
        self._show_labels(orders)
        sold, equation = theatre.control("canada-post", "GET", "books"), theatre.equation()
        report.heading(self.screen, "The account of the orders")
        left = sum(equation["in_progress"].values())
        self.screen.line(
            f"{equation['seen']} seen = {equation['shipped']} shipped + {left} in progress"
            f" + {equation['with_a_person']} with a person + {equation['cancelled']} cancelled"
            f" + {equation['refused']} refused"
        )
        known = equation["labels"]["sold"]
        self.screen.line(f"{sold['labels_sold']} labels sold by the carrier = {known} that we know")
        twice = sum(count > 1 for count in sold["requests"].values())
        if not equation["balanced"] or sold["labels_sold"] != known or twice:
            raise DemoFailed("The orders' equation does not balance: this is a defect.")
        self.screen.line(
            f"{self.screen.symbol('done')} balanced: every order is accounted for, no label was bought twice",
            style="green",
        )

    def _show_labels(self, orders: Sequence[Json]) -> None:
        bought = [
            order["shipment"] for order in orders if order["shipment"] and order["shipment"]["label_path"]
        ]
        for shipment in bought[:3]:
            self.screen.line(
                f"  {shipment['order_id']:<14} {shipment['tracking_number']:<18} {shipment['price']:>7} CAD"
                f"   {shipment['label_bytes']:>6,} bytes of PDF, sha256 {shipment['label_sha256'][:12]}"
            )
        cost = sum(float(shipment["price"]) for shipment in bought)
        self.screen.line(f"  {len(bought)} labels with their PDFs on the shelf, {cost:.2f} CAD in all")


def _in_words(told: Json) -> str:
    if "detail" in told:
        return f"failed: {shown(told['detail'])}"
    counts = {
        name: count for name, count in told.items() if count and not isinstance(count, str | bool | list)
    }
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "nothing to do"


@dataclass(frozen=True)
class Theatre:
    """The calls behind: the stages, the reports, and the sandboxes' controls."""

    http: httpx.Client
    stack: LocalStack

    def control(self, part: str, method: str, path: str, body: object = None) -> Json:
        answer = self.http.request(method, f"{self.stack.url(part)}/_control/{path}", json=body)
        answer.raise_for_status()
        told: Json = answer.json() if answer.content else {}
        return told

    def fire(self, stage: str, cycle: str) -> Json:
        """A stage that fails is told and the next one runs, as in the cloud."""
        told: Json = self.http.post(self.stack.url(stage), json={"cycle": cycle}).json()
        return told

    def orders(self) -> list[Json]:
        return self._report("/orders?limit=1000")["orders"]  # type: ignore[no-any-return]  # as the page describes it

    def equation(self) -> Json:
        return self._report("/reconcile/orders")

    def path(self, order_id: str) -> str:
        history = self._report(f"/orders/{order_id}")["history"]
        return " -> ".join(step["to_state"] for step in history)

    def wait_for_payment(self) -> None:
        """Until the marketplace has charged every buyer; the real one takes minutes, and the next cycle sees it."""
        deadline = time.monotonic() + 10 * sum(DELAYS.values())
        while time.monotonic() < deadline:
            states = Counter(self.control("mirakl", "GET", "orders")["orders"].values())
            if not (states["WAITING_DEBIT"] or states["WAITING_DEBIT_PAYMENT"]):
                return
            time.sleep(0.1)

    def _report(self, path: str) -> Json:
        answer = self.http.get(f"{self.stack.url('workflow')}{path}")
        answer.raise_for_status()
        told: Json = answer.json()
        return told
