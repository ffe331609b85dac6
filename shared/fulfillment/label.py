"""Stage 2: buys labels, and never the same one twice.

The intent is committed before the carrier is called. After a call with an unknown outcome, the carrier is asked by
request id before anything is bought again.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.errors import Conflict, StoreRefused
from shared.fulfillment.address import Unmappable, party_of
from shared.fulfillment.carrier import Bought, Carrier, LabelRequest, LabelShelf, NotReady, Pdf, Unknown
from shared.fulfillment.orders import LabelStep, OrderState, ShipmentFacts, label_step
from shared.fulfillment.parcels import ParcelSize, parcel_of
from shared.fulfillment.ports import (
    Marketplace,
    MarketplaceOrder,
    MarketplaceState,
    NotSent,
    Refused,
    Unclear,
)
from shared.fulfillment.reading import GROUP, TRIES, ask_person_if_overdue, move_to_person, read_back
from shared.fulfillment.request import label_request, request_from_json, request_hash, request_json
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, LabelStore

LOGGER = logging.getLogger("switchyard")
SETTLING = timedelta(minutes=10)
"""So long after a call, the carrier's "no such request" means that the call will never buy anything."""

CALL_WITHIN = SETTLING / 2
"""The longest time from the committed intent to the call. Later, another run may have bought the label."""

FETCH_ROUNDS = 5
FETCH_PAUSE = 1.0  # seconds; Canada Post's advice between two requests for a label that is not ready yet

ATTENTION_AFTER = 8
"""After so many cycles with an unknown outcome, a person looks too."""

STATES = (OrderState.ACCEPTED, OrderState.LABEL_UNKNOWN)
BUYING = (LabelStep.BUY, LabelStep.BUY_AGAIN)


@dataclass(frozen=True)
class LabelTerms:
    """The carrier's service and options, and the size of a product that is not in the table."""

    service_code: str
    options: Sequence[str]
    default_size: ParcelSize


@dataclass(frozen=True)
class LabelPurchase:
    marketplace: Marketplace
    carrier: Carrier
    store: LabelStore
    shelf: LabelShelf
    terms: LabelTerms
    clock: Clock
    pause: Callable[[float], None]

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; earlier purchases are stored."""
        after: str | None = None
        while group := self.store.orders_in(STATES, GROUP, after):
            after = group[-1].order_id
            # a cancelled order must not get a label, and addresses come late
            shown = read_back(self.marketplace, self.store, group, run)
            for order in group:
                step = label_step(order.shipment)
                if step in BUYING and not _ships(shown.get(order.order_id)):
                    run.counts["skipped"] += 1
                elif run.counts["handled"] >= run.limit or not run.may_go_on():
                    run.counts["left"] += 1
                else:
                    run.counts["handled"] += 1
                    with _isolated(run, order.order_id):
                        self._handle(run, order, step, shown.get(order.order_id))
        self._fetch_pending(run)
        self._settle_ended(run)

    def preview(self, limit: int) -> list[str]:
        orders = self.store.orders_in(STATES, min(limit, 1000))
        return [o.order_id for o in orders if o.marketplace_state == MarketplaceState.SHIPPING and o.address]

    def _handle(
        self, run: StageRun, order: KnownOrder, step: LabelStep, shown: MarketplaceOrder | None
    ) -> None:
        shipment = order.shipment
        match step:
            case LabelStep.BUY if shown is not None:
                self._open(run, order, shown)
            case LabelStep.BUY_AGAIN if shipment is not None:
                self._call_again(run, order.order_id, shipment)
            case LabelStep.ASK if shipment is not None:
                self._ask(run, order.order_id, shipment, may_buy=_ships(shown))
            case LabelStep.FETCH if shipment is not None:
                if waits := self._fetch(run, order.order_id, shipment, shipment.label_link):
                    ask_person_if_overdue(run, self.store, order.order_id, shipment.called_at, waits)
            case _:
                run.counts["skipped"] += 1

    def _open(self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder) -> None:
        """Commits the intent, then calls. A person gets an order that cannot be mapped, with the reason."""
        assert shown.address is not None, "only orders with an address are opened"
        destination = party_of(shown.address)
        parcel = parcel_of([(line.size, line.quantity) for line in order.lines], self.terms.default_size)
        if isinstance(destination, Unmappable) or isinstance(parcel, str):
            reason = destination.reason if isinstance(destination, Unmappable) else str(parcel)
            self.store.move_orders(
                [move_to_person(order.order_id, order.state, OrderState.LABEL_FAILED, reason)], run.stage
            )
            run.failed(order.order_id, reason)
            return
        begun = self.clock()
        sequence = order.shipment.sequence + 1 if order.shipment else 1
        request = label_request(
            order.order_id, sequence, destination, parcel, self.terms.service_code, self.terms.options
        )
        try:
            shipment, is_new = self.store.open_shipment(
                order.order_id,
                request.request_id,
                sequence,
                request_hash=request_hash(request),
                request=request_json(request),
                backend=self.carrier.name,
            )
        except Conflict:
            run.counts["skipped"] += 1  # it was cancelled or opened by another run meanwhile
            return
        if is_new:
            self._buy(run, order.order_id, shipment, request, begun)
        else:
            run.counts["skipped"] += 1

    def _call_again(self, run: StageRun, order_id: str, shipment: ShipmentFacts, tries: int = TRIES) -> None:
        """Calls with the committed request, so with the same request id."""
        begun = self.clock()
        called = self.store.note_label_call(shipment)
        if called:
            self._buy(run, order_id, called, request_from_json(called.request), begun, tries)
        else:
            run.counts["skipped"] += 1

    def _buy(
        self,
        run: StageRun,
        order_id: str,
        shipment: ShipmentFacts,
        request: LabelRequest,
        begun: datetime,
        tries: int = TRIES,
    ) -> None:
        """`begun` is a time before the intent was committed."""
        slept = self.clock() - begun >= CALL_WITHIN
        answer = NotSent("the process slept before its call") if slept else self.carrier.buy(request)
        match answer:
            case Bought():
                self._note_bought(run, order_id, shipment, answer)
            case Refused(message, _):
                self.store.note_label_refused(shipment, message)
                run.failed(order_id, message)
            case Unclear(message):
                self._note_unknown(run, order_id, shipment.id, message)
            case NotSent(message, retry_after):
                self.store.note_label_not_sent(shipment, message)
                if tries > 1 and retry_after is not None and run.wait(retry_after):
                    self._call_again(run, order_id, shipment, tries - 1)
                else:
                    run.counts["left"] += 1
                    run.stop()

    def _ask(self, run: StageRun, order_id: str, shipment: ShipmentFacts, *, may_buy: bool) -> None:
        """Asks the carrier for the outcome of a call that was made, or may have been made."""
        found = self.carrier.find(shipment.request_id)
        match found:
            case Bought():
                run.counts["adopted"] += 1
                self._note_bought(run, order_id, shipment, found)
            case Unknown() if may_buy and self._settled(shipment):
                self._call_again(run, order_id, shipment)
            case Unknown():
                self._note_unknown(run, order_id, shipment.id, "the carrier does not know the request yet")
            case Unclear(message):
                self._note_unknown(run, order_id, shipment.id, message)

    def _settled(self, shipment: ShipmentFacts) -> bool:
        return shipment.called_at is not None and self.clock() - shipment.called_at >= SETTLING

    def _note_unknown(self, run: StageRun, order_id: str, shipment_id: str, message: str) -> None:
        cycles = self.store.note_label_unknown(shipment_id, message, ATTENTION_AFTER, run.cycle)
        run.counts["unknown"] += 1
        if cycles >= ATTENTION_AFTER:
            run.failed(order_id, f"unknown for {cycles} cycles: {message}")

    def _note_bought(self, run: StageRun, order_id: str, shipment: ShipmentFacts, bought: Bought) -> None:
        """A label that cannot be used is stored without its link, so that no later run fetches it."""
        link = bought.label_link if bought.usable else None
        kept = replace(bought, label_link=link)
        state = self.store.note_label_bought(shipment.id, kept, self.carrier.undo(bought))
        run.counts["bought"] += 1
        if state == "undo_due":
            run.failed(order_id, "the order was cancelled after its label was bought: a person undoes it")
        else:
            self._fetch(run, order_id, shipment, link)

    def _fetch(self, run: StageRun, order_id: str, shipment: ShipmentFacts, link: str | None) -> str | None:
        """Stores the PDF. Returns the reason while it is not ready; the order waits then, with its label paid for."""
        label = (
            self.carrier.fetch_label(link) if link else Refused("the carrier gave no label that can be used")
        )
        match label:
            case Pdf(content):
                digest = hashlib.sha256(content).hexdigest()
                path = f"{shipment.id}.pdf"
                self.shelf.put(path, content)
                stored = self.store.note_label_stored(shipment.id, path, digest, len(content))
                run.counts["done" if stored else "skipped"] += 1
            case NotReady(message) | Unclear(message):
                run.counts["label_pending"] += 1
                return f"the label is bought, no PDF yet: {message}"
            case Refused(message, _):
                self._ask_person(run, order_id, f"the label is bought, its PDF cannot be fetched: {message}")
        return None

    def _fetch_pending(self, run: StageRun) -> None:
        """Asks again, a few times, for labels that were not ready: the carrier makes one within seconds."""
        for _ in range(FETCH_ROUNDS):
            pending, run.counts["label_pending"] = run.counts["label_pending"], 0
            if not pending or not run.may_go_on():
                run.counts["label_pending"] = pending
                break
            self.pause(FETCH_PAUSE)
            for order_id, shipment in self._unfetched(pending):
                if run.may_go_on():
                    with _isolated(run, order_id):
                        self._fetch(run, order_id, shipment, shipment.label_link)
                else:
                    run.counts["label_pending"] += 1
        run.counts["left"] += run.counts["label_pending"]

    def _unfetched(self, most: int) -> list[tuple[str, ShipmentFacts]]:
        """The oldest come first, as in the run, so that these are the labels of this run."""
        found: list[tuple[str, ShipmentFacts]] = []
        after: str | None = None
        while len(found) < most and (group := self.store.orders_in(STATES, GROUP, after)):
            after = group[-1].order_id
            found += [
                (order.order_id, order.shipment)
                for order in group
                if order.shipment
                and order.shipment.label_link
                and label_step(order.shipment) is LabelStep.FETCH
            ]
        return found[:most]

    def _ask_person(self, run: StageRun, order_id: str, reason: str) -> None:
        self.store.ask_for_person(order_id, reason)
        run.failed(order_id, reason)

    def _settle_ended(self, run: StageRun) -> None:
        """Settles labels of orders that ended meanwhile: a person undoes what was bought for them."""
        for order_id, shipment in self.store.shipments_to_settle(GROUP):
            if not run.may_go_on():
                break
            with _isolated(run, order_id):
                self._settle(run, order_id, shipment)
        for shipment_id, bought in self.store.shipments_to_undo(GROUP):
            self.store.note_undo_due(shipment_id, self.carrier.undo(bought))
            run.counts["undo_due"] += 1

    def _settle(self, run: StageRun, order_id: str, shipment: ShipmentFacts) -> None:
        found = self.carrier.find(shipment.request_id)
        if isinstance(found, Bought):
            self._note_bought(run, order_id, shipment, found)
        elif isinstance(found, Unknown) and (shipment.called_at is None or self._settled(shipment)):
            self.store.note_label_refused(shipment, "never bought, and the order has ended")
        else:
            self._note_unknown(
                run, order_id, shipment.id, "the order has ended, its label's outcome is not known"
            )


@contextmanager
def _isolated(run: StageRun, order_id: str) -> Iterator[None]:
    """Reports an order that the store refuses, so that the other orders do not wait for it."""
    try:
        yield
    except StoreRefused:
        LOGGER.exception("%s: order %s", run.stage, order_id)
        run.failed(order_id, "the store refused the result; the log says why")


def _ships(shown: MarketplaceOrder | None) -> bool:
    return shown is not None and shown.state == MarketplaceState.SHIPPING and shown.address is not None
