"""Stage 1: accepts new orders within 24 hours, refuses those that a person refuses, updates all unshipped ones."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import UNSHIPPED, Move, OrderState
from shared.fulfillment.parcels import ParcelSize, fewest, parcels_of
from shared.fulfillment.ports import Marketplace, MarketplaceState, NotSent, Refused
from shared.fulfillment.reading import GROUP, change, read_back, report_unreadable
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

LOOKS = 3
"""A run reads accepted orders back this often for the marketplace's confirmation; the next cycle looks again."""

UNDECIDED = (MarketplaceState.STAGING, MarketplaceState.WAITING_ACCEPTANCE)


@dataclass(frozen=True)
class Asked:
    """An order whose acceptance or refusal was sent, and the marketplace's refusal if it gave one."""

    order: KnownOrder
    refusal: str | None = None


@dataclass(frozen=True)
class Acceptance:
    """`default_size` is that of a SKU without a size; `pause` waits for the given seconds between two looks.

    An order may go in up to `most_parcels`.
    """

    marketplace: Marketplace
    store: OrderStore
    default_size: ParcelSize
    pause: Callable[[float], None]
    most_parcels: int = 1
    seconds_between_looks: float = 5

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; earlier work stays done."""
        for page in self.marketplace.listed([MarketplaceState.WAITING_ACCEPTANCE]):
            run.counts["new"] += self.store.store_orders(page.orders, run.stage)
            run.counts["waiting"] += len(page.orders)
            report_unreadable(run, self.store, page.problems)
            if not run.may_go_on():
                break
        asked = self._decide_all(run)
        self._confirm(run, asked)
        self._refresh(run, asked)

    def preview(self, limit: int) -> list[str]:
        """Returns the orders that a run would accept now."""
        pages = self.marketplace.listed([MarketplaceState.WAITING_ACCEPTANCE])
        return [order.order_id for page in pages for order in page.orders][:limit]

    def _decide_all(self, run: StageRun) -> dict[str, Asked]:
        """Returns the orders that were sent, and those that need not be sent."""
        asked: dict[str, Asked] = {}
        after: str | None = None
        while group := self.store.orders_in([OrderState.PENDING_ACCEPTANCE], GROUP, after):
            for order in group:
                if len(asked) >= run.limit or not run.may_go_on():
                    run.counts["left"] += 1
                elif order.marketplace_state != MarketplaceState.WAITING_ACCEPTANCE:
                    asked[order.order_id] = Asked(order)
                elif self._may_be_accepted(run, order):
                    self._decide(run, order, asked)
            after = group[-1].order_id
        return asked

    def _may_be_accepted(self, run: StageRun, order: KnownOrder) -> bool:
        """A person decides, before its deadline, about an order that no parcel can carry."""
        if order.refused or order.accept_anyway:
            return True
        pieces = [(line.size, line.open_quantity) for line in order.lines]
        if not isinstance(parcels_of(pieces, self.default_size, order.parcels), str):
            return True
        needed = fewest(pieces, self.default_size, self.most_parcels)
        if not isinstance(needed, str):
            return True
        reason = f"not accepted: {needed}"
        self.store.add_findings([about_order(Kind.NO_PARCEL, order.order_id, reason)], run.stage)
        run.failed(order.order_id, reason)
        return False

    def _decide(self, run: StageRun, order: KnownOrder, asked: dict[str, Asked]) -> None:
        lines = [line.line_id for line in order.lines]
        decide = self.marketplace.refuse if order.refused else self.marketplace.accept
        answer = change(run, order.order_id, lambda: decide(order.order_id, lines))
        if not isinstance(answer, NotSent):
            asked[order.order_id] = Asked(order, answer.message if isinstance(answer, Refused) else None)

    def _confirm(self, run: StageRun, asked: dict[str, Asked]) -> None:
        """The state that the marketplace shows decides, whatever it answered."""
        pending = list(asked.values())
        for look in range(LOOKS):
            if not pending:
                return
            if look and any(each.refusal is None for each in pending):
                self.pause(self.seconds_between_looks)
            pending = self._look(run, pending)
        for each in pending:
            self._report_unconfirmed(run, each)

    def _look(self, run: StageRun, pending: Sequence[Asked]) -> list[Asked]:
        unsettled: list[Asked] = []
        for start in range(0, len(pending), GROUP):
            group = pending[start : start + GROUP]
            shown = read_back(self.marketplace, self.store, [each.order for each in group], run)
            for each in group:
                found = shown.get(each.order.order_id)
                if found is None or found.state in UNDECIDED:
                    unsettled.append(each)
                else:
                    run.counts["done"] += 1
        return unsettled

    def _report_unconfirmed(self, run: StageRun, asked: Asked) -> None:
        order = asked.order
        if asked.refusal is None:
            run.counts["unconfirmed"] += 1
            return
        reason = f"refused: {asked.refusal}"
        move = Move(order.order_id, order.state, OrderState.ACCEPTANCE_FAILED, reason)
        self.store.move_orders([move], run.stage)
        run.failed(order.order_id, reason)

    def _refresh(self, run: StageRun, just_read: Container[str]) -> None:
        """Reads all unshipped orders, a hundred at a time, because addresses come late and orders are cancelled."""
        after: str | None = None
        states = [state for state in UNSHIPPED if state is not OrderState.PENDING_ACCEPTANCE]
        while run.may_go_on() and (group := self.store.orders_in(states, GROUP, after)):
            after = group[-1].order_id
            old = [order for order in group if order.order_id not in just_read]
            read_back(self.marketplace, self.store, old, run)
            run.counts["refreshed"] += len(old)
