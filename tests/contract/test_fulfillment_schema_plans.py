"""With a history of 50,000 ended orders and 2,000 open ones, no call of a stage reads a whole big table."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order, thread
from tests.contract.schema_plans import Plans
from tests.contract.schema_rows import OWNER, Json
from tests.postgres_support import Database, PostgresServer

BIG = {
    "orders",
    "order_lines",
    "order_status_history",
    "shipments",
    "carrier_shipments",
    "findings",
    "threads",
    "messages",
    "message_files",
    "replies",
    "stage_runs",
    "order_decisions",
    "undo_requests",
}
WAITING = ("pending_acceptance", "acceptance_failed", "accepted", "label_unknown", "label_failed")


@pytest.fixture(scope="module")
def history(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    with postgres_server.database(migrated_template) as database:
        with database.connect() as owner:
            owner.execute(Path(__file__).with_name("fulfillment_history.sql").read_bytes())
        yield database


def named(name: str) -> str:
    return str(UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


def shipment(number: int) -> Json:
    """Order number n > 50000 is pending, accepted, label_unknown or label_created as n % 4 is 0, 1, 2 or 3."""
    return {"id": named(f"O{number}"), "call_id": named(f"call O{number}")}


def a_stage_s_run(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER, before="accept-orders")
    assert fulfillment.renew_stage(OWNER)
    assert fulfillment.end_stage(OWNER)
    assert fulfillment.begin_stage()["outcome"] == "ran"


def pages(fulfillment: Fulfillment) -> None:
    first = fulfillment.orders_in(*WAITING, limit=100)
    assert len(fulfillment.orders_in(*WAITING, limit=100, after=first[-1]["order_id"])) == 100


def stored(fulfillment: Fulfillment) -> None:
    assert (
        fulfillment.store(*[order(f"N{n}") for n in range(50)], *[order(f"O{n}") for n in range(1, 50)]) == 50
    )


def moved(fulfillment: Fulfillment) -> None:
    orders = [f"O{n}" for n in range(50004, 50400, 4)]
    assert fulfillment.move(*[move(name, "pending_acceptance", "accepted") for name in orders]) == sorted(
        orders
    )
    assert fulfillment.move(move("O50001", "accepted", "cancelled")) == ["O50001"]


def labelled(fulfillment: Fulfillment) -> None:
    fresh = fulfillment.open(fulfillment.accepted("N"))
    fulfillment.not_sent(fresh)
    assert fulfillment.call_again(fresh)
    fulfillment.unknown(shipment(50005))
    fulfillment.buy(shipment(50005), bought("S"))
    fulfillment.shelve(shipment(50005))
    fulfillment.refuse(shipment(50009))


def settled(fulfillment: Fulfillment) -> None:
    for number in (50001, 50005):
        fulfillment.move(move(f"O{number}", "accepted", "cancelled"))
    assert len(fulfillment.to_settle()) == 2
    fulfillment.move(move("O50003", "label_created", "cancelled"))
    (due,) = fulfillment.to_undo()
    fulfillment.undo_due(due)
    fulfillment.decide("ask_undo", "O50003")
    assert len(fulfillment.call("undos_to_send", limit=100, now_=None)) == 100
    fulfillment.undo_sent(due)
    fulfillment.undone("O50003")


def messages(fulfillment: Fulfillment) -> None:
    assert fulfillment.store_threads(thread("T7", "M6", "new"), thread("N", "new too"))["new_messages"] == 2


def answered(fulfillment: Fulfillment) -> None:
    new = {"reply": UUID(int=1), "order_id": "O7", "topic": "t", "body": "b", "by": "kim"}
    fulfillment.call("write_to_buyer", **new)
    (first, *_) = fulfillment.call("replies_to_send", limit=9, now_=None)
    assert fulfillment.call("note_reply_call", reply=UUID(first["reply_id"]))
    assert fulfillment.call("note_reply_sent", reply=UUID(first["reply_id"]), message="new")
    (file, *_) = fulfillment.call("files_to_fetch", limit=9, now_=None)
    fulfillment.call("note_file_stored", attachment=file, path="x", media_type="image/png", bytes=9)


def carrier_day(fulfillment: Fulfillment) -> None:
    listed = [f"SO{n}" for n in range(49000, 49100)]
    assert fulfillment.carrier_day("2026-02-28", *listed, "S9") == ["S9"]
    fulfillment.carrier_shows("S9")


def matched(fulfillment: Fulfillment) -> None:
    counts = fulfillment.match("2026-02-26", "2026-02-28")
    assert counts["listed"] > 4000
    assert counts["unmatched"] == {}


def work_list(fulfillment: Fulfillment) -> None:
    page = fulfillment.work_list(50, attention=True)
    assert (len(page["orders"]), page["total"] > 50) == (50, True)
    fulfillment.work_list(50, page["next"], attention=True)


def board(fulfillment: Fulfillment) -> None:
    page = fulfillment.call("order_board", wanted={}, limit=50, zone="America/Toronto")
    assert (len(page["orders"]), page["total"] > 2000) == (50, True)
    last = page["next"] | {"attention": False}
    fulfillment.call("order_board", wanted={"state": "label_created"}, limit=50, after=last)


def ledger(fulfillment: Fulfillment) -> None:
    sums = fulfillment.call("postage", first="2026-03-01", last="2026-03-02", by="day")
    assert 400 < sums["totals"]["labels"] < 5000


def found(fulfillment: Fulfillment) -> None:
    fulfillment.find(finding("label_unusable", "O50007"))
    fulfillment.end("label_unusable", "O50007")


def forgotten(fulfillment: Fulfillment) -> None:
    before = fulfillment.later(days=-30).now
    old = fulfillment.call("data_to_forget", before=before, limit=50)["order_ids"]
    assert fulfillment.call("forget_personal_data", order_ids=old) == 50


CALLS: dict[str, tuple[Callable[[Fulfillment], Any], set[str]]] = {
    "a stage's run": (a_stage_s_run, {"stage_runs_cycle_stage_key", "one_running_run_per_stage"}),
    "orders_in": (pages, {"orders_by_state", "order_lines_pkey", "shipments_order_id_sequence_key"}),
    "store_orders": (stored, {"orders_pkey", "order_lines_pkey"}),
    "move_orders": (moved, {"orders_pkey", "one_live_shipment_per_parcel"}),
    "a label's way": (labelled, {"orders_pkey", "shipments_pkey"}),
    "what ended orders leave": (settled, {"shipments_not_wanted", "shipments_order_id_sequence_key"}),
    "order_status": (
        lambda db: db.call("order_status", order_id="O7", now_=None),
        {"orders_pkey", "order_status_history_by_order"},
    ),
    "order_board": (
        board,
        {
            "orders_by_state",
            "orders_by_deadline",
            "orders_to_forget",
            "orders_pkey",
            "one_open_undo_request",
            "carrier_shipments_by_day",
            "shipments_by_undoing",
            "threads_unanswered",
        },
    ),
    "postage of two days": (
        ledger,
        {"carrier_shipments_by_day", "shipments_by_sale", "shipments_by_undoing", "shipments_sold_twice"},
    ),
    "reconcile of a day": (
        lambda db: db.reconcile("2026-02-27"),
        {"orders_by_day", "order_status_history_beginnings", "order_status_history_by_order"},
    ),
    "messages": (messages, {"threads_pkey", "messages_pkey"}),
    "fulfillment_figures": (
        lambda db: db.call("fulfillment_figures"),
        {"shipments_unsettled", "orders_by_state", "shipments_money_open"},
    ),
    "attention": (
        lambda db: db.all("select * from attention(%s)", db.now),
        {"orders_by_state", "shipments_money_open", "shipments_not_called", "shipments_without_pdf"},
    ),
    "list_orders that ask for a person": (
        work_list,
        {"orders_by_state", "orders_pkey", "shipments_money_open"},
    ),
    "list_orders of a state": (
        lambda db: db.work_list(50, states=["label_failed", "accepted"]),
        {"orders_by_state"},
    ),
    "list_orders by id": (lambda db: db.work_list(50, order_ids=["O7", "O8"]), {"orders_pkey"}),
    "findings": (found, {"one_open_finding", "findings_by_subject"}),
    "a carrier's day": (carrier_day, {"carrier_shipments_pkey", "carrier_shipments_by_day"}),
    "match_carrier": (matched, {"carrier_shipments_by_day", "shipments_by_carrier_id", "shipments_by_sale"}),
    "replies and files": (
        answered,
        {
            "replies_to_be_sent",
            "message_files_to_fetch",
            "replies_pkey",
            "message_files_pkey",
            "threads_by_order",
        },
    ),
    "forgetting": (forgotten, {"orders_to_forget", "threads_by_order", "messages_by_thread"}),
    "postage of days that are not summed up": (
        lambda db: db.call("order_insight", series="postage", first="2026-02-20", last="2026-02-21"),
        {"carrier_shipments_by_day", "shipments_by_carrier_id", "shipments_by_sale", "shipments_by_undoing"},
    ),
    "fulfillment_now": (
        lambda db: db.call("fulfillment_now", stages=["stage 1", "stage 2"]),
        {"orders_by_deadline", "orders_by_state", "stage_runs_by_stage", "shipments_unsettled"},
    ),
    "recent_stage_runs": (
        lambda db: db.call("recent_stage_runs", limit=20, now_=None),
        {"stage_runs_by_time"},
    ),
}


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_reaches_big_tables_by_index_alone(history: Database, call: str, mode: str) -> None:
    made, expected = CALLS[call]
    with history.connect(autocommit=False) as connection:
        plans = Plans(connection, mode, BIG)
        made(Fulfillment(connection))
        connection.rollback()
    assert plans.read_whole() == []
    assert plans.indexes() >= expected


def test_a_page_of_orders_reads_no_more_rows_than_it_may_need(history: Database) -> None:
    with history.connect(autocommit=False) as connection:
        plans = Plans(connection, "auto", BIG)
        connection.execute("select set_config('auto_explain.log_analyze', 'on', false)")
        Fulfillment(connection).orders_in("shipped", "cancelled", limit=100)
        connection.rollback()
    read = [node["Actual Rows"] for node in plans.nodes() if node.get("Index Name") == "orders_by_state"]
    assert 0 < max(read) <= 100


def test_the_history_is_as_the_real_functions_see_one(history: Database) -> None:
    with history.connect(role="service_role") as connection:
        sides = Fulfillment(connection).reconcile()
    assert (sides["seen"], sides["shipped"], sides["cancelled"], sides["adds_up"]) == (
        52000,
        47500,
        2500,
        True,
    )
    assert sides["labels"] | {"pdf_pending": 0} == sides["labels"]
    assert (sides["labels"]["on_the_shelf"], sides["labels"]["undo_due"]) == (48000, 100)
