"""Reading orders back from the marketplace, a hundred at a time, and following what it shows."""

from collections.abc import Sequence

from shared.fulfillment.orders import Move, OrderState, follow
from shared.fulfillment.ports import Marketplace, MarketplaceOrder
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

GROUP = 100
"""The most that one call of the marketplace returns (OR11)."""


def read_back(
    marketplace: Marketplace, store: OrderStore, known: Sequence[KnownOrder], run: StageRun, stage: str
) -> dict[str, MarketplaceOrder]:
    """The orders as the marketplace shows them now; keeps what it says and makes the moves that follow from it.

    Raises VendorUnavailable, StoreUnavailable.
    """
    if not known:
        return {}
    page = marketplace.orders([order.order_id for order in known])
    run.report(page.problems)
    shown = {order.order_id: order for order in page.orders}
    if shown:
        store.store_orders(list(shown.values()), stage)
    moves = [
        move
        for order in known
        if order.order_id in shown
        and (move := follow(order.order_id, order.state, shown[order.order_id].state))
    ]
    if moves:
        store.move_orders(moves, stage)
    return shown


def moved(order_id: str, state: OrderState, to_state: OrderState, reason: str) -> Move:
    """A move that asks for a person."""
    return Move(order_id, state, to_state, reason, attention=True)
