"""The equations of orders and labels: each place is counted, and a lost one makes them fail."""

import pytest

from shared.fulfillment.findings import Kind
from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order
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
    assert (sides["seen"], sides["adds_up"], sides["day"]) == (0, True, DAY)


def test_every_order_and_every_label_has_one_place(fulfillment: Fulfillment) -> None:
    fulfillment.store(order("waiting"), order("refused"), order("asked"))
    fulfillment.move(move("refused", "pending_acceptance", "refused"))
    fulfillment.find(finding("no_parcel", "asked"))
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
    fulfillment.looked()
    sides = fulfillment.reconcile()
    del sides["outside"]
    assert sides == {
        "day": None,
        "seen": 15,
        "shipped": 1,
        "in_progress": {"pending_acceptance": 1, "accepted": 4, "label_unknown": 1, "label_created": 1},
        "with_a_person": 3,
        "cancelled": 3,
        "refused": 1,
        "lost": 0,
        "adds_up": True,
        "verdict": "balanced",
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
            "undo_asked": 0,
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
    assert [(sides["seen"], sides["labels"]["bought"], sides["adds_up"]) for sides in of_days] == [
        (0, 0, True),
        (2, 1, True),
        (1, 0, True),
    ]


@pytest.mark.parametrize("day", [DAY, None])
def test_an_order_that_is_gone_is_lost(database: Database, fulfillment: Fulfillment, day: str | None) -> None:
    fulfillment.store(order("A"), order("B"))
    past_the_triggers(database, "delete from orders where order_id = 'A'")
    sides = fulfillment.reconcile(day)
    assert (sides["seen"], sides["lost"], sides["verdict"]) == (2, 1, "unbalanced")


def test_an_order_that_moved_past_its_history_is_lost(database: Database, fulfillment: Fulfillment) -> None:
    fulfillment.store(order("A"), order("B"))
    past_the_triggers(database, "update orders set state = 'shipped' where order_id = 'A'")
    sides = fulfillment.reconcile()
    assert (sides["lost"], sides["shipped"], sides["verdict"]) == (1, 0, "unbalanced")


def test_an_order_without_a_history_does_not_balance(database: Database, fulfillment: Fulfillment) -> None:
    fulfillment.store(order("A"))
    past_the_triggers(database, "delete from order_status_history where order_id = 'A'")
    sides = fulfillment.reconcile()
    assert (sides["seen"], sides["lost"], sides["verdict"]) == (0, 1, "unbalanced")


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
    fulfillment.looked()
    assert fulfillment.reconcile(DAY)["balanced"]
    past_the_triggers(database, contradiction)
    sides = fulfillment.reconcile(DAY)
    assert (sides["lost"], sides["labels"]["unaccounted"], sides["verdict"]) == (0, 1, "unbalanced")


UNMATCHED = (
    "unreadable",
    "not_at_marketplace",
    "open_at_marketplace",
    "sold_unknown",
    "not_sold",
    "sold_twice",
    "price_differs",
    "number_differs",
)
LOOK_HOURS = {"marketplace": 1, "carrier": 26}


def test_nothing_is_verified_without_a_look_at_each_side(fulfillment: Fulfillment) -> None:
    fulfillment.labelled()
    assert fulfillment.reconcile()["verdict"] == "unverified"
    for source in LOOK_HOURS:
        assert fulfillment.reconcile()["verdict"] == "unverified"
        fulfillment.looked(source)
    assert fulfillment.reconcile()["verdict"] == "balanced"


@pytest.mark.parametrize("source", LOOK_HOURS)
def test_a_look_verifies_until_it_is_too_old(fulfillment: Fulfillment, source: str) -> None:
    last = fulfillment.later(hours=LOOK_HOURS[source])
    (other,) = LOOK_HOURS.keys() - {source}
    fulfillment.looked(source)
    last.looked(other)
    just_before = fulfillment.later(hours=LOOK_HOURS[source], seconds=-1)
    assert (just_before.reconcile()["verdict"], last.reconcile()["verdict"]) == ("balanced", "unverified")
    look = last.reconcile()["outside"][source]
    assert (look["age_seconds"], look["fresh"]) == (LOOK_HOURS[source] * 3600, False)


def test_a_look_that_was_cut_short_verifies_nothing(fulfillment: Fulfillment) -> None:
    fulfillment.looked("carrier")
    fulfillment.call(
        "note_outside_check", source="marketplace", began_at=fulfillment.now, complete=False, result={}
    )
    assert fulfillment.reconcile()["verdict"] == "unverified"


@pytest.mark.parametrize("kind", UNMATCHED)
@pytest.mark.parametrize("looked", [True, False])
def test_what_contradicts_the_outside_makes_the_account_unbalanced_until_it_ends(
    fulfillment: Fulfillment, kind: str, *, looked: bool
) -> None:
    if looked:
        fulfillment.looked()
    fulfillment.find(finding(kind, "X"))
    sides = fulfillment.reconcile()
    assert (sides["verdict"], sides["adds_up"], sides["outside"]["unmatched"]) == ("unbalanced", True, 1)
    fulfillment.end(kind, "X")
    assert fulfillment.reconcile()["verdict"] == ("balanced" if looked else "unverified")


def test_other_findings_are_a_person_s_business_and_contradict_nothing(fulfillment: Fulfillment) -> None:
    fulfillment.looked()
    fulfillment.find(*[finding(str(kind)) for kind in Kind if kind not in UNMATCHED])
    assert fulfillment.reconcile()["verdict"] == "balanced"
