"""Stage 1: accept new orders within their 24 hours, and follow what the marketplace says of all not shipped yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.fulfillment.orders import UNSHIPPED, OrderState
from shared.fulfillment.ports import Marketplace, MarketplaceState, NotSent, Refused, Unclear
from shared.fulfillment.reading import GROUP, moved, read_back
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

STAGE = "accept-orders"
LOOKS = 3
"""How often accepted orders are read back for the marketplace's confirmation; the next cycle looks again."""


@dataclass(frozen=True)
class Acceptance:
    """`pause` waits the given seconds between two looks."""

    marketplace: Marketplace
    store: OrderStore
    pause: Callable[[float], None]
    seconds_between_looks: float = 5

    def __call__(self, run: StageRun) -> None:
        """Raises VendorUnavailable, StoreUnavailable; what was done before stays done."""
        for page in self.marketplace.waiting_orders():
            run.counts["new"] += self.store.store_orders(page.orders, STAGE)
            run.counts["waiting"] += len(page.orders)
            run.report(page.problems)
            if not run.may_go_on():
                break
        asked = self._accept_all(run)
        self._confirm(run, asked)
        self._refresh(run)

    def would(self, limit: int) -> list[str]:
        """The orders that a run would accept now."""
        waiting = [order.order_id for page in self.marketplace.waiting_orders() for order in page.orders]
        return waiting[:limit]

    def _accept_all(self, run: StageRun) -> dict[str, str]:
        """Returns the orders that were sent, with the marketplace's refusal where it gave one."""
        asked: dict[str, str] = {}
        after: str | None = None
        while group := self.store.orders_in([OrderState.PENDING_ACCEPTANCE], GROUP, after):
            for order in group:
                if len(asked) >= run.limit or not run.may_go_on():
                    run.counts["left"] += 1
                    continue
                if order.marketplace_state != MarketplaceState.WAITING_ACCEPTANCE:
                    asked[order.order_id] = ""
                    continue
                answer = self.marketplace.accept(order.order_id, [line.line_id for line in order.lines])
                if isinstance(answer, NotSent):
                    run.counts["left"] += 1
                    run.deadline = run.clock()  # the marketplace wants quiet: the rest is the next cycle's
                    continue
                asked[order.order_id] = answer.message if isinstance(answer, Refused | Unclear) else ""
                if isinstance(answer, Refused):
                    asked[order.order_id] = f"refused: {answer.message}"
            after = group[-1].order_id
        return asked

    def _confirm(self, run: StageRun, asked: dict[str, str]) -> None:
        """Whatever the answers were, the marketplace's own word decides."""
        pending = list(asked)
        for look in range(LOOKS):
            if not pending:
                return
            if look:
                self.pause(self.seconds_between_looks)
            pending = self._look(run, asked, pending, last=look == LOOKS - 1)

    def _look(self, run: StageRun, asked: dict[str, str], pending: Sequence[str], *, last: bool) -> list[str]:
        unsettled: list[str] = []
        for start in range(0, len(pending), GROUP):
            group = [_pending(order_id) for order_id in pending[start : start + GROUP]]
            shown = read_back(self.marketplace, self.store, group, run, STAGE)
            for order in group:
                state = shown[order.order_id].state if order.order_id in shown else None
                if state not in (None, MarketplaceState.WAITING_ACCEPTANCE, MarketplaceState.STAGING):
                    run.counts["done"] += 1
                elif not last:
                    unsettled.append(order.order_id)
                elif asked[order.order_id].startswith("refused"):
                    self.store.move_orders(
                        [
                            moved(
                                order.order_id,
                                order.state,
                                OrderState.ACCEPTANCE_FAILED,
                                asked[order.order_id],
                            )
                        ],
                        STAGE,
                    )
                    run.failed(order.order_id, asked[order.order_id])
                else:
                    run.counts["unconfirmed"] += 1
        return unsettled

    def _refresh(self, run: StageRun) -> None:
        """Addresses come late, and orders are cancelled: one read for each hundred that are not shipped yet."""
        after: str | None = None
        states = [state for state in UNSHIPPED if state is not OrderState.PENDING_ACCEPTANCE]
        while run.may_go_on() and (group := self.store.orders_in(states, GROUP, after)):
            read_back(self.marketplace, self.store, group, run, STAGE)
            run.counts["refreshed"] += len(group)
            after = group[-1].order_id


def _pending(order_id: str) -> KnownOrder:
    return KnownOrder(order_id, OrderState.PENDING_ACCEPTANCE, "", None, (), None, None, None)
