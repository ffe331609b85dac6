"""The equations of orders and labels: each place is counted, and a lost one makes them fail."""

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, move, order
from tests.contract.schema_rows import Json
from tests.postgres_support import Database

DAY = "2026-03-02"
SHELVED = (
    "update shipments set state = 'bought', shipment_id = 'S', label_path = 'x', label_sha256 = '0'"
    " where order_id = 'asked'"
)


def past_the_triggers(database: Database, statement: str) -> None:
    with database.connect() as owner:
        owner.execute("set session_replication_role = replica")
        assert owner.execute(statement.encode()).rowcount == 1


def test_nothing_balances(fulfillment: Fulfillment) -> None:
    sides = fulfillment.reconcile(DAY)
    assert (sides["seen"], sides["balanced"], sides["day"]) == (0, True, DAY)


def test_every_order_and_every_label_has_one_place(fulfillment: Fulfillment) -> None:
    fulfillment.store(order("waiting"), order("refused"), order("asked"))
    fulfillment.move(move("refused", "pending_acceptance", "refused"))
    fulfillment.ask("asked")
    fulfillment.accepted("accepted")
    fulfillment.not_sent(fulfillment.open(fulfillment.accepted("not called")))
    fulfillment.open(fulfillment.accepted("called"))
    fulfillment.unknown(fulfillment.open(fulfillment.accepted("unknown")))
    fulfillment.refuse(fulfillment.open(fulfillment.accepted("failed")))
    fulfillment.buy(fulfillment.open(fulfillment.accepted("pending PDF")), bought("S1"))
    fulfillment.buy(fulfillment.open(fulfillment.accepted("twice")), bought("S2", also_sold=["S3", "S4"]))
    fulfillment.labelled("labelled")
    fulfillment.labelled("shipped")
    fulfillment.move(move("shipped", "label_created", "shipped"))
    for name in ("to prepare", "due", "undone"):
        fulfillment.labelled(name)
        fulfillment.move(move(name, "label_created", "cancelled"))
    for name in ("due", "undone"):
        fulfillment.undo_due(_shipment(fulfillment, name))
    fulfillment.undone("undone")
    assert fulfillment.reconcile() == {
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


def _shipment(fulfillment: Fulfillment, order_id: str) -> Json:
    row = fulfillment.shipment(order_id)
    return {"id": str(row["id"]), "call_id": str(row["call_id"])}


def test_a_day_has_the_orders_that_were_first_seen_on_it_with_all_that_became_of_them(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.accepted("today")
    fulfillment.later(hours=11, minutes=59).accepted("late today")
    tomorrow = fulfillment.later(hours=12)
    tomorrow.buy(tomorrow.open("today"))
    tomorrow.store(order("tomorrow"))
    of_days = [fulfillment.reconcile(day) for day in ("2026-03-01", DAY, "2026-03-03")]
    assert [(sides["seen"], sides["labels"]["bought"], sides["balanced"]) for sides in of_days] == [
        (0, 0, True),
        (2, 1, True),
        (1, 0, True),
    ]


@pytest.mark.parametrize("day", [DAY, None])
def test_an_order_that_is_gone_is_lost(database: Database, fulfillment: Fulfillment, day: str | None) -> None:
    fulfillment.store(order("A"), order("B"))
    past_the_triggers(database, "delete from orders where order_id = 'A'")
    sides = fulfillment.reconcile(day)
    assert (sides["seen"], sides["lost"], sides["balanced"]) == (2, 1, False)


def test_an_order_that_moved_past_its_history_is_lost(database: Database, fulfillment: Fulfillment) -> None:
    fulfillment.store(order("A"), order("B"))
    past_the_triggers(database, "update orders set state = 'shipped' where order_id = 'A'")
    sides = fulfillment.reconcile()
    assert (sides["lost"], sides["shipped"], sides["balanced"]) == (1, 0, False)


def test_an_order_without_a_history_does_not_balance(database: Database, fulfillment: Fulfillment) -> None:
    fulfillment.store(order("A"))
    past_the_triggers(database, "delete from order_status_history where order_id = 'A'")
    sides = fulfillment.reconcile()
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
    database: Database, fulfillment: Fulfillment, contradiction: str
) -> None:
    fulfillment.labelled("labelled")
    fulfillment.open(fulfillment.accepted("asked"))
    fulfillment.unknown(fulfillment.open(fulfillment.accepted("unknown")))
    fulfillment.buy(fulfillment.open(fulfillment.accepted("cancelled")), bought("S9"))
    fulfillment.move(move("cancelled", "accepted", "cancelled"))
    assert fulfillment.reconcile(DAY)["balanced"]
    past_the_triggers(database, contradiction)
    sides = fulfillment.reconcile(DAY)
    assert (sides["lost"], sides["labels"]["unaccounted"], sides["balanced"]) == (0, 1, False)
