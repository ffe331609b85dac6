"""The equations of orders and labels: each place is counted, and what got lost makes them fail."""

import psycopg
import pytest

from tests.contract.order_calls import OrderLine, bought, move, order
from tests.contract.schema_rows import Json
from tests.postgres_support import Database

DAY = "2026-03-02"
SHELVED = (
    "update shipments set state = 'bought', shipment_id = 'S', label_path = 'x', label_sha256 = '0'"
    " where order_id = 'asked'"
)


@pytest.fixture
def line(service_connection: psycopg.Connection) -> OrderLine:
    return OrderLine(service_connection)


def past_the_triggers(database: Database, statement: str) -> None:
    with database.connect() as owner:
        owner.execute("set session_replication_role = replica")
        assert owner.execute(statement.encode()).rowcount == 1


def test_nothing_balances(line: OrderLine) -> None:
    sides = line.reconcile(DAY)
    assert (sides["seen"], sides["balanced"], sides["day"]) == (0, True, DAY)


def test_every_order_and_every_label_has_one_place(line: OrderLine) -> None:
    line.store(order("waiting"), order("refused"), order("asked"))
    line.move(move("refused", "pending_acceptance", "refused"))
    line.ask("asked")
    line.accepted("accepted")
    line.not_sent(line.open(line.accepted("not called")))
    line.open(line.accepted("called"))
    line.unknown(line.open(line.accepted("unknown")))
    line.refuse(line.open(line.accepted("failed")))
    line.buy(line.open(line.accepted("pending PDF")), bought("S1"))
    line.buy(line.open(line.accepted("twice")), bought("S2", also_sold=["S3", "S4"]))
    line.labelled("labelled")
    line.labelled("shipped")
    line.move(move("shipped", "label_created", "shipped"))
    for name in ("to prepare", "due", "undone"):
        line.labelled(name)
        line.move(move(name, "label_created", "cancelled"))
    for name in ("due", "undone"):
        line.undo_due(_shipment(line, name))
    line.undone("undone")
    assert line.reconcile() == {
        "day": None,
        "seen": 15,
        "shipped": 1,
        "in_progress": {"pending_acceptance": 1, "accepted": 4, "label_unknown": 1, "label_created": 1},
        "with_a_person": 3,
        "cancelled": 3,
        "refused": 1,
        "lost": 0,
        "balanced": True,
        "labels": {
            "asked": 11,
            "refused": 1,
            "not_called": 1,
            "unknown": 2,
            "bought": 7,
            "on_the_shelf": 2,
            "pdf_pending": 2,
            "undo_to_prepare": 1,
            "undo_due": 1,
            "undone": 1,
            "sold_twice": 2,
            "sold": 9,
            "unaccounted": 0,
        },
    }


def _shipment(line: OrderLine, order_id: str) -> Json:
    row = line.shipment(order_id)
    return {"id": str(row["id"]), "call_id": str(row["call_id"])}


def test_a_day_has_the_orders_that_were_first_seen_on_it_with_all_that_became_of_them(
    line: OrderLine,
) -> None:
    line.accepted("today")
    line.later(hours=11, minutes=59).accepted("late today")
    tomorrow = line.later(hours=12)
    tomorrow.buy(tomorrow.open("today"))
    tomorrow.store(order("tomorrow"))
    of_days = [line.reconcile(day) for day in ("2026-03-01", DAY, "2026-03-03")]
    assert [(sides["seen"], sides["labels"]["bought"], sides["balanced"]) for sides in of_days] == [
        (0, 0, True),
        (2, 1, True),
        (1, 0, True),
    ]


@pytest.mark.parametrize("day", [DAY, None])
def test_an_order_that_is_gone_is_lost(database: Database, line: OrderLine, day: str | None) -> None:
    line.store(order("A"), order("B"))
    past_the_triggers(database, "delete from orders where order_id = 'A'")
    sides = line.reconcile(day)
    assert (sides["seen"], sides["lost"], sides["balanced"]) == (2, 1, False)


def test_an_order_that_moved_past_its_history_is_lost(database: Database, line: OrderLine) -> None:
    line.store(order("A"), order("B"))
    past_the_triggers(database, "update orders set state = 'shipped' where order_id = 'A'")
    sides = line.reconcile()
    assert (sides["lost"], sides["shipped"], sides["balanced"]) == (1, 0, False)


def test_an_order_that_nobody_saw_coming_does_not_balance(database: Database, line: OrderLine) -> None:
    line.store(order("A"))
    past_the_triggers(database, "delete from order_status_history where order_id = 'A'")
    sides = line.reconcile()
    assert (sides["seen"], sides["lost"], sides["balanced"]) == (0, 1, False)


@pytest.mark.parametrize(
    "contradiction",
    [
        "delete from shipments where order_id = 'labelled'",
        "update shipments set label_path = null, label_sha256 = null where order_id = 'labelled'",
        "update shipments set state = 'failed' where order_id = 'labelled'",
        "update shipments set wanted = false where order_id = 'labelled'",
        SHELVED,
        "update shipments set state = 'unknown' where order_id = 'asked'",
        "update shipments set state = 'requested' where order_id = 'unknown'",
        "delete from shipments where order_id = 'unknown'",
        "update shipments set wanted = true where order_id = 'cancelled'",
    ],
)
def test_an_order_and_a_label_that_contradict_each_other_do_not_balance(
    database: Database, line: OrderLine, contradiction: str
) -> None:
    line.labelled("labelled")
    line.open(line.accepted("asked"))
    line.unknown(line.open(line.accepted("unknown")))
    line.buy(line.open(line.accepted("cancelled")), bought("S9"))
    line.move(move("cancelled", "accepted", "cancelled"))
    assert line.reconcile(DAY)["balanced"]
    past_the_triggers(database, contradiction)
    sides = line.reconcile(DAY)
    assert (sides["lost"], sides["labels"]["unaccounted"], sides["balanced"]) == (0, 1, False)
