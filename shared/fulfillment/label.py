"""Stage 2: buys labels, and never the same one twice.

The intent is committed, then the carrier is asked whether it sold this request before, and only then called. After a
call with an unknown outcome, the carrier is asked by request id before anything is bought again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from shared.clock import Clock
from shared.errors import Conflict
from shared.fulfillment.address import Unmappable
from shared.fulfillment.carrier import Bought, Carrier, Carriers, LabelRequest, Unknown
from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import LabelStep, Move, OrderState, ShipmentFacts, label_step
from shared.fulfillment.parcels import fewest
from shared.fulfillment.ports import (
    Cause,
    Marketplace,
    MarketplaceOrder,
    MarketplaceState,
    NotSent,
    Refused,
    Unclear,
)
from shared.fulfillment.reading import GROUP, isolated, read_back, wait_and_call
from shared.fulfillment.request import (
    LabelTerms,
    cheapest,
    pieces_of,
    request_for,
    request_from_json,
    request_hash,
    request_json,
)
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.shelving import Shelving
from shared.fulfillment.store import KnownOrder, LabelStore

LOGGER = logging.getLogger("switchyard")
SETTLING = timedelta(minutes=10)
"""So long after a call, the carrier's "no such request" means that the call will never buy anything."""

CALL_WITHIN = SETTLING / 2
"""The longest time from the committed intent to the call. Later, another run may have bought the label."""

MEANWHILE = "another run or a person has decided about it meanwhile"
BY_RULE = "no single parcel can carry it"
STATES = (OrderState.ACCEPTED, OrderState.LABEL_UNKNOWN)
BUYING = (LabelStep.BUY, LabelStep.BUY_AGAIN)
NO_CREDENTIALS = (
    "its label was asked for at the carrier's API {0}, for which there are no credentials: set them, or say after a "
    "look at the carrier's site that nothing was sold there"
)


@dataclass(frozen=True)
class Purchase:
    """A call that may be made now. `begun` is a time before the intent was committed."""

    order_id: str
    shipment: ShipmentFacts
    request: LabelRequest
    begun: datetime


@dataclass(frozen=True)
class LabelPurchase:
    marketplace: Marketplace
    carriers: Carriers
    store: LabelStore
    shelving: Shelving
    terms: LabelTerms
    clock: Clock
    pause: Callable[[float], None]

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; earlier purchases are stored."""
        after: str | None = None
        while group := self.store.orders_in(STATES, GROUP, after):
            after = group[-1].order_id
            if run.counts["handled"] >= run.limit or not run.may_go_on():
                run.counts["left"] += len(group)
                continue
            # a cancelled order must not get a label, and addresses come late
            shown = read_back(self.marketplace, self.store, group, run)
            for order in group:
                step = label_step(order.shipment)
                if step in BUYING and not _ships(shown.get(order.order_id)):
                    run.skipped(why_not_shipped(shown.get(order.order_id)))
                elif run.counts["handled"] >= run.limit or not run.may_go_on():
                    run.counts["left"] += 1
                else:
                    run.counts["handled"] += 1
                    with isolated(run, order.order_id):
                        self._serve(run, order, step, shown.get(order.order_id))
        self.shelving.fetch_pending(run, STATES)
        self._settle_ended(run)

    def preview(self, limit: int) -> list[str]:
        orders = self.store.orders_in(STATES, min(limit, 1000))
        return [o.order_id for o in orders if o.marketplace_state == MarketplaceState.SHIPPING and o.address]

    def _serve(
        self, run: StageRun, order: KnownOrder, step: LabelStep, shown: MarketplaceOrder | None
    ) -> None:
        """Handles an order's current parcel, then its further ones as long as each gets its label."""
        if shown and step in BUYING:
            distributed = self._distributed(run, order, shown)
            if distributed is None:
                run.skipped(MEANWHILE)
                return
            order = distributed
        self._handle(run, order, step, shown)
        while order.parcel < order.parcels and run.may_go_on():
            (now,) = self.store.orders_by_id([order.order_id])
            if now.parcel <= order.parcel or label_step(now.shipment) is not LabelStep.BUY or shown is None:
                return
            order = now
            self._handle(run, order, LabelStep.BUY, shown)

    def _distributed(self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder) -> KnownOrder | None:
        """By rule, an order that one parcel cannot carry gets the fewest that can. None: it changed meanwhile."""
        needed = fewest(pieces_of(order, shown), self.terms.default_size, self.terms.most_parcels)
        if isinstance(needed, str) or needed <= order.parcels or order.tracking_numbers:
            return order
        try:
            self.store.set_parcels(order.order_id, needed, run.stage, BY_RULE, order.decisions)
        except Conflict:
            return None  # another run has asked for a label, or a person has decided
        return replace(order, parcels=needed, decisions=order.decisions + 1)

    def _handle(
        self, run: StageRun, order: KnownOrder, step: LabelStep, shown: MarketplaceOrder | None
    ) -> None:
        shipment = order.shipment
        if step is LabelStep.BUY:
            assert shown is not None, "only orders that ship are bought for"
            self._open(run, order, shown)
            return
        carrier = self._carrier_of(run, order.order_id, shipment) if shipment else None
        if shipment is None or carrier is None or step is LabelStep.NOTHING:
            run.skipped("nothing can be done about its label now")
        elif step is LabelStep.BUY_AGAIN:
            assert shown is not None, "only orders that ship are bought for"
            self._open_again(run, order, shown, shipment)
        elif step is LabelStep.ASK:
            self._ask(run, carrier, order.order_id, shipment, may_buy=_ships(shown))
        elif shipment.label_link:
            self.shelving.fetch(run, carrier, order.order_id, shipment, shipment.label_link)
        else:  # it could not be used when it was bought
            self._look_again(run, carrier, order.order_id, shipment)

    def _carrier_of(self, run: StageRun, order_id: str, shipment: ShipmentFacts) -> Carrier | None:
        carrier = self.carriers.of(shipment.backend)
        if carrier is None:
            reason = NO_CREDENTIALS.format(shipment.backend)
            self.store.add_findings([about_order(Kind.OTHER_API, order_id, reason)], run.stage)
            run.failed(order_id, reason)
        return carrier

    # --- buying -----------------------------------------------------------------------------------------------

    def _open(self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder) -> None:
        """Commits the intent, then asks and calls. A person gets an order that cannot be mapped, with the reason."""
        sequence = order.next_sequence
        request = request_for(order, shown, sequence, self.terms)
        if isinstance(request, Unmappable):
            move = Move(order.order_id, order.state, OrderState.LABEL_FAILED, request.reason)
            self.store.move_orders([move], run.stage)
            run.failed(order.order_id, request.reason)
            return
        request = self._cheapest(run, request, shown)
        begun = self.clock()
        try:
            shipment, is_new = self.store.open_shipment(
                order.order_id,
                request.request_id,
                sequence,
                request_hash=request_hash(request),
                request=request_json(request),
                backend=self.carriers.current.name,
                parcel=order.parcel,
                decisions=order.decisions,
            )
        except Conflict:
            run.skipped(MEANWHILE)  # it was cancelled or opened by another run
            return
        if is_new:
            self._ask_and_buy(run, Purchase(order.order_id, shipment, request, begun))
        else:
            run.skipped(MEANWHILE)

    def _open_again(
        self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder, shipment: ShipmentFacts
    ) -> None:
        """Builds a request anew that was certainly never sent: the address or the lines may have changed."""
        request = request_for(order, shown, shipment.sequence, self.terms)
        if isinstance(request, Unmappable):
            self.store.note_label_refused(shipment, request.reason)
            run.failed(order.order_id, request.reason)
            return
        request = self._cheapest(run, request, shown)
        begun = self.clock()
        called = self.store.note_label_call(
            shipment, request_json(request), request_hash(request), order.decisions
        )
        if called:
            committed = request_from_json(called.request)
            self._ask_and_buy(run, Purchase(order.order_id, called, committed, begun))
        else:
            run.skipped(MEANWHILE)

    def _cheapest(self, run: StageRun, request: LabelRequest, shown: MarketplaceOrder) -> LabelRequest:
        """Chooses the service by price, if that is set. Without one in time, the buyer's shipping type decides."""
        if not self.terms.candidates:
            return request
        ask = partial(self.carriers.current.rates, request.destination, request.parcel, self.terms.candidates)
        rates = wait_and_call(run, ask)
        if isinstance(rates, Refused | Unclear | NotSent):
            run.counts["unrated"] += 1
            return request
        chosen = cheapest(rates, shown.deliver_by)
        return replace(request, service_code=chosen.service_code) if chosen else request

    def _ask_and_buy(self, run: StageRun, purchase: Purchase) -> None:
        """Asks every API that we can: another run, or a database restored since, may have bought this request."""
        for carrier in self.carriers.all():
            found = wait_and_call(run, partial(carrier.find, purchase.request.request_id))
            if isinstance(found, Bought):
                run.counts["adopted"] += 1
                self._note_bought(run, carrier, purchase.order_id, purchase.shipment, found)
                return
            if isinstance(found, Unclear | NotSent):
                self.store.note_label_not_sent(purchase.shipment, found.message)
                fault = found if isinstance(found, NotSent) else NotSent(found.message, cause=Cause.UNCLEAR)
                run.blocked(purchase.order_id, fault)
                return
        seller = self.carriers.of(purchase.shipment.backend)
        assert seller is not None, "its credentials were there when it was opened"
        self._buy(run, seller, purchase)

    def _call_again(self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts) -> None:
        """Calls with the committed request, so with the same request id, which the carrier has just been asked for."""
        begun = self.clock()
        called = self.store.note_label_call(shipment)
        if called:
            self._buy(run, carrier, Purchase(order_id, called, request_from_json(called.request), begun))
        else:
            run.skipped(MEANWHILE)

    def _buy(self, run: StageRun, carrier: Carrier, purchase: Purchase) -> None:
        not_after = purchase.begun + CALL_WITHIN
        answer = wait_and_call(run, lambda: carrier.buy(purchase.request, not_after))
        match answer:
            case Bought():
                self._note_bought(run, carrier, purchase.order_id, purchase.shipment, answer)
            case Refused(message, _):
                run.worked()
                self.store.note_label_refused(purchase.shipment, message)
                run.failed(purchase.order_id, message)
            case Unclear(message):
                self._note_unknown(run, purchase.order_id, purchase.shipment, message)
            case NotSent(message):
                self.store.note_label_not_sent(purchase.shipment, message)
                run.blocked(purchase.order_id, answer)

    # --- asking -----------------------------------------------------------------------------------------------

    def _ask(
        self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts, *, may_buy: bool
    ) -> None:
        """Asks the carrier for the outcome of a call that was made, or may have been made."""
        found = wait_and_call(run, lambda: carrier.find(shipment.request_id))
        match found:
            case Bought():
                run.counts["adopted"] += 1
                self._note_bought(run, carrier, order_id, shipment, found)
            case Unknown() if may_buy and self._settled(shipment):
                self._call_again(run, carrier, order_id, shipment)
            case Unknown():
                self._note_unknown(run, order_id, shipment, "the carrier does not know the request yet")
            case Unclear(message):
                self._note_unknown(run, order_id, shipment, message)
            case NotSent():
                run.blocked(order_id, found)

    def _look_again(self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts) -> None:
        """A suspended label can be released: its shipment is read again."""
        found = wait_and_call(run, lambda: carrier.find(shipment.request_id))
        match found:
            case Bought(shipment_id=sold) if sold != shipment.shipment_id:
                self.shelving.note_bought(carrier, shipment, found)  # kept in also_sold
                self.shelving.report_unusable(
                    run, order_id, f"it is suspended, and shipment {sold} was sold, too"
                )
            case Bought(usable=True, label_link=str() as link):
                self.shelving.note_bought(carrier, shipment, found)
                self.shelving.fetch(run, carrier, order_id, shipment, link)
            case NotSent():
                run.blocked(order_id, found)
            case _:
                self.shelving.report_unusable(run, order_id, "the carrier gave no label that can be used")

    def _settled(self, shipment: ShipmentFacts) -> bool:
        return shipment.called_at is not None and self.clock() - shipment.called_at >= SETTLING

    def _note_unknown(self, run: StageRun, order_id: str, shipment: ShipmentFacts, message: str) -> None:
        self.store.note_label_unknown(shipment.id, message)
        run.counts["unknown"] += 1
        LOGGER.info("%s: order %s: %s", run.stage, order_id, message)

    def _note_bought(
        self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts, bought: Bought
    ) -> None:
        run.worked()
        state = self.shelving.note_bought(carrier, shipment, bought)
        run.counts["bought"] += 1
        if state == "undo_due":
            run.failed(order_id, "the order was cancelled after its label was bought: a person undoes it")
        else:
            link = bought.label_link if bought.usable else None
            self.shelving.fetch(run, carrier, order_id, shipment, link)

    # --- what nobody needs any more ----------------------------------------------------------------------------

    def _settle_ended(self, run: StageRun) -> None:
        """Settles labels of orders that ended meanwhile, prepares their undo calls, and sends those asked for."""
        for order_id, shipment in self.store.shipments_to_settle(GROUP):
            carrier = self.carriers.of(shipment.backend)
            if carrier and run.may_go_on():
                with isolated(run, order_id):
                    self._settle(run, carrier, order_id, shipment)
        for shipment, bought in self.store.shipments_to_undo(GROUP):
            carrier = self.carriers.of(shipment.backend) or self.carriers.current
            self.store.note_undo_due(shipment.id, carrier.undo(bought))
            run.counts["undo_due"] += 1
        for shipment, undo in self.store.undos_to_send(GROUP):
            carrier = self.carriers.of(shipment.backend)
            if carrier and run.may_go_on():
                self.shelving.send_undo(run, carrier, shipment, undo)

    def _settle(self, run: StageRun, carrier: Carrier, order_id: str, shipment: ShipmentFacts) -> None:
        found = wait_and_call(run, lambda: carrier.find(shipment.request_id))
        if isinstance(found, Bought):
            self._note_bought(run, carrier, order_id, shipment, found)
        elif isinstance(found, NotSent):
            run.blocked(order_id, found)
        elif isinstance(found, Unknown) and (shipment.called_at is None or self._settled(shipment)):
            self.store.note_label_refused(shipment, "never bought, and the order has ended")
        else:
            self._note_unknown(
                run, order_id, shipment, "the order has ended, its label's outcome is not known"
            )


def _ships(shown: MarketplaceOrder | None) -> bool:
    """Whether a label may be bought by what the marketplace shows now."""
    return why_not_shipped(shown) == ""


def why_not_shipped(shown: MarketplaceOrder | None) -> str:
    """Empty for an order that may get a label."""
    if shown is None:
        return "the marketplace does not show it"
    if shown.fully_refunded:
        return "it is fully refunded"
    if shown.state != MarketplaceState.SHIPPING:
        known = shown.state if shown.state in set(MarketplaceState) else "in another state"
        return f"it is {known} at the marketplace, not yet or no longer to be shipped"
    if shown.address is None:
        return "the marketplace gives no address yet"
    return "" if shown.can_ship else "the marketplace does not let it be shipped yet"
