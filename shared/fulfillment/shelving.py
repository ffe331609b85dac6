"""Puts the PDFs of paid labels on the shelf, and sends the calls that bring money back."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shared.fulfillment.carrier import Bought, Carrier, Carriers, LabelShelf, NotReady, Pdf, UndoCall, Undone
from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import LabelStep, OrderState, ShipmentFacts, label_step
from shared.fulfillment.ports import NotSent, Refused, Unclear
from shared.fulfillment.reading import GROUP, isolated, wait_and_call
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import LabelStore

FETCH_ROUNDS = 5
FETCH_PAUSE = 1.0  # seconds; Canada Post's advice between two requests for a label that is not ready yet
VOID = "DELETE"


@dataclass(frozen=True)
class Shelving:
    carriers: Carriers
    store: LabelStore
    shelf: LabelShelf
    pause: Callable[[float], None]

    def note_bought(self, carrier: Carrier, shipment: ShipmentFacts, bought: Bought) -> str:
        """Returns the shipment's state. A label that cannot be used is stored without its link."""
        kept = replace(bought, label_link=bought.label_link if bought.usable else None)
        return self.store.note_label_bought(shipment.id, kept, carrier.undo(bought), carrier.name)

    def fetch(
        self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts, link: str | None
    ) -> None:
        """Stores the PDF. The order waits while it is not ready, with its label paid for."""
        if link is None:
            self.report_unusable(run, order_id, "the carrier gave no label that can be used")
            return
        label = wait_and_call(run, lambda: carrier.fetch_label(link))
        match label:
            case Pdf(content):
                digest = hashlib.sha256(content).hexdigest()
                path = f"{shipment.id}.pdf"
                self.shelf.put(path, content)
                stored = self.store.note_label_stored(shipment.id, path, digest, len(content))
                if stored:
                    run.counts["done"] += 1
                else:
                    run.skipped("it needs no label any more")
            case NotReady() | Unclear():
                run.counts["label_pending"] += 1
            case NotSent():
                run.blocked(order_id, label)
            case Refused(message, _):
                self.report_unusable(run, order_id, f"its PDF cannot be fetched: {message}")

    def report_unusable(self, run: StageRun, order_id: str, message: str) -> None:
        reason = f"the label is bought: {message}"
        self.store.add_findings([about_order(Kind.LABEL_UNUSABLE, order_id, reason)], run.stage)
        run.failed(order_id, reason)

    def fetch_pending(self, run: StageRun, states: Sequence[OrderState]) -> None:
        """Asks again, a few times, for labels that were not ready: the carrier makes one within seconds."""
        for _ in range(FETCH_ROUNDS):
            pending, run.counts["label_pending"] = run.counts["label_pending"], 0
            if not pending or not run.may_go_on():
                run.counts["label_pending"] = pending
                break
            self.pause(FETCH_PAUSE)
            for order_id, shipment in self._unfetched(pending, states):
                carrier = self.carriers.of(shipment.backend)
                if carrier and run.may_go_on():
                    with isolated(run, order_id):
                        self.fetch(run, carrier, order_id, shipment, shipment.label_link)
                else:
                    run.counts["label_pending"] += 1
        run.counts["left"] += run.counts["label_pending"]

    def _unfetched(self, most: int, states: Sequence[OrderState]) -> list[tuple[str, ShipmentFacts]]:
        """The oldest come first, as in the run, so that these are the labels of this run."""
        found: list[tuple[str, ShipmentFacts]] = []
        after: str | None = None
        while len(found) < most and (group := self.store.orders_in(states, GROUP, after)):
            after = group[-1].order_id
            found += [
                (order.order_id, order.shipment)
                for order in group
                if order.shipment
                and order.shipment.label_link
                and label_step(order.shipment) is LabelStep.FETCH
            ]
        return found[:most]

    def send_undo(self, run: StageRun, carrier: Carrier, shipment: ShipmentFacts, undo: UndoCall) -> None:
        """Sends a void or refund call that a person has asked for."""
        answer = wait_and_call(run, lambda: carrier.send_undo(undo))
        match answer:
            case Undone(ticket):
                self.store.note_undo_sent(shipment.id, ticket, is_void=undo.method == VOID)
                run.counts["undo_sent"] += 1
            case Refused(message, _):
                self.store.note_undo_refused(shipment.id, message)
                run.failed(shipment.request_id, message)
            case Unclear():
                run.counts["left"] += 1  # a repeat does no harm
            case NotSent():
                run.blocked(shipment.request_id, answer)
