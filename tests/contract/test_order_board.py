"""The operator's board, an order's page, and undo calls that need two people: SQL and memory keep the same promises."""

from datetime import timedelta
from decimal import Decimal

import pytest

from shared.errors import Conflict, NotFound
from shared.fulfillment.board import BoardFilter, OrderBoard
from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json
from tests.memory.clock import SettableClock
from tests.order_store_support import (
    ADDRESS,
    NOON,
    UNDO,
    Store,
    accepted,
    bought,
    conversation,
    labelled,
    listed,
    moving,
    opened,
    order,
    shipment_of,
)

S = OrderState
TORONTO = "America/Toronto"


def shown(board: OrderBoard, *, limit: int = 50, after: Json | None = None, **wanted: object) -> Json:
    return board.board(BoardFilter(**wanted), limit, after, TORONTO)  # type: ignore[arg-type]  # its fields, by name


def names(page: Json) -> str:
    return "".join(row["order_id"] for row in page["orders"])


def needless(store: Store, order_id: str = "A", price: str | None = "60.00") -> str:
    """A cancelled order whose label is paid for and waits to be undone."""
    label = labelled(store, order_id, price=price and Decimal(price))
    moving(store, S.LABEL_CREATED, S.CANCELLED, order_id)
    store.note_undo_due(label.id, UNDO)
    return order_id


# --- the board


def test_the_board_shows_who_needs_a_person_first_and_then_the_nearest_deadline(
    store: Store, board: OrderBoard
) -> None:
    for order_id, hours in {"A": 40, "B": 30, "C": None, "D": 50, "E": 35}.items():
        due = NOON + timedelta(hours=hours) if hours else None
        store.store_orders([order(order_id, ship_before=due)], "accept-orders")
    store.add_findings([about_order(Kind.NO_PARCEL, each, "40 kg") for each in "CD"], "accept-orders")
    whole = shown(board)
    assert (names(whole), whole["total"], whole["next"]) == ("DCBEA", 5, None)
    assert whole["states"]["pending_acceptance"] == {"total": 5, "need_person": 2}
    assert whole["need_person"] == 2
    read, after = "", None
    for _ in range(3):
        page = shown(board, limit=2, after=after)
        read, after = read + names(page), page["next"]
        assert page["total"] == 5
    assert (read, after) == ("DCBEA", None)
    assert names(shown(board, attention=True)) == "DC"
    assert names(shown(board, attention=False)) == "BEA"
    assert (shown(board, attention=False)["total"], shown(board, attention=True)["total"]) == (3, 2)
    moving(store, S.PENDING_ACCEPTANCE, S.ACCEPTED, "E")
    only = shown(board, state=S.ACCEPTED)
    assert (names(only), only["total"]) == ("E", 1)


def test_a_row_says_why_what_may_be_done_and_what_happens_by_itself(store: Store, board: OrderBoard) -> None:
    store.store_orders([order("A")], "accept-orders")
    store.add_findings([about_order(Kind.NO_PARCEL, "A", "40 kg")], "accept-orders")
    (row,) = shown(board)["orders"]
    assert [reason["reason"] for reason in row["reasons"]] == ["40 kg"]
    assert row["actions"] == ["retry", "address", "parcels", "refuse", "close"]
    assert (row["turn"], row["pieces"], row["currency"]) == (None, 2, "CAD")
    shipment, _ = opened(store, accepted(store, "B"))
    store.note_label_unknown(shipment.id, "no answer")
    (row,) = shown(board, state=S.LABEL_UNKNOWN)["orders"]
    assert (row["turn"]["stage"], row["reasons"]) == ("create-labels", [])
    assert row["actions"] == ["address", "not_sold"]


def test_the_day_s_figures_add_up_in_the_shop_s_own_day(
    store: Store, board: OrderBoard, clock: SettableClock
) -> None:
    clock.now = NOON.replace(hour=3)  # the evening before, in Toronto
    labelled(store, "old")
    moving(store, S.LABEL_CREATED, S.SHIPPED, "old")
    clock.now = NOON
    labelled(store, "A")
    moving(store, S.LABEL_CREATED, S.SHIPPED, "A")
    needless(store, "B", "7.66")
    accepted(store, "C")
    figures = shown(board)
    assert figures["today"] == {
        "day": "2026-11-22",
        "zone": TORONTO,
        "shipped": 1,
        "cancelled": 1,
        "refused": 0,
        "open": 1,
        "orders": 3,
    }
    assert figures["postage"] == {
        "day": "2026-11-22",
        "currency": "CAD",
        "labels": 2,
        "bought_cents": 2000,
        "undone_cents": 0,
    }
    store.note_undone("B", "refunded", "kim", "ticket 1")
    assert shown(board)["postage"]["undone_cents"] == 766


def test_the_outside_check_has_an_age_and_a_verdict(
    store: Store, board: OrderBoard, clock: SettableClock
) -> None:
    assert shown(board)["outside"]["verdict"] == "unverified"
    for source in ("marketplace", "carrier"):
        store.note_outside_check(source, clock(), complete=True, result={})
    clock.advance(minutes=9)
    outside = shown(board)["outside"]
    assert (outside["verdict"], outside["carrier"]["age_seconds"]) == ("confirmed", 540)
    accepted(store)
    store.add_findings([about_order(Kind.NOT_AT_MARKETPLACE, "A", "gone")], "reconcile-orders")
    assert shown(board)["outside"]["verdict"] == "contradicted"
    clock.advance(hours=2)
    assert not shown(board)["outside"]["marketplace"]["fresh"]


# --- an order's page


def test_an_order_s_page_shows_each_label_the_money_the_path_and_who_decided(
    store: Store, clock: SettableClock
) -> None:
    labelled(store, price=Decimal("12.34"))
    clock.advance(minutes=1)
    store.relabel_order("A", "kim", "the parcel is heavier")
    second, _ = opened(store, "A", 2)
    store.note_label_bought(second.id, bought("S2", price=Decimal("15.00")), UNDO)
    page = store.order_status("A")
    labels = [(each["undo_state"], each["price"], each["currency"]) for each in page["shipments"]]
    assert labels == [("due", 12.34, "CAD"), (None, 15.0, "CAD")]
    assert page["turn"]["stage"] == "create-labels"
    (said,) = page["decided"]
    assert (said["decision"], said["by"], said["note"]) == ("relabel", "kim", "the parcel is heavier")
    store.relabel_order("A", "kim", "the parcel is heavier")
    assert len(store.order_status("A")["decided"]) == 1, "a repeated call is one decision"


def test_an_order_s_page_counts_its_conversations(store: Store) -> None:
    accepted(store)
    assert store.order_status("A")["messages"]["threads"] == []
    store.store_threads([conversation("T", "M1", "M2")])
    messages = store.order_status("A")["messages"]
    assert (messages["unanswered"], [each["thread_id"] for each in messages["threads"]]) == (0, ["T"])


def test_a_label_that_the_carrier_lists_cannot_be_said_not_sold(store: Store) -> None:
    shipment, _ = opened(store, accepted(store))
    store.note_label_unknown(shipment.id, "no answer")
    assert "not_sold" in store.order_status("A")["actions"]
    store.store_carrier_day("json", NOON.date(), listed("S1"))
    store.store_carrier_shipment("json", bought("S1", request_id="A-1"))
    assert "not_sold" not in store.order_status("A")["actions"]


# --- retries


def test_a_retry_that_would_certainly_fail_again_says_what_is_to_be_mended(store: Store) -> None:
    accepted(store)
    moving(store, S.ACCEPTED, S.LABEL_FAILED)
    assert "retry" not in store.order_status("A")["actions"]
    with pytest.raises(Conflict, match=r"nothing has changed since: to label_failed\. Mend its address"):
        store.retry_order("A", "kim", "try")
    store.store_orders(
        [order("A", "SHIPPING", address=ADDRESS.__class__(**{**vars(ADDRESS), "street_1": "2 Main St"}))],
        "accept-orders",
    )
    assert "retry" in store.order_status("A")["actions"]
    assert store.retry_order("A", "kim", "the buyer has corrected it")["state"] == "accepted"


def test_a_retry_is_possible_anyway_and_after_a_refusal_by_the_carrier(store: Store) -> None:
    accepted(store)
    moving(store, S.ACCEPTED, S.LABEL_FAILED)
    assert store.retry_order("A", "kim", "we have mended a setting", anyway=True)["state"] == "accepted"
    shipment, _ = opened(store, accepted(store, "B"))
    store.note_label_refused(shipment, "no such service")
    assert "retry" in store.order_status("B")["actions"]
    assert store.retry_order("B", "kim", "they have it now")["state"] == "accepted"


# --- two people


def test_an_undo_for_much_money_waits_for_another_person(store: Store, board: OrderBoard) -> None:
    needless(store)
    for _ in range(2):
        store.ask_undo("A", "ana", "cancelled", 5000)
        page = store.order_status("A")
        assert (page["actions"], page["shipments"][0]["undo_state"]) == (
            ["approve", "decline", "undone", "close"]
            if page["findings"]
            else ["approve", "decline", "undone"],
            "waits_for_approval",
        )
        assert [reason["what"] for reason in page["reasons"]] == ["undo not approved"]
        assert "ana has asked for 60.00 CAD" in page["reasons"][0]["reason"]
        assert store.undos_to_send(10) == []
    with pytest.raises(Conflict, match="another person must approve or decline"):
        store.ask_undo("A", "ben", "cancelled", 5000)
    for name in ("ana", "ANA", "Ana "):
        with pytest.raises(Conflict, match="another person must approve it"):
            board.approve_undo("A", name, "fine")
    for _ in range(2):
        board.approve_undo("A", "ben", "seen")
        (sent,) = store.undos_to_send(10)
        assert sent[0].id == shipment_of(store).id
    (request,) = store.order_status("A")["undo_requests"]
    assert (request["outcome"], request["asked_by"], request["ended_by"]) == ("approved", "ana", "ben")
    assert [each["decision"] for each in store.order_status("A")["decided"]] == ["undo", "approve"]


def test_a_declined_undo_may_be_asked_for_again_with_another_note(store: Store, board: OrderBoard) -> None:
    needless(store)
    store.ask_undo("A", "ana", "cancelled", 5000)
    for _ in range(2):
        board.decline_undo("A", "ben", "the parcel has left")
    store.ask_undo("A", "ana", "cancelled", 5000)
    page = store.order_status("A")
    assert page["shipments"][0]["undo_state"] == "due", "the answer of the first call was lost"
    assert [reason["what"] for reason in page["reasons"]] == ["label not needed"]
    with pytest.raises(Conflict, match="no undo waits"):
        board.approve_undo("A", "cleo", "fine")
    store.ask_undo("A", "ana", "it came back", 5000)
    board.approve_undo("A", "ben", "fine")
    assert len(store.undos_to_send(10)) == 1


def test_a_little_money_needs_one_person_and_an_unknown_price_two(store: Store) -> None:
    needless(store, "A", "49.99")
    needless(store, "B", None)
    needless(store, "C", "50.00")
    for order_id in "ABC":
        store.ask_undo(order_id, "ana", "cancelled", 5000)
    assert len(store.undos_to_send(10)) == 1
    assert store.order_status("B")["undo_requests"][0]["cents"] is None
    assert "an unknown price" in store.order_status("B")["reasons"][0]["reason"]
    assert store.order_status("C")["undo_requests"][0]["cents"] == 5000


def test_what_was_settled_at_the_carrier_waits_for_nobody(store: Store, board: OrderBoard) -> None:
    needless(store)
    store.ask_undo("A", "ana", "cancelled", 5000)
    store.note_undone("A", "refunded", "ben", "they had refunded it before")
    page = store.order_status("A")
    assert (page["undo_requests"][0]["outcome"], page["attention"]) == ("settled", False)
    with pytest.raises(Conflict, match="no undo waits"):
        board.approve_undo("A", "ben", "fine")
    with pytest.raises(NotFound):
        board.decline_undo("never seen", "ben", "x")
