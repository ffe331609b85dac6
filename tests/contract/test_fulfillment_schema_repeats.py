"""A call that is repeated after a lost answer gives the same answer and has no second effect."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, move, order, thread
from tests.contract.schema_rows import NOW, OTHER, OWNER, Json

Step = Callable[[Fulfillment], Any]
TABLES = (
    "orders",
    "order_lines",
    "order_status_history",
    "shipments",
    "threads",
    "messages",
    "stage_runs",
    "cursors",
)


def everything(fulfillment: Fulfillment) -> Json:
    return {table: fulfillment.all(f"select t.* from {table} as t order by t::text") for table in TABLES}


def nothing(fulfillment: Fulfillment) -> Json:  # noqa: ARG001 - as the other arrangements
    return {}


def opened(fulfillment: Fulfillment) -> Json:
    return fulfillment.open(fulfillment.accepted())


def begun(fulfillment: Fulfillment) -> Json:
    return fulfillment.begin_stage(owner=OWNER)


def paid(fulfillment: Fulfillment) -> Json:
    shipment = opened(fulfillment)
    fulfillment.buy(shipment)
    return shipment


def failed(fulfillment: Fulfillment) -> Json:
    shipment = opened(fulfillment)
    fulfillment.refuse(shipment)
    return shipment


def cancelled(arrange: Callable[[Fulfillment], Json], fulfillment: Fulfillment) -> Json:
    shipment = arrange(fulfillment)
    fulfillment.move(move("A", fulfillment.order()["state"], "cancelled"))
    return shipment


def undoing(fulfillment: Fulfillment) -> Json:
    shipment = cancelled(paid, fulfillment)
    fulfillment.undo_due(shipment)
    return shipment


STEPS: dict[str, tuple[Callable[[Fulfillment], Json], Callable[[Fulfillment, Json], Any]]] = {
    "begin_stage": (nothing, lambda db, _: db.begin_stage(owner=OWNER)),
    "begin_stage after a death": (
        begun,
        lambda db, _: db.later(hours=1).begin_stage(owner=OTHER, cycle="another"),
    ),
    "begin_stage again in its cycle": (begun, lambda db, _: db.later(hours=1).begin_stage(owner=OTHER)),
    "renew_stage": (begun, lambda db, _: db.later(minutes=1).renew_stage(OWNER)),
    "end_stage": (begun, lambda db, _: db.end_stage(OWNER)),
    "end_stage, failed": (begun, lambda db, _: db.end_stage(OWNER, finished=False)),
    "move_orders": (
        lambda db: {"new": db.store(order("A"), order("B"))},
        lambda db, _: db.move(*[move(name, "pending_acceptance", "accepted") for name in "BA"]),
    ),
    "move_orders of a label on its way": (opened, lambda db, _: db.move(move("A", "accepted", "cancelled"))),
    "ask_for_person": (opened, lambda db, _: db.ask()),
    "retry_order": (failed, lambda db, _: db.retry()),
    "open_shipment": (lambda db: {"order": db.accepted()}, lambda db, _: db.open(call=OWNER)),
    "note_label_call": (opened, lambda db, shipment: db.later(minutes=10).call_again(shipment, OTHER)),
    "note_label_not_sent": (opened, Fulfillment.not_sent),
    "note_label_unknown": (opened, Fulfillment.unknown),
    "note_label_bought": (opened, Fulfillment.buy),
    "note_label_bought, too late": (partial(cancelled, opened), Fulfillment.buy),
    "note_label_bought, once refused": (failed, Fulfillment.buy),
    "note_label_bought, another one": (
        paid,
        lambda db, shipment: db.buy(shipment, bought("S2", also_sold=["S3"])),
    ),
    "note_label_stored": (paid, Fulfillment.shelve),
    "note_label_refused": (opened, Fulfillment.refuse),
    "note_undo_due": (partial(cancelled, paid), Fulfillment.undo_due),
    "note_undone": (undoing, lambda db, _: db.undone()),
    "move_cursor": (nothing, lambda db, _: db.call("move_cursor", name="threads", value=NOW)),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_made_twice_answers_the_same_and_changes_nothing_more(
    fulfillment: Fulfillment, step: str
) -> None:
    arrange, make = STEPS[step]
    arranged = arrange(fulfillment)
    before = everything(fulfillment)
    first = make(fulfillment, arranged)
    after = everything(fulfillment)
    assert after != before
    assert make(fulfillment, arranged) == first
    assert everything(fulfillment) == after


@pytest.mark.parametrize("step", [s for s in STEPS if s.startswith(("note", "move", "ask", "retry"))])
def test_a_step_made_again_a_minute_later_changes_nothing_more_either(
    fulfillment: Fulfillment, step: str
) -> None:
    arrange, make = STEPS[step]
    arranged = arrange(fulfillment)
    first = make(fulfillment, arranged)
    stands = fulfillment.all("select order_id, state, reason, attention from orders") + fulfillment.all(
        "select state, called_at, unclear_cycles, also_sold, shipment_id, label_path, wanted from shipments"
    )
    history = fulfillment.all("select * from order_status_history order by id")
    again = make(fulfillment.later(minutes=1), arranged)
    assert _timeless(again) == _timeless(first)
    assert history == fulfillment.all("select * from order_status_history order by id")
    assert stands == fulfillment.all(
        "select order_id, state, reason, attention from orders"
    ) + fulfillment.all(
        "select state, called_at, unclear_cycles, also_sold, shipment_id, label_path, wanted from shipments"
    )


def _timeless(answer: object) -> object:
    return {k: v for k, v in answer.items() if k != "updated_at"} if isinstance(answer, dict) else answer


def test_storing_the_same_again_stores_nothing_and_counts_nothing_as_new(fulfillment: Fulfillment) -> None:
    orders, threads = [order("A"), order("B")], [thread("T", "m1", "m2"), thread("U", "m3")]
    assert fulfillment.store(*orders) == 2
    assert fulfillment.store_threads(*threads) == {"threads": 2, "new_messages": 3}
    after = everything(fulfillment)
    assert fulfillment.later(minutes=1).store(*reversed(orders)) == 0
    assert fulfillment.later(minutes=1).store_threads(*reversed(threads)) == {"threads": 2, "new_messages": 0}
    assert everything(fulfillment) == after
