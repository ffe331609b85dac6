"""Stage 3: tell the marketplace the tracking number (OR23), then that the order is on its way (OR24), then look."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.fulfillment.orders import SENT, OrderState
from shared.fulfillment.ports import (
    Marketplace,
    MarketplaceOrder,
    MarketplaceState,
    NotSent,
    Refused,
    Tracking,
    Unclear,
)
from shared.fulfillment.reading import GROUP, moved, read_back
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

STAGE = "update-tracking"
TRACKING_PAGE = "https://www.canadapost-postescanada.ca/track-reperage/en#/resultList?searchFor="


@dataclass(frozen=True)
class TrackingUpdate:
    """`carrier_code` is the marketplace's code of the carrier (SH21); without one it is described by name and page."""

    marketplace: Marketplace
    store: OrderStore
    carrier_code: str | None
    carrier_name: str = "Canada Post"

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; repeating is harmless."""
        after: str | None = None
        handled = 0
        while group := self.store.orders_in([OrderState.LABEL_CREATED], GROUP, after):
            after = group[-1].order_id
            group = group[: max(0, run.limit - handled)]
            if not group or not run.may_go_on():
                run.counts["left"] += 1  # at least: the next cycle reads them
                return
            handled += len(group)
            shown = read_back(self.marketplace, self.store, group, run, STAGE)
            refusals = {
                order.order_id: self._push(run, order, shown[order.order_id])
                for order in group
                if order.order_id in shown and shown[order.order_id].state == MarketplaceState.SHIPPING
            }
            self._look(run, group, refusals)

    def would(self, limit: int) -> list[str]:
        return [order.order_id for order in self.store.orders_in([OrderState.LABEL_CREATED], limit)]

    def _push(self, run: StageRun, order: KnownOrder, shown: MarketplaceOrder) -> str | None:
        """Returns the marketplace's refusal, if it gave one."""
        number = order.shipment and order.shipment.tracking_number
        if not number:
            return "the label has no tracking number"
        if not run.may_go_on():
            return None
        tracking = Tracking(
            number,
            self.carrier_code,
            self.carrier_name,
            None if self.carrier_code else f"{TRACKING_PAGE}{number}",
        )
        if not _shows(shown, tracking):
            answer = self.marketplace.set_tracking(order.order_id, tracking)
            if isinstance(answer, Refused):
                return f"tracking number refused: {answer.message}"
            if isinstance(answer, Unclear | NotSent):
                return None  # sending it again next cycle is harmless, shipping without it is not
        answer = self.marketplace.ship(order.order_id)
        return f"shipping refused: {answer.message}" if isinstance(answer, Refused) else None

    def _look(self, run: StageRun, group: Sequence[KnownOrder], refusals: dict[str, str | None]) -> None:
        shown = read_back(
            self.marketplace, self.store, [o for o in group if o.order_id in refusals], run, STAGE
        )
        for order in group:
            refusal = refusals.get(order.order_id)
            state = shown[order.order_id].state if order.order_id in shown else None
            if order.order_id not in refusals:
                run.counts["skipped"] += 1
            elif state in SENT:
                run.counts["done"] += 1
            elif refusal is None or state != MarketplaceState.SHIPPING:
                run.counts["unconfirmed"] += 1
            else:
                move = moved(order.order_id, order.state, OrderState.TRACKING_FAILED, refusal)
                self.store.move_orders([move], STAGE)
                run.failed(order.order_id, refusal)


def _shows(order: MarketplaceOrder, tracking: Tracking) -> bool:
    if order.tracking_number != tracking.number:
        return False
    if tracking.carrier_code:
        return order.carrier_code == tracking.carrier_code
    return order.carrier_name == tracking.carrier_name
