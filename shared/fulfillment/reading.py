"""The stages' common steps at the marketplace: read orders back by the hundred, and change one of them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.fulfillment.orders import Move, OrderState, follow
from shared.fulfillment.ports import Done, Marketplace, MarketplaceOrder, NotSent, Refused, Unclear
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

GROUP = 100
"""The most that one call of the marketplace returns (OR11)."""

TRIES = 3
"""Tries for a change that the vendor did not process (429), with the vendor's wait before each further try."""

OVERDUE_AFTER = timedelta(hours=2)
"""After so long without a vendor's confirmation, a person looks too; the stages keep trying."""

Outcome = Done | Refused | Unclear | NotSent


def read_back(
    marketplace: Marketplace, store: OrderStore, known: Sequence[KnownOrder], run: StageRun
) -> dict[str, MarketplaceOrder]:
    """Returns the orders as the marketplace shows them now; stores them and makes the moves that follow.

    Raises VendorUnavailable, StoreUnavailable.
    """
    if not known:
        return {}
    page = marketplace.orders([order.order_id for order in known])
    run.report(page.problems)
    shown = {order.order_id: order for order in page.orders}
    if shown:
        store.store_orders(list(shown.values()), run.stage)
    moves = [
        move
        for order in known
        if order.order_id in shown
        and (move := follow(order.order_id, order.state, shown[order.order_id].state))
    ]
    if moves:
        store.move_orders(moves, run.stage)
    return shown


def move_to_person(order_id: str, state: OrderState, to_state: OrderState, reason: str) -> Move:
    """Returns a move that also asks for a person."""
    return Move(order_id, state, to_state, reason, attention=True)


def change(run: StageRun, call: Callable[[], Outcome]) -> Outcome:
    """Makes a change at a vendor. A last `NotSent` stops the run."""
    answer = call()
    for _ in range(TRIES - 1):
        if not isinstance(answer, NotSent) or answer.retry_after is None or not run.wait(answer.retry_after):
            break
        answer = call()
    if isinstance(answer, NotSent):
        run.stop()
    return answer


def ask_person_if_overdue(
    run: StageRun, store: OrderStore, order_id: str, since: datetime | None, reason: str
) -> None:
    """Asks for a person when an order has waited since `since` for too long."""
    if since is not None and run.clock() - since >= OVERDUE_AFTER:
        store.ask_for_person(order_id, reason)
        run.failed(order_id, reason)
