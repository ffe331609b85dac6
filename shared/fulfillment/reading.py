"""The stages' common steps at the marketplace: read orders back by the hundred, and change one of them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from shared.errors import StoreRefused
from shared.fulfillment.findings import Kind, unreadable
from shared.fulfillment.orders import Move, follow
from shared.fulfillment.ports import (
    Cause,
    Done,
    Malformed,
    Marketplace,
    MarketplaceOrder,
    NotSent,
    Refused,
    Unclear,
)
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OrderStore

LOGGER = logging.getLogger("switchyard")
GROUP = 100
"""The most that one call of the marketplace returns (OR11)."""

TRIES = 3
"""Tries for a call that the vendor did not process (429), with the vendor's wait before each further try."""

Outcome = Done | Refused | Unclear | NotSent
Answer = TypeVar("Answer")


def read_back(
    marketplace: Marketplace, store: OrderStore, known: Sequence[KnownOrder], run: StageRun
) -> dict[str, MarketplaceOrder]:
    """Returns the orders as the marketplace shows them now; stores them and makes the moves that follow.

    Raises VendorUnavailable, StoreUnavailable.
    """
    if not known:
        return {}
    page = marketplace.orders([order.order_id for order in known])
    report_unreadable(run, store, page.problems)
    shown = {order.order_id: order for order in page.orders}
    if shown:
        store.store_orders(list(shown.values()), run.stage)
    follow_all(store, known, shown, run)
    return shown


def follow_all(
    store: OrderStore, known: Sequence[KnownOrder], shown: Mapping[str, MarketplaceOrder], run: StageRun
) -> bool:
    """Makes the moves that follow from what the marketplace shows. True if there were any."""
    moves: list[Move] = []
    for order in known:
        found = shown.get(order.order_id)
        if found and (move := follow(order.order_id, order.state, found.state)):
            moves.append(move)
    if moves:
        store.move_orders(moves, run.stage)
    return bool(moves)


def report_unreadable(run: StageRun, store: OrderStore, problems: Sequence[Malformed]) -> None:
    """Stores orders that cannot be read, with the reason: a person looks until they can."""
    for problem in problems:
        run.failed(problem.ident or "?", problem.problem)
    if problems:
        store.add_findings([unreadable(Kind.UNREADABLE, problem) for problem in problems], run.stage)


def change(run: StageRun, order_id: str, call: Callable[[], Outcome]) -> Outcome:
    """Makes a change at a vendor. `NotSent`: nothing was done, and the order stays as it was."""
    answer = wait_and_call(run, call)
    if isinstance(answer, NotSent):
        run.blocked(order_id, answer)
    else:
        run.worked()
    return answer


def wait_and_call(run: StageRun, call: Callable[[], Answer]) -> Answer:
    """Calls again after the vendor's wait when a limit on calls is met."""
    answer = call()
    for _ in range(TRIES - 1):
        if not (isinstance(answer, NotSent) and answer.cause is Cause.THROTTLED):
            break
        if answer.retry_after is None or not run.wait(answer.retry_after):
            break
        answer = call()
    return answer


@contextmanager
def isolated(run: StageRun, order_id: str) -> Iterator[None]:
    """Reports an order that the store refuses, so that the other orders do not wait for it."""
    try:
        yield
    except StoreRefused as refused:
        LOGGER.error("%s: order %s: the store refused (%s)", run.stage, order_id, refused.code)  # noqa: TRY400 - a trace could hold a name
        run.failed(order_id, "the store refused the result; the log says why")
