"""The demo of fulfillment: orders and messages come in, and cycles run until no order is in progress."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cli.screen import Screen, shown
from infra.local.demo import report
from infra.local.demo.backstage import PAYMENT_DELAYS, Backstage, Json
from infra.local.errors import DemoFailed
from infra.local.functions import STAGES

ORDERS, THREADS = 25, 10
MOST_CYCLES = 8

FAULT = {"kind": "error_after", "status": 500, "path": "/shipping", "method": "POST", "times": 1}
"""One label is sold and the answer is lost: buying it again would mean paying twice."""


@dataclass(frozen=True)
class OrderDay:
    """Feeds the marketplace, then fires the stages in their order, as Cloud Scheduler does every 15 minutes."""

    screen: Screen
    backstage: Backstage

    def perform(self) -> None:
        """Raises DemoFailed and httpx.HTTPError."""
        self._feed()
        self._cycles()
        self._account()

    def _feed(self) -> None:
        report.heading(self.screen, "Orders come in")
        self.backstage.control("mirakl", "PUT", "delays", PAYMENT_DELAYS)
        orders = self.backstage.control("mirakl", "POST", "orders", {"count": ORDERS, "seed": 7})["order_ids"]
        self.backstage.control("mirakl", "POST", "threads", {"count": THREADS, "seed": 7})
        self.backstage.control("canada-post", "PUT", "faults", {"seed": 7, "faults": [FAULT]})
        self.screen.line(f"  {len(orders)} orders and {THREADS} message threads wait at the Mirakl sandbox")
        self.screen.line("  Canada Post's sandbox will sell one label and lose the answer, on purpose")

    def _cycles(self) -> None:
        for number in range(1, MOST_CYCLES + 1):
            report.heading(self.screen, f"Cycle {number}: {' -> '.join(STAGES)}")
            for stage in STAGES:
                began = time.monotonic()
                answer = self.backstage.fire(stage, f"demo-{number}")
                line = f"  {stage:<16} {_in_words(answer)}"
                self.screen.line(f"{report.cut(line, 90)} ({time.monotonic() - began:.1f} s)")
                if stage == STAGES[0]:
                    self.backstage.wait_for_payment()
            if not any(self.backstage.orders_equation()["in_progress"].values()):
                return

    def _account(self) -> None:
        orders = self.backstage.orders()
        report.heading(self.screen, "The orders' paths")
        paths = Counter(self.backstage.order_path(order["order_id"]) for order in orders)
        for path, count in paths.most_common():
            self.screen.line(report.cut(f"  {count:>3}  {path}", 100))
        for order in [order for order in orders if order["attention"]][:5]:
            self.screen.line(
                report.cut(f"  {order['order_id']} is with a person: {shown(order['reason'])}", 100)
            )
        report.heading(self.screen, "Labels bought")
        self._show_labels(orders)
        sold = self.backstage.control("canada-post", "GET", "books")
        equation = self.backstage.orders_equation()
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


def _in_words(answer: Json) -> str:
    if "detail" in answer:
        return f"failed: {shown(answer['detail'])}"
    counts = {
        name: count for name, count in answer.items() if count and not isinstance(count, str | bool | list)
    }
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "nothing to do"
