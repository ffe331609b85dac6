"""The demo of fulfillment: orders and messages come in, and cycles run until no order is in progress."""

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.screen import Screen, shown
from infra.local.demo import report
from infra.local.demo.backstage import PAYMENT_DELAYS, Backstage, Json
from infra.local.demo.planted import PLANTED, UNREADABLE, correct, disturb, plant
from infra.local.errors import DemoFailed
from infra.local.functions import STAGES

ORDERS, THREADS = 25, 10
MOST_CYCLES = 8
CHECK = "reconcile-orders"


@dataclass(frozen=True)
class OrderDay:
    """Feeds the marketplace, then fires the stages in their order, as Cloud Scheduler does every 15 minutes."""

    screen: Screen
    backstage: Backstage
    check_url: str

    def perform(self) -> None:
        """Raises DemoFailed and httpx.HTTPError."""
        self._feed()
        cycles = self._cycles(1, self._disturb)
        self._show_paths()
        unreadable = self._show_people()
        self._account("unbalanced", cycles, unreadable)
        report.heading(self.screen, "The marketplace corrects the order that cannot be read")
        correct(self.backstage)
        self.screen.line(f"  the total price of {UNREADABLE} is a number from now on")
        cycles = self._cycles(cycles + 1)
        self._account("balanced", cycles)

    def _feed(self) -> None:
        report.heading(self.screen, "Orders come in")
        self.backstage.control("mirakl", "PUT", "delays", PAYMENT_DELAYS)
        plant(self.backstage)
        made_up = {"count": ORDERS - len(PLANTED), "seed": 7}
        self.backstage.control("mirakl", "POST", "orders", made_up)
        self.backstage.control("mirakl", "POST", "threads", {"count": THREADS, "seed": 7})
        self.screen.line(f"  {ORDERS} orders and {THREADS} message threads wait at the Mirakl sandbox")
        self.screen.line(f"  {len(PLANTED)} of the orders are made to need a person, each for another reason")
        self.screen.line("  Canada Post's sandbox will sell one label and lose the answer, on purpose")

    def _disturb(self, stage: str) -> None:
        disturb(self.backstage, stage)

    def _cycles(self, first: int, after: Callable[[str], None] = lambda _stage: None) -> int:
        """Returns the number of the last cycle. `after` is called after each stage of the first one."""
        for number in range(first, first + MOST_CYCLES):
            report.heading(self.screen, f"Cycle {number}: {' -> '.join(STAGES)}")
            for stage in STAGES:
                self._fire(stage, {"cycle": f"demo-{number}"})
                if stage == STAGES[0]:
                    self.backstage.wait_for_payment()
                if number == first:
                    after(stage)
            if not any(self.backstage.orders_equation()["in_progress"].values()):
                break
        return number

    def _fire(self, stage: str, request: Json) -> None:
        began = time.monotonic()
        line = f"  {stage:<16} {stage_in_words(self.backstage.fire(stage, request))}"
        self.screen.line(f"{report.cut(line, 91)} ({time.monotonic() - began:.1f} s)")

    def _show_paths(self) -> None:
        orders = self.backstage.orders()
        report.heading(self.screen, "The orders' paths")
        paths = Counter(self.backstage.order_path(order["order_id"]) for order in orders)
        for path, count in paths.most_common():
            self.screen.line(report.cut(f"  {count:>3}  {path}", 100))
        report.heading(self.screen, "Labels bought")
        self._show_labels(orders)

    def _show_people(self) -> list[str]:
        """Returns the ids of the orders that cannot be read, and so are not ours yet."""
        report.heading(self.screen, "Orders that need a person, and why")
        orders = [order for order in self.backstage.orders() if order["attention"]]
        reasons = {order["order_id"]: order["attention_reason"] for order in orders}
        unreadable = {each["subject"]: each["reason"] for each in self.backstage.findings("unreadable")}
        for order_id, reason in sorted({**reasons, **unreadable}.items()):
            self.screen.line(report.cut(f"  {shown(order_id):<14} {shown(reason)}", 100))
        ended = [
            f"{order['order_id']} as {order['state']}"
            for order in orders
            if order["state"] in ("shipped", "cancelled")
        ]
        self.screen.line(f"  The account has {' and '.join(ended)}, because they have ended.")
        if PLANTED.keys() != reasons.keys() | unreadable.keys():
            raise DemoFailed("These are not the orders that were made to need a person: this is a defect.")
        return sorted(unreadable)

    def _account(self, verdict: str, cycle: int, unreadable: Sequence[str] = ()) -> None:
        """Shows what the functions answer: the numbers of marketplace and carrier are those of their own lists."""
        report.heading(self.screen, "The account of the orders, compared with marketplace and carrier")
        body = shlex.quote(json.dumps({"carrier": True}))
        self.screen.line(f"  curl -X POST -H 'Content-Type: application/json' -d {body} {self.check_url}")
        self._fire(CHECK, {"cycle": f"demo-{cycle}-check", "carrier": True})
        equation = self.backstage.orders_equation()
        outside, seen, sold = equation["outside"], equation["seen"], equation["labels"]["sold"]
        orders, labels = (outside[source]["result"]["listed"] for source in ("marketplace", "carrier"))
        left = sum(equation["in_progress"].values())
        self.screen.line(
            f"{seen} seen = {equation['shipped']} shipped + {left} in progress"
            f" + {equation['with_a_person']} with a person + {equation['cancelled']} cancelled"
            f" + {equation['refused']} refused"
        )
        more = f" and {len(unreadable)} that cannot be read" if unreadable else ""
        self.screen.line(f"{orders} orders{more} listed by the marketplace, {seen} seen by us")
        self.screen.line(f"{labels} labels listed by the carrier, {sold} known to us")
        self._show_verdict(equation, unreadable)
        found = (equation["verdict"], outside["unmatched"], orders, labels)
        if found != (verdict, len(unreadable), seen, sold):
            raise DemoFailed(f"The account of the orders should be {verdict}: this is a defect.")

    def _show_verdict(self, equation: Json, unreadable: Sequence[str]) -> None:
        balanced = equation["balanced"]
        why = (
            "every order is accounted for, no label was bought twice"
            if balanced
            else f"contradicted by {', '.join(map(shown, unreadable))}"
        )
        self.screen.line(
            f"{self.screen.symbol('done' if balanced else 'warning')} verdict: {equation['verdict']}: {why}",
            style="green" if balanced else "yellow",
        )

    def _show_labels(self, orders: Sequence[Json]) -> None:
        bought = [
            order["shipment"] for order in orders if order["shipment"] and order["shipment"]["label_path"]
        ]
        for shipment in bought[:3]:
            self.screen.line(
                f"  {shipment['order_id']:<14} {shipment['tracking_number']:<18} {shipment['price']:>7.2f} CAD"
                f"   {shipment['label_bytes']:>6,} bytes of PDF, sha256 {shipment['label_sha256'][:12]}"
            )
        cost = sum(float(shipment["price"]) for shipment in bought)
        self.screen.line(f"  {len(bought)} labels with their PDFs on the shelf, {cost:.2f} CAD in all")


def stage_in_words(answer: Json) -> str:
    if "detail" in answer:
        return f"failed: {shown(answer['detail'])}"
    counts = {
        name: count for name, count in answer.items() if type(count) is int and count and name != "looks"
    }
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) or "nothing to do"
