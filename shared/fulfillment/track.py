"""Stage 3: sends the tracking number (OR23) and the shipment (OR24) to the marketplace, then reads the orders back."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from shared.errors import Conflict
from shared.fulfillment.orders import SENT, Move, OrderState
from shared.fulfillment.ports import (
    Done,
    Marketplace,
    MarketplaceOrder,
    MarketplaceState,
    NotSent,
    Refused,
    Tracking,
)
from shared.fulfillment.reading import GROUP, Outcome, change, read_back
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, ShippingStore

MESSAGES = uuid.UUID("5ba5a4f1-4f5c-4f3e-9a51-0d6f1f1f6a10")
"""The namespace of the ids of our messages about parcels."""

TOPIC = "Tracking numbers / Numéros de suivi"
PARCELS = (
    "Your order travels in {number} parcels with {carrier}: {numbers}.\n"
    "Votre commande voyage en {number} colis avec {carrier} : {numbers}."
)
TRACKING_PAGE = "https://www.canadapost-postescanada.ca/track-reperage/en#/resultList?searchFor="


@dataclass(frozen=True)
class Pushed:
    """An order whose shipment was sent, and the marketplace's refusal if it gave one."""

    order: KnownOrder
    refusal: str | None


@dataclass(frozen=True)
class TrackingUpdate:
    """`carrier_code` is the marketplace's code of the carrier (SH21); without one, name and page describe it.

    `waits_for_scan`: an order is shipped only when the carrier was seen to have its parcel.
    """

    marketplace: Marketplace
    store: ShippingStore
    carrier_code: str | None
    carrier_name: str = "Canada Post"
    waits_for_scan: bool = False

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; repeating is harmless."""
        after: str | None = None
        while group := self.store.orders_in([OrderState.LABEL_CREATED], GROUP, after):
            after = group[-1].order_id
            room = run.limit - run.counts["handled"] if run.may_go_on() else 0
            run.counts["left"] += max(0, len(group) - room)
            group = group[:room]
            run.counts["handled"] += len(group)
            shown = read_back(self.marketplace, self.store, group, run)
            self._look(run, self._push_all(run, group, shown))

    def preview(self, limit: int) -> list[str]:
        return [order.order_id for order in self.store.orders_in([OrderState.LABEL_CREATED], limit)]

    def _push_all(
        self, run: StageRun, group: Sequence[KnownOrder], shown: Mapping[str, MarketplaceOrder]
    ) -> list[Pushed]:
        pushed: list[Pushed] = []
        for order in group:
            found = shown.get(order.order_id)
            if found is None or found.state != MarketplaceState.SHIPPING or found.fully_refunded:
                run.skipped("the marketplace does not show it as one that is to be shipped")
            elif self.waits_for_scan and not (order.shipment and order.shipment.scanned_at):
                run.counts["awaiting_scan"] += 1
            elif not run.may_go_on():
                run.counts["left"] += 1
            elif not isinstance(answer := self._push(run, order, found), NotSent):
                pushed.append(Pushed(order, answer.message if isinstance(answer, Refused) else None))
        return pushed

    def _push(self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder) -> Outcome:
        number = order.shipment and order.shipment.tracking_number
        if not number:
            return Refused("the label has no tracking number")
        tracking = Tracking(
            number,
            self.carrier_code,
            self.carrier_name,
            None if self.carrier_code else f"{TRACKING_PAGE}{number}",
        )
        if not _shows(shown, tracking):
            set_tracking = partial(self.marketplace.set_tracking, order.order_id, tracking)
            answer = change(run, order.order_id, set_tracking)
            if isinstance(answer, Refused):
                return Refused(f"tracking number refused: {answer.message}")
            if not isinstance(answer, Done):
                return answer  # sending it again next cycle does no harm; shipping without it does
        if len(order.tracking_numbers) > 1:
            self._tell_the_buyer(run, order)
        answer = change(run, order.order_id, partial(self.marketplace.ship, order.order_id))
        return Refused(f"shipping refused: {answer.message}") if isinstance(answer, Refused) else answer

    def _tell_the_buyer(self, run: StageRun, order: KnownOrder) -> None:
        """The marketplace takes one number; a message has all of them. The same numbers are told once."""
        numbers = ", ".join(order.tracking_numbers)
        ident = uuid.uuid5(MESSAGES, f"{order.order_id} {numbers}")
        body = PARCELS.format(number=len(order.tracking_numbers), carrier=self.carrier_name, numbers=numbers)
        with suppress(Conflict):  # told in other words by an earlier version
            self.store.write_to_buyer(str(ident), order.order_id, TOPIC, body, run.stage)

    def _look(self, run: StageRun, pushed: Sequence[Pushed]) -> None:
        shown = read_back(self.marketplace, self.store, [each.order for each in pushed], run)
        for each in pushed:
            order = each.order
            found = shown.get(order.order_id)
            if found is not None and found.state in SENT:
                run.counts["done"] += 1
            elif each.refusal is not None and found is not None and found.state == MarketplaceState.SHIPPING:
                move = Move(order.order_id, order.state, OrderState.TRACKING_FAILED, each.refusal)
                self.store.move_orders([move], run.stage)
                run.failed(order.order_id, each.refusal)
            else:
                run.counts["unconfirmed"] += 1


def _shows(order: MarketplaceOrder, tracking: Tracking) -> bool:
    if order.tracking_number != tracking.number:
        return False
    if tracking.carrier_code:
        return order.carrier_code == tracking.carrier_code
    return order.carrier_name == tracking.carrier_name
