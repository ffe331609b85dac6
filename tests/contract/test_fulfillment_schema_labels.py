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
    assert (fulfillment.to_settle(), fulfillment.to_undo(), fulfillment.order()["attention"]) == (
        [],
        [],
        False,
    )
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
    assert (fulfillment.order()["state"], fulfillment.order()["attention"]) == (CANCELLED, True)
    assert (fulfillment.to_settle(), fulfillment.to_undo()) == ([], [])


@pytest.mark.parametrize("arrange", [requested, unknown])
def test_a_cancelled_order_whose_label_was_never_bought_is_done_with(
    fulfillment: Fulfillment, arrange: Callable[[Fulfillment], Json]
) -> None:
    shipment = arrange(fulfillment)
    cancel(fulfillment)
    fulfillment.refuse(shipment, "never bought")
    assert (fulfillment.shipment()["state"], fulfillment.order()["attention"]) == ("failed", False)
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
    assert fulfillment.order()["attention"]


def test_an_order_shipped_by_hand_leaves_its_unused_label_to_a_person(fulfillment: Fulfillment) -> None:
    shipment = paid(fulfillment)
    fulfillment.move(move("A", "accepted", "shipped"))
    assert ids(fulfillment.to_undo()) == [shipment["id"]]


def test_an_undo_is_prepared_for_no_label_that_is_wanted(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.labelled()
    fulfillment.undo_due(shipment)
    assert (fulfillment.shipment()["state"], fulfillment.order()["attention"]) == ("bought", False)


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
    assert (fulfillment.order()["state"], fulfillment.order()["attention"]) == ("label_created", True)


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
    assert fulfillment.order()["attention"]
    assert not fulfillment.undone()["attention"]
    fulfillment.buy(shipment, bought(also_sold=["S2"]))
    assert not fulfillment.order()["attention"], "old news"
    fulfillment.buy(shipment, bought(also_sold=["S9"]))
    assert fulfillment.order()["attention"], "a further one"


def test_undoing_a_purchase_keeps_the_order_s_other_reasons_for_a_person(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    fulfillment.refuse(shipment)
    fulfillment.buy(shipment)
    assert fulfillment.undone()["attention"]
    assert fulfillment.order()["state"] == "label_failed"
    with pytest.raises(psycopg.Error, match="order A has nothing to undo") as refusal:
        fulfillment.undone(note="another")
    assert refusal.value.sqlstate == "PT409"


def test_an_unclear_outcome_is_counted_once_in_each_cycle(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    counted = [fulfillment.unknown(shipment, cycle, after=3) for cycle in ("c1", "c1", "c2", "c2", "c3")]
    assert counted == [1, 1, 2, 2, 3]
    assert fulfillment.order()["attention"]
    assert fulfillment.history()[-1] == ("accepted", "label_unknown")
    assert len(fulfillment.history()) == 3


def test_a_call_of_an_ended_order_that_stays_unclear_reaches_a_person_too(fulfillment: Fulfillment) -> None:
    shipment = requested(fulfillment)
    cancel(fulfillment)
    for cycle in ("c1", "c2", "c3"):
        assert not fulfillment.order()["attention"]
        fulfillment.unknown(shipment, cycle, after=3)
    assert (fulfillment.order()["attention"], fulfillment.order()["state"]) == (True, CANCELLED)


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
    assert fulfillment.unknown(shipment) == 0
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
