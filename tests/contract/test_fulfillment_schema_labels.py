"""No paid label is forgotten, whatever the outcomes of call and order, and in whatever order they are reported."""

from collections.abc import Callable

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, move
from tests.contract.schema_rows import Json

CANCELLED = "cancelled"
UNDO = bought()["undo"]


def cancel(fulfillment: Fulfillment, order_id: str = "A") -> None:
    assert fulfillment.move(move(order_id, fulfillment.order(order_id)["state"], CANCELLED))


def requested(fulfillment: Fulfillment) -> Json:
    return fulfillment.open(fulfillment.accepted())


def unknown(fulfillment: Fulfillment) -> Json:
    shipment = requested(fulfillment)
    fulfillment.unknown(shipment)
    return shipment


def paid(fulfillment: Fulfillment) -> Json:
    shipment = requested(fulfillment)
    fulfillment.buy(shipment)
    return shipment


def ids(shipments: list[Json]) -> list[str]:
    return [shipment["id"] for shipment in shipments]


def test_a_label_s_way_to_the_shelf(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.labelled()
    kept = fulfillment.shipment()
    assert (kept["state"], kept["shipment_id"], kept["label_path"], str(kept["price"])) == (
        "bought",
        "S-A",
        "S1.pdf",
        "12.34",
    )
    assert fulfillment.history()[-1] == ("accepted", "label_created")
    assert (fulfillment.to_settle(), fulfillment.to_undo(), fulfillment.attention()) == ([], [], False)
    assert kept["called_at"] is not None
    assert shipment["opened"]


@pytest.mark.parametrize("arrange", [requested, unknown])
def test_a_cancelled_order_s_open_call_is_settled_and_its_label_due_for_undoing(
    fulfillment: Fulfillment, arrange: Callable[[Fulfillment], Json]
) -> None:
    shipment = arrange(fulfillment)
    cancel(fulfillment)
    assert ids(fulfillment.to_settle()) == [shipment["id"]]
    assert fulfillment.buy(shipment) == "undo_due"
    kept = fulfillment.shipment()
    assert (kept["shipment_id"], kept["undo"]) == ("S1", UNDO)
    assert (fulfillment.order()["state"], fulfillment.attention()) == (CANCELLED, True)
    assert (fulfillment.to_settle(), fulfillment.to_undo()) == ([], [])


@pytest.mark.parametrize("arrange", [requested, unknown])
def test_a_cancelled_order_whose_label_was_never_bought_is_done_with(
    fulfillment: Fulfillment, arrange: Callable[[Fulfillment], Json]
) -> None:
    shipment = arrange(fulfillment)
    cancel(fulfillment)
    fulfillment.refuse(shipment, "never bought")
    assert (fulfillment.shipment()["state"], fulfillment.attention()) == ("failed", False)
    assert (fulfillment.to_settle(), fulfillment.order()["state"]) == ([], CANCELLED)


@pytest.mark.parametrize("arrange", [paid, Fulfillment.labelled], ids=["without its PDF", "on the shelf"])
def test_a_label_bought_before_its_order_was_cancelled_is_undone(
    fulfillment: Fulfillment, arrange: Callable[[Fulfillment], Json]
) -> None:
    shipment = arrange(fulfillment)
    cancel(fulfillment)
    assert ids(fulfillment.to_undo()) == [shipment["id"]]
    assert not fulfillment.shelve(shipment)
    fulfillment.undo_due(shipment)
    assert (fulfillment.shipment()["state"], fulfillment.shipment()["undo"]) == ("undo_due", UNDO)
    assert fulfillment.attention()


def test_an_order_shipped_by_hand_leaves_its_unused_label_to_a_person(fulfillment: Fulfillment) -> None:
    shipment = paid(fulfillment)
    fulfillment.move(move("A", "accepted", "shipped"))
    assert ids(fulfillment.to_undo()) == [shipment["id"]]


def test_an_undo_is_prepared_for_no_label_that_is_wanted(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.labelled()
    fulfillment.undo_due(shipment)
    assert (fulfillment.shipment()["state"], fulfillment.attention()) == ("bought", False)


def test_a_label_sold_after_the_carrier_s_refusal_is_not_forgotten(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    fulfillment.refuse(shipment)
    fulfillment.retry()
    second = fulfillment.open(sequence=2)
    assert fulfillment.buy(shipment, bought("S1")) == "undo_due"
    fulfillment.buy(second, bought("S2"))
    fulfillment.shelve(second)
    rows = fulfillment.all("select state::text, shipment_id from shipments order by sequence")
    assert [tuple(row.values()) for row in rows] == [("undo_due", "S1"), ("bought", "S2")]
    assert (fulfillment.order()["state"], fulfillment.attention()) == ("label_created", True)


def test_another_label_of_the_same_request_is_kept_beside_the_first(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    fulfillment.buy(shipment, bought("S1", also_sold=["S2"]))
    fulfillment.buy(shipment, bought("S3", also_sold=["S1", "S2"]))
    kept = fulfillment.shipment()
    assert (kept["shipment_id"], kept["also_sold"]) == ("S1", ["S2", "S3"])


def test_money_that_is_open_keeps_asking_for_a_person_until_one_has_seen_to_it(
    fulfillment: Fulfillment,
) -> None:
    shipment = requested(fulfillment)
    fulfillment.buy(shipment, bought(also_sold=["S2"]))
    fulfillment.shelve(shipment)
    fulfillment.move(move("A", "label_created", "shipped"))
    assert fulfillment.attention()
    assert not fulfillment.undone()["attention"]
    fulfillment.buy(shipment, bought(also_sold=["S2"]))
    assert not fulfillment.attention(), "old news"
    fulfillment.buy(shipment, bought(also_sold=["S9"]))
    assert fulfillment.attention(), "a further one"


def test_undoing_a_purchase_keeps_the_order_s_other_reasons_for_a_person(fulfillment: Fulfillment) -> None:
    first = requested(fulfillment)
    fulfillment.refuse(first)
    fulfillment.retry()
    second = fulfillment.open(sequence=2)
    assert fulfillment.buy(first, bought("S1")) == "undo_due"
    fulfillment.refuse(second)
    assert fulfillment.undone()["attention"]
    assert fulfillment.order()["state"] == "label_failed"
    with pytest.raises(psycopg.Error, match="order A has nothing to undo") as refusal:
        fulfillment.undone(note="another")
    assert refusal.value.sqlstate == "PT409"


@pytest.mark.parametrize("retried", [False, True])
def test_a_label_sold_after_the_carrier_s_refusal_is_used_while_its_order_needs_one(
    fulfillment: Fulfillment, *, retried: bool
) -> None:
    shipment = requested(fulfillment)
    fulfillment.refuse(shipment)
    if retried:
        fulfillment.retry()
    assert fulfillment.buy(shipment) == "bought"
    assert (fulfillment.order()["state"], fulfillment.attention()) == ("accepted", False)
    assert fulfillment.shelve(shipment)
    assert fulfillment.order()["state"] == "label_created"


def test_a_label_sold_after_a_refusal_is_undone_when_its_order_has_ended(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    fulfillment.refuse(shipment)
    cancel(fulfillment)
    assert fulfillment.buy(shipment) == "undo_due"
    assert (fulfillment.shipment()["wanted"], fulfillment.attention()) == (False, True)


def test_an_unclear_call_makes_its_order_label_unknown_once(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    assert [fulfillment.later(minutes=n).unknown(shipment) for n in (1, 2)] == [True, True]
    assert fulfillment.shipment()["unclear_since"] == fulfillment.later(minutes=1).now, "since the first time"
    assert fulfillment.history()[-1] == ("accepted", "label_unknown")
    assert len(fulfillment.history()) == 3


def test_another_label_is_bought_on_a_person_s_word_and_the_first_is_undone(fulfillment: Fulfillment) -> None:
    first = fulfillment.labelled()
    assert fulfillment.decide("relabel_order", note="damaged")["state"] == "accepted"
    assert ids(fulfillment.to_undo()) == [first["id"]]
    second = fulfillment.open(sequence=2)
    fulfillment.buy(second, bought("S2"))
    assert fulfillment.shelve(second)
    fulfillment.undo_due(first)
    assert (fulfillment.order()["state"], fulfillment.attention()) == ("label_created", True)
    assert fulfillment.reconcile()["labels"]["unaccounted"] == 0


def test_another_label_after_an_unclear_purchase_that_was_found_leaves_no_contradiction(
    fulfillment: Fulfillment,
) -> None:
    shipment = unknown(fulfillment)
    fulfillment.buy(shipment)
    assert fulfillment.decide("relabel_order", note="suspended")["state"] == "accepted"
    assert fulfillment.reconcile()["labels"]["unaccounted"] == 0
    assert fulfillment.open(sequence=2)["opened"]


@pytest.mark.parametrize(
    ("arrange", "why"),
    [(Fulfillment.accepted, "no label that could be replaced"), (requested, "a label of unknown outcome")],
)
def test_without_a_bought_label_there_is_none_to_replace(
    fulfillment: Fulfillment, arrange: Callable[[Fulfillment], object], why: str
) -> None:
    arrange(fulfillment)
    with pytest.raises(psycopg.Error, match=f"order A has {why}") as refusal:
        fulfillment.decide("relabel_order")
    assert refusal.value.sqlstate == "PT409"


def test_a_call_that_a_person_knows_to_have_bought_nothing_frees_its_order(fulfillment: Fulfillment) -> None:
    unknown(fulfillment)
    assert fulfillment.decide("note_not_sold", note="not in their list")["state"] == "accepted"
    assert fulfillment.shipment()["state"] == "failed"
    assert fulfillment.open(sequence=2)["opened"]
    fulfillment.accepted("B")
    with pytest.raises(psycopg.Error, match="order B has no label of unknown outcome"):
        fulfillment.decide("note_not_sold", "B")


# --- getting the money back


def due(fulfillment: Fulfillment) -> Json:
    shipment = paid(fulfillment)
    cancel(fulfillment)
    fulfillment.undo_due(shipment)
    return shipment


def asked(fulfillment: Fulfillment) -> Json:
    shipment = due(fulfillment)
    fulfillment.decide("ask_undo")
    return shipment


def to_send(fulfillment: Fulfillment) -> list[str]:
    return ids(fulfillment.call("undos_to_send", limit=10, now_=None))


def test_an_undo_call_is_sent_on_a_person_s_word_alone(fulfillment: Fulfillment) -> None:
    shipment = due(fulfillment)
    assert to_send(fulfillment) == []
    assert not fulfillment.decide("ask_undo")["attention"]
    assert to_send(fulfillment) == [shipment["id"]]
    assert (fulfillment.shipment()["undo_by"], fulfillment.shipment()["undo_asked_at"]) == (
        "kim",
        fulfillment.now,
    )


@pytest.mark.parametrize(("is_void", "state"), [(True, "voided"), (False, "undo_asked")])
def test_a_void_is_done_when_it_is_sent_and_a_refund_is_decided_later(
    fulfillment: Fulfillment, state: str, *, is_void: bool
) -> None:
    shipment = asked(fulfillment)
    fulfillment.undo_sent(shipment, None if is_void else "R-1", is_void=is_void)
    assert (fulfillment.shipment()["state"], to_send(fulfillment)) == (state, [])
    if not is_void:
        assert fulfillment.shipment()["undo_ticket"] == "R-1"
        fulfillment.undone(outcome="refunded")
        assert fulfillment.shipment()["state"] == "refunded"
    assert fulfillment.shipment()["undone_by"] == "kim"


def test_an_undo_that_the_carrier_refuses_is_disputed_until_a_person_gets_it_or_gives_it_up(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.undo_refused(asked(fulfillment))
    assert (fulfillment.shipment()["state"], fulfillment.open_findings()) == (
        "disputed",
        [("undo_refused", "A")],
    )
    assert not fulfillment.undone(outcome="disputed", note="not worth it")["attention"]
    assert (fulfillment.shipment()["state"], fulfillment.shipment()["undone_by"]) == ("disputed", "kim")
    fulfillment.undone(outcome="refunded", note="they paid")
    assert fulfillment.shipment()["state"] == "refunded"


def test_seeing_to_a_label_that_was_sold_twice_leaves_the_good_one(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    fulfillment.buy(shipment, bought(also_sold=["S2"]))
    fulfillment.shelve(shipment)
    assert fulfillment.attention()
    assert not fulfillment.undone(outcome="voided")["attention"]
    assert fulfillment.shipment()["state"] == "bought"


def test_the_longest_untouched_shipment_is_settled_first(fulfillment: Fulfillment) -> None:
    first, second = fulfillment.open(fulfillment.accepted("A")), fulfillment.open(fulfillment.accepted("B"))
    cancel(fulfillment, "A")
    cancel(fulfillment.later(seconds=1), "B")
    assert ids(fulfillment.to_settle(1)) == [first["id"]]
    fulfillment.later(seconds=2).unknown(first)
    assert ids(fulfillment.to_settle(1)) == [second["id"]]


def test_a_report_about_an_earlier_call_does_not_end_a_later_one(fulfillment: Fulfillment) -> None:
    first = requested(fulfillment)
    second = fulfillment.call_again(first)
    assert second is not None
    fulfillment.refuse(first)
    fulfillment.not_sent(first)
    kept = fulfillment.shipment()
    assert (kept["state"], kept["called_at"] is None) == ("requested", False)
    fulfillment.refuse(second)
    assert fulfillment.shipment()["state"] == "failed"


def test_a_call_that_was_not_made_after_an_unclear_one_settles_all_the_same(fulfillment: Fulfillment) -> None:
    shipment = unknown(fulfillment)
    called = fulfillment.call_again(shipment)
    assert called is not None
    fulfillment.not_sent(called)
    assert (fulfillment.shipment()["state"], fulfillment.shipment()["called_at"] is None) == (
        "unknown",
        False,
    )


def test_late_news_do_not_overwrite_newer_facts(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.labelled()
    assert not fulfillment.unknown(shipment)
    fulfillment.refuse(shipment)
    fulfillment.not_sent(shipment)
    assert (fulfillment.shipment()["state"], fulfillment.order()["state"]) == ("bought", "label_created")


@pytest.mark.parametrize(
    "call", [Fulfillment.unknown, Fulfillment.buy, Fulfillment.shelve, Fulfillment.refuse]
)
def test_a_shipment_that_nobody_opened_is_not_found(
    fulfillment: Fulfillment, call: Callable[..., object]
) -> None:
    with pytest.raises(psycopg.Error, match="no shipment") as refusal:
        call(
            fulfillment,
            {"id": "00000000-0000-0000-0000-000000000000", "call_id": requested(fulfillment)["call_id"]},
        )
    assert refusal.value.sqlstate == "PT404"
