"""Whatever becomes of a call and of its order, and in whatever sequence that is told: nothing paid for is forgotten."""

from collections.abc import Callable

import psycopg
import pytest

from tests.contract.order_calls import OrderLine, bought, move
from tests.contract.schema_rows import Json

CANCELLED = "cancelled"
UNDO = bought()["undo"]


@pytest.fixture
def line(service_connection: psycopg.Connection) -> OrderLine:
    return OrderLine(service_connection)


def cancel(line: OrderLine, order_id: str = "A") -> None:
    assert line.move(move(order_id, line.order(order_id)["state"], CANCELLED))


def requested(line: OrderLine) -> Json:
    return line.open(line.accepted())


def unknown(line: OrderLine) -> Json:
    shipment = requested(line)
    line.unknown(shipment)
    return shipment


def paid(line: OrderLine) -> Json:
    shipment = requested(line)
    line.buy(shipment)
    return shipment


def ids(shipments: list[Json]) -> list[str]:
    return [shipment["id"] for shipment in shipments]


def test_a_label_s_way_to_the_shelf(line: OrderLine) -> None:
    shipment = line.labelled()
    kept = line.shipment()
    assert (kept["state"], kept["shipment_id"], kept["label_path"], str(kept["price"])) == (
        "bought",
        "S-A",
        "S1.pdf",
        "12.34",
    )
    assert line.history()[-1] == ("accepted", "label_created")
    assert (line.to_settle(), line.to_undo(), line.order()["attention"]) == ([], [], False)
    assert kept["called_at"] is not None
    assert shipment["opened"]


@pytest.mark.parametrize("arrange", [requested, unknown])
def test_a_cancelled_order_s_open_call_is_settled_and_its_label_due_for_undoing(
    line: OrderLine, arrange: Callable[[OrderLine], Json]
) -> None:
    shipment = arrange(line)
    cancel(line)
    assert ids(line.to_settle()) == [shipment["id"]]
    assert line.buy(shipment) == "undo_due"
    kept = line.shipment()
    assert (kept["shipment_id"], kept["undo"]) == ("S1", UNDO)
    assert (line.order()["state"], line.order()["attention"]) == (CANCELLED, True)
    assert (line.to_settle(), line.to_undo()) == ([], [])


@pytest.mark.parametrize("arrange", [requested, unknown])
def test_a_cancelled_order_whose_label_was_never_bought_is_done_with(
    line: OrderLine, arrange: Callable[[OrderLine], Json]
) -> None:
    shipment = arrange(line)
    cancel(line)
    line.refuse(shipment, "never bought")
    assert (line.shipment()["state"], line.order()["attention"]) == ("failed", False)
    assert (line.to_settle(), line.order()["state"]) == ([], CANCELLED)


@pytest.mark.parametrize("arrange", [paid, OrderLine.labelled], ids=["without its PDF", "on the shelf"])
def test_a_label_bought_before_its_order_was_cancelled_is_undone(
    line: OrderLine, arrange: Callable[[OrderLine], Json]
) -> None:
    shipment = arrange(line)
    cancel(line)
    assert ids(line.to_undo()) == [shipment["id"]]
    assert not line.shelve(shipment)
    line.undo_due(shipment)
    assert (line.shipment()["state"], line.shipment()["undo"]) == ("undo_due", UNDO)
    assert line.order()["attention"]


def test_an_order_shipped_by_hand_leaves_its_unused_label_to_a_person(line: OrderLine) -> None:
    shipment = paid(line)
    line.move(move("A", "accepted", "shipped"))
    assert ids(line.to_undo()) == [shipment["id"]]


def test_an_undo_is_prepared_for_no_label_that_is_wanted(line: OrderLine) -> None:
    shipment = line.labelled()
    line.undo_due(shipment)
    assert (line.shipment()["state"], line.order()["attention"]) == ("bought", False)


def test_a_label_sold_after_the_carrier_s_refusal_is_not_forgotten(line: OrderLine) -> None:
    shipment = requested(line)
    line.refuse(shipment)
    line.retry()
    second = line.open(sequence=2)
    assert line.buy(shipment, bought("S1")) == "undo_due"
    line.buy(second, bought("S2"))
    line.shelve(second)
    rows = line.all("select state::text, shipment_id from shipments order by sequence")
    assert [tuple(row.values()) for row in rows] == [("undo_due", "S1"), ("bought", "S2")]
    assert (line.order()["state"], line.order()["attention"]) == ("label_created", True)


def test_another_label_of_the_same_request_is_kept_beside_the_first(line: OrderLine) -> None:
    shipment = requested(line)
    line.buy(shipment, bought("S1", also_sold=["S2"]))
    line.buy(shipment, bought("S3", also_sold=["S1", "S2"]))
    kept = line.shipment()
    assert (kept["shipment_id"], kept["also_sold"]) == ("S1", ["S2", "S3"])


def test_money_that_is_open_keeps_asking_for_a_person_until_one_has_seen_to_it(line: OrderLine) -> None:
    shipment = requested(line)
    line.buy(shipment, bought(also_sold=["S2"]))
    line.shelve(shipment)
    line.move(move("A", "label_created", "shipped"))
    assert line.order()["attention"]
    assert not line.undone()["attention"]
    line.buy(shipment, bought(also_sold=["S2"]))
    assert not line.order()["attention"], "old news"
    line.buy(shipment, bought(also_sold=["S9"]))
    assert line.order()["attention"], "a further one"


def test_seeing_to_the_money_leaves_what_else_a_person_must_look_at(line: OrderLine) -> None:
    shipment = requested(line)
    line.refuse(shipment)
    line.buy(shipment)
    assert line.undone()["attention"]
    assert line.order()["state"] == "label_failed"
    with pytest.raises(psycopg.Error, match="order A has nothing to undo") as refusal:
        line.undone(note="another")
    assert refusal.value.sqlstate == "PT409"


def test_an_unclear_outcome_is_counted_once_in_each_cycle(line: OrderLine) -> None:
    shipment = requested(line)
    counted = [line.unknown(shipment, cycle, after=3) for cycle in ("c1", "c1", "c2", "c2", "c3")]
    assert counted == [1, 1, 2, 2, 3]
    assert line.order()["attention"]
    assert line.history()[-1] == ("accepted", "label_unknown")
    assert len(line.history()) == 3


def test_a_call_of_an_ended_order_that_stays_unclear_reaches_a_person_too(line: OrderLine) -> None:
    shipment = requested(line)
    cancel(line)
    for cycle in ("c1", "c2", "c3"):
        assert not line.order()["attention"]
        line.unknown(shipment, cycle, after=3)
    assert (line.order()["attention"], line.order()["state"]) == (True, CANCELLED)


def test_what_is_settled_first_is_what_nobody_looked_at_for_longest(line: OrderLine) -> None:
    first, second = line.open(line.accepted("A")), line.open(line.accepted("B"))
    cancel(line, "A")
    cancel(line.later(seconds=1), "B")
    assert ids(line.to_settle(1)) == [first["id"]]
    line.later(seconds=2).unknown(first)
    assert ids(line.to_settle(1)) == [second["id"]]


def test_what_is_said_of_an_earlier_call_does_not_end_a_later_one(line: OrderLine) -> None:
    first = requested(line)
    second = line.call_again(first)
    assert second is not None
    line.refuse(first)
    line.not_sent(first)
    kept = line.shipment()
    assert (kept["state"], kept["called_at"] is None) == ("requested", False)
    line.refuse(second)
    assert line.shipment()["state"] == "failed"


def test_a_call_that_was_not_made_after_an_unclear_one_settles_all_the_same(line: OrderLine) -> None:
    shipment = unknown(line)
    called = line.call_again(shipment)
    assert called is not None
    line.not_sent(called)
    assert (line.shipment()["state"], line.shipment()["called_at"] is None) == ("unknown", False)


def test_news_that_come_late_do_not_undo_what_is_known(line: OrderLine) -> None:
    shipment = line.labelled()
    assert line.unknown(shipment) == 0
    line.refuse(shipment)
    line.not_sent(shipment)
    assert (line.shipment()["state"], line.order()["state"]) == ("bought", "label_created")


@pytest.mark.parametrize("call", [OrderLine.unknown, OrderLine.buy, OrderLine.shelve, OrderLine.refuse])
def test_a_shipment_that_nobody_opened_is_not_found(line: OrderLine, call: Callable[..., object]) -> None:
    with pytest.raises(psycopg.Error, match="no shipment") as refusal:
        call(line, {"id": "00000000-0000-0000-0000-000000000000", "call_id": requested(line)["call_id"]})
    assert refusal.value.sqlstate == "PT404"
