"""An answer that got lost is asked for again with the same arguments: the same answer, and no second effect."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.contract.order_calls import OrderLine, bought, move, order, thread
from tests.contract.schema_rows import NOW, OTHER, OWNER, Json

Step = Callable[[OrderLine], Any]
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


@pytest.fixture
def line(service_connection: psycopg.Connection) -> OrderLine:
    return OrderLine(service_connection)


def everything(line: OrderLine) -> Json:
    return {table: line.all(f"select t.* from {table} as t order by t::text") for table in TABLES}


def nothing(line: OrderLine) -> Json:  # noqa: ARG001 - as the other arrangements
    return {}


def opened(line: OrderLine) -> Json:
    return line.open(line.accepted())


def begun(line: OrderLine) -> Json:
    return line.begin_stage(owner=OWNER)


def paid(line: OrderLine) -> Json:
    shipment = opened(line)
    line.buy(shipment)
    return shipment


def failed(line: OrderLine) -> Json:
    shipment = opened(line)
    line.refuse(shipment)
    return shipment


def cancelled(arrange: Callable[[OrderLine], Json], line: OrderLine) -> Json:
    shipment = arrange(line)
    line.move(move("A", line.order()["state"], "cancelled"))
    return shipment


def undoing(line: OrderLine) -> Json:
    shipment = cancelled(paid, line)
    line.undo_due(shipment)
    return shipment


STEPS: dict[str, tuple[Callable[[OrderLine], Json], Callable[[OrderLine, Json], Any]]] = {
    "begin_stage": (nothing, lambda line, _: line.begin_stage(owner=OWNER)),
    "begin_stage after a death": (
        begun,
        lambda line, _: line.later(hours=1).begin_stage(owner=OTHER, cycle="another"),
    ),
    "begin_stage again in its cycle": (begun, lambda line, _: line.later(hours=1).begin_stage(owner=OTHER)),
    "renew_stage": (begun, lambda line, _: line.later(minutes=1).renew_stage(OWNER)),
    "end_stage": (begun, lambda line, _: line.end_stage(OWNER)),
    "end_stage, failed": (begun, lambda line, _: line.end_stage(OWNER, finished=False)),
    "move_orders": (
        lambda line: {"new": line.store(order("A"), order("B"))},
        lambda line, _: line.move(*[move(name, "pending_acceptance", "accepted") for name in "BA"]),
    ),
    "move_orders of a label on its way": (
        opened,
        lambda line, _: line.move(move("A", "accepted", "cancelled")),
    ),
    "ask_for_person": (opened, lambda line, _: line.ask()),
    "retry_order": (failed, lambda line, _: line.retry()),
    "open_shipment": (lambda line: {"order": line.accepted()}, lambda line, _: line.open(call=OWNER)),
    "note_label_call": (opened, lambda line, shipment: line.later(minutes=10).call_again(shipment, OTHER)),
    "note_label_not_sent": (opened, OrderLine.not_sent),
    "note_label_unknown": (opened, OrderLine.unknown),
    "note_label_bought": (opened, OrderLine.buy),
    "note_label_bought, too late": (partial(cancelled, opened), OrderLine.buy),
    "note_label_bought, once refused": (failed, OrderLine.buy),
    "note_label_bought, another one": (
        paid,
        lambda line, shipment: line.buy(shipment, bought("S2", also_sold=["S3"])),
    ),
    "note_label_stored": (paid, OrderLine.shelve),
    "note_label_refused": (opened, OrderLine.refuse),
    "note_undo_due": (partial(cancelled, paid), OrderLine.undo_due),
    "note_undone": (undoing, lambda line, _: line.undone()),
    "move_cursor": (nothing, lambda line, _: line.call("move_cursor", name="threads", value=NOW)),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_made_twice_answers_the_same_and_changes_nothing_more(line: OrderLine, step: str) -> None:
    arrange, make = STEPS[step]
    arranged = arrange(line)
    before = everything(line)
    first = make(line, arranged)
    after = everything(line)
    assert after != before
    assert make(line, arranged) == first
    assert everything(line) == after


@pytest.mark.parametrize("step", [s for s in STEPS if s.startswith(("note", "move", "ask", "retry"))])
def test_a_step_made_again_a_minute_later_changes_nothing_more_either(line: OrderLine, step: str) -> None:
    arrange, make = STEPS[step]
    arranged = arrange(line)
    first = make(line, arranged)
    stands = line.all("select order_id, state, reason, attention from orders") + line.all(
        "select state, called_at, unclear_cycles, also_sold, shipment_id, label_path, wanted from shipments"
    )
    history = line.all("select * from order_status_history order by id")
    again = make(line.later(minutes=1), arranged)
    assert _timeless(again) == _timeless(first)
    assert history == line.all("select * from order_status_history order by id")
    assert stands == line.all("select order_id, state, reason, attention from orders") + line.all(
        "select state, called_at, unclear_cycles, also_sold, shipment_id, label_path, wanted from shipments"
    )


def _timeless(answer: object) -> object:
    return {k: v for k, v in answer.items() if k != "updated_at"} if isinstance(answer, dict) else answer


def test_storing_the_same_again_stores_nothing_and_counts_nothing_as_new(line: OrderLine) -> None:
    orders, threads = [order("A"), order("B")], [thread("T", "m1", "m2"), thread("U", "m3")]
    assert line.store(*orders) == 2
    assert line.store_threads(*threads) == {"threads": 2, "new_messages": 3}
    after = everything(line)
    assert line.later(minutes=1).store(*reversed(orders)) == 0
    assert line.later(minutes=1).store_threads(*reversed(threads)) == {"threads": 2, "new_messages": 0}
    assert everything(line) == after
