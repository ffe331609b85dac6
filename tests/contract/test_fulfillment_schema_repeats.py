"""A call that is repeated after a lost answer gives the same answer and has no second effect."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order, thread
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
    "findings",
    "breakers",
    "message_files",
    "replies",
    "carrier_shipments",
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


def asked(fulfillment: Fulfillment) -> Json:
    shipment = undoing(fulfillment)
    fulfillment.decide("ask_undo")
    return shipment


def unclear(fulfillment: Fulfillment) -> Json:
    shipment = opened(fulfillment)
    fulfillment.unknown(shipment)
    return shipment


def written(fulfillment: Fulfillment) -> Json:
    fulfillment.store_threads(thread("T", "m1"))
    return fulfillment.write(OWNER)


def called(fulfillment: Fulfillment) -> Json:
    reply = written(fulfillment)
    fulfillment.call("note_reply_call", reply=OWNER)
    return reply


def found(fulfillment: Fulfillment) -> Json:
    fulfillment.accepted()
    fulfillment.find(finding("no_parcel"))
    return fulfillment.one("select id from findings")


def carried(fulfillment: Fulfillment) -> Json:
    fulfillment.labelled()
    fulfillment.carrier_day("2026-03-02", "S-A", "S-B")
    fulfillment.carrier_shows("S-B")
    return {}


FAULT = {"cause": "account", "reason": "the key", "hold_seconds": 300}
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
    "end_stage with a fault": (begun, lambda db, _: db.end_stage(OWNER, finished=False, fault=FAULT)),
    "add_findings": (opened, lambda db, _: db.find(finding("no_parcel"))),
    "end_findings": (found, lambda db, _: db.end("no_parcel", "A")),
    "close_finding": (
        found,
        lambda db, row: db.call("close_finding", finding=row["id"], by="kim", note="seen"),
    ),
    "override_address": (opened, lambda db, _: db.decide("override_address", address={"name": "Ana"})),
    "refuse_order": (lambda db: {"new": db.store(order())}, lambda db, _: db.decide("refuse_order")),
    "relabel_order": (Fulfillment.labelled, lambda db, _: db.decide("relabel_order")),
    "note_not_sold": (unclear, lambda db, _: db.decide("note_not_sold")),
    "ask_undo": (undoing, lambda db, _: db.decide("ask_undo")),
    "note_undo_sent": (asked, Fulfillment.undo_sent),
    "note_undo_refused": (asked, Fulfillment.undo_refused),
    "retry_orders": (
        failed,
        lambda db, _: db.call("retry_orders", filter={}, limit=9, by="kim", note="mended", dry_run=False),
    ),
    "write_reply": (
        lambda db: db.store_threads(thread("T", "m1")),
        lambda db, _: db.write(OWNER),
    ),
    "write_to_buyer": (
        lambda db: {"new": db.store(order())},
        lambda db, _: db.call("write_to_buyer", reply=OWNER, order_id="A", topic="t", body="b", by="kim"),
    ),
    "note_reply_call": (written, lambda db, _: db.call("note_reply_call", reply=OWNER)),
    "note_reply_not_sent": (called, lambda db, _: db.call("note_reply_not_sent", reply=OWNER, now_=None)),
    "note_reply_sent": (called, lambda db, _: db.call("note_reply_sent", reply=OWNER, message="m9")),
    "note_reply_refused": (called, lambda db, _: db.call("note_reply_refused", reply=OWNER, message="no")),
    "store_carrier_day": (opened, lambda db, _: db.carrier_day("2026-03-02", "S1", "S2")),
    "store_carrier_shipment": (carried, lambda db, _: db.carrier_shows("S-A")),
    "match_carrier": (carried, lambda db, _: db.match("2026-03-01", "2026-03-03")),
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


@pytest.mark.parametrize(
    "step", [s for s in STEPS if s.startswith(("note", "move", "ask", "re", "close", "match"))]
)
def test_a_step_made_again_a_minute_later_changes_nothing_more_either(
    fulfillment: Fulfillment, step: str
) -> None:
    arrange, make = STEPS[step]
    arranged = arrange(fulfillment)
    first = make(fulfillment, arranged)
    stands = standing(fulfillment)
    history = fulfillment.all("select * from order_status_history order by id")
    again = make(fulfillment.later(minutes=1), arranged)
    assert _timeless(again) == _timeless(first)
    assert history == fulfillment.all("select * from order_status_history order by id")
    assert stands == standing(fulfillment)


def standing(fulfillment: Fulfillment) -> list[Json]:
    """All but the times of the last change."""
    return [
        row
        for query in (
            "select order_id, state, reason, stage from orders",
            "select id, state, unclear_since, also_sold, shipment_id, label_path, wanted, undo_ticket from shipments",
            "select kind, subject, reason, since, closed_at, closed_by, note from findings order by id",
            "select reply_id, message_id, problem, sent_at from replies",
        )
        for row in fulfillment.all(query)
    ]


def _timeless(answer: object) -> object:
    """An answer without the times of the last change."""
    if isinstance(answer, dict):
        return {key: _timeless(value) for key, value in answer.items() if key not in TIMES}
    return [_timeless(each) for each in answer] if isinstance(answer, list) else answer


TIMES = ("updated_at", "called_at", "undone_at", "undo_asked_at", "not_needed_since")


def test_storing_the_same_again_stores_nothing_and_counts_nothing_as_new(fulfillment: Fulfillment) -> None:
    orders, threads = [order("A"), order("B")], [thread("T", "m1", "m2"), thread("U", "m3")]
    assert fulfillment.store(*orders) == 2
    assert fulfillment.store_threads(*threads) == {"threads": 2, "new_messages": 3}
    after = everything(fulfillment)
    assert fulfillment.later(minutes=1).store(*reversed(orders)) == 0
    assert fulfillment.later(minutes=1).store_threads(*reversed(threads)) == {"threads": 2, "new_messages": 0}
    assert everything(fulfillment) == after
