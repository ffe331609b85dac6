"""Every clock of `order_limits` asks for a person at its moment and not before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order
from tests.contract.schema_rows import NOW, Json

Arrange = Callable[[Fulfillment], object]
WAYS = {
    "pending_acceptance": [],
    "acceptance_failed": ["acceptance_failed"],
    "accepted": ["accepted"],
    "label_unknown": ["accepted", "label_unknown"],
    "label_failed": ["accepted", "label_failed"],
    "label_created": ["accepted", "label_created"],
    "tracking_failed": ["accepted", "label_created", "tracking_failed"],
}
ENDS = ("shipped", "refused", "cancelled")


def brought_to(fulfillment: Fulfillment, state: str, ship_before: datetime | None = None) -> None:
    """Ordered and moved at this moment."""
    due = ship_before and ship_before.isoformat()
    fulfillment.store(order(ordered_at=NOW.isoformat(), ship_before=due))
    for before, after in pairwise(["pending_acceptance", *WAYS[state]]):
        assert fulfillment.move(move("A", before, after))


def asks(fulfillment: Fulfillment, moment: datetime) -> bool:
    """The order's report and the work list agree."""
    then = replace(fulfillment, now=moment)
    attention = then.attention()
    listed = [row["order_id"] for row in then.work_list(attention=True)["orders"]]
    assert (listed == ["A"]) is attention
    return attention


def asks_from(fulfillment: Fulfillment, moment: datetime) -> None:
    """It does not ask a second before. Its report says since when it asks."""
    assert not asks(fulfillment, moment - timedelta(seconds=1))
    assert asks(fulfillment, moment)
    since = replace(fulfillment, now=moment).status()["attention_since"]
    assert datetime.fromisoformat(since) == moment


@pytest.mark.parametrize(
    ("state", "hours"),
    [("pending_acceptance", 2), ("accepted", 24), ("label_unknown", 2), ("label_created", 2)],
)
def test_a_state_asks_for_a_person_when_it_has_lasted_too_long(
    fulfillment: Fulfillment, state: str, hours: int
) -> None:
    brought_to(fulfillment, state)
    asks_from(fulfillment, NOW + timedelta(hours=hours))


@pytest.mark.parametrize("state", ["acceptance_failed", "label_failed", "tracking_failed"])
def test_a_failure_asks_for_a_person_at_once_with_its_own_reason(
    fulfillment: Fulfillment, state: str
) -> None:
    brought_to(fulfillment, state)
    assert asks(fulfillment, NOW)
    assert fulfillment.status()["attention_reason"] == f"to {state}"


@pytest.mark.parametrize("state", ["accepted", "label_unknown", "label_created"])
def test_the_ship_by_date_calls_a_person_before_the_state_s_own_limit(
    fulfillment: Fulfillment, state: str
) -> None:
    brought_to(fulfillment, state, ship_before=NOW + timedelta(hours=13))
    asks_from(fulfillment, NOW + timedelta(hours=1))


@pytest.mark.parametrize("state", ["accepted", "label_unknown", "label_created"])
def test_a_ship_by_date_that_is_close_already_counts_from_the_state_s_beginning(
    fulfillment: Fulfillment, state: str
) -> None:
    brought_to(fulfillment, state, ship_before=NOW + timedelta(hours=1))
    assert asks(fulfillment, NOW)
    assert datetime.fromisoformat(fulfillment.status()["attention_since"]) == NOW


def test_an_order_that_waits_for_acceptance_counts_from_the_buyer_s_order_and_not_from_its_ship_by_date(
    fulfillment: Fulfillment,
) -> None:
    ship_before = (NOW + timedelta(minutes=1)).isoformat()
    fulfillment.store(order(ordered_at=(NOW - timedelta(hours=1)).isoformat(), ship_before=ship_before))
    asks_from(fulfillment, NOW + timedelta(hours=1))


@pytest.mark.parametrize("state", ENDS)
def test_an_order_that_ended_well_asks_for_nobody_ever(fulfillment: Fulfillment, state: str) -> None:
    fulfillment.labelled() if state == "shipped" else fulfillment.store(order())
    before = "label_created" if state == "shipped" else "pending_acceptance"
    fulfillment.move(move("A", before, state))
    assert not asks(fulfillment, NOW + timedelta(days=1000))


def not_called(fulfillment: Fulfillment) -> None:
    fulfillment.not_sent(fulfillment.open(fulfillment.accepted()))


def without_pdf(fulfillment: Fulfillment) -> None:
    fulfillment.buy(fulfillment.open(fulfillment.accepted()))


def cancelled(fulfillment: Fulfillment) -> None:
    fulfillment.move(move("A", fulfillment.order()["state"], "cancelled"))


def unclear_and_ended(fulfillment: Fulfillment) -> None:
    fulfillment.unknown(fulfillment.open(fulfillment.accepted()))
    cancelled(fulfillment)


def due(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.open(fulfillment.accepted())
    fulfillment.buy(shipment)
    cancelled(fulfillment)
    fulfillment.undo_due(shipment)


def twice(fulfillment: Fulfillment) -> None:
    fulfillment.buy(fulfillment.open(fulfillment.accepted()), bought(also_sold=["S2"]))


def undo_asked(fulfillment: Fulfillment) -> None:
    due(fulfillment)
    fulfillment.decide("ask_undo")


def refund_asked(fulfillment: Fulfillment) -> None:
    undo_asked(fulfillment)
    fulfillment.undo_sent({"id": str(fulfillment.shipment()["id"])})


def called_and_ended(fulfillment: Fulfillment) -> None:
    fulfillment.open(fulfillment.accepted())
    cancelled(fulfillment)


LABELS: dict[str, tuple[Arrange, timedelta]] = {
    "label not asked for": (not_called, timedelta(hours=2)),
    "label without PDF": (without_pdf, timedelta(hours=2)),
    "unclear label of an ended order": (unclear_and_ended, timedelta(hours=2)),
    "undo not sent": (undo_asked, timedelta(hours=2)),
    "refund asked for": (refund_asked, timedelta(days=30)),
}


@pytest.mark.parametrize("what", LABELS)
def test_a_label_asks_for_a_person_when_it_has_stayed_so_too_long(
    fulfillment: Fulfillment, what: str
) -> None:
    arrange, within = LABELS[what]
    arrange(fulfillment)
    asks_from(fulfillment, NOW + within)


def test_a_call_without_an_answer_of_an_ended_order_has_a_clock(fulfillment: Fulfillment) -> None:
    called_and_ended(fulfillment)
    asks_from(fulfillment, NOW + timedelta(hours=2))


def not_approved(fulfillment: Fulfillment) -> None:
    due(fulfillment)
    fulfillment.decide("ask_undo", approval_cents=0)


AT_ONCE: dict[str, Arrange] = {
    "label not needed": due,
    "undo not approved": not_approved,
    "label sold twice": twice,
}


@pytest.mark.parametrize("what", AT_ONCE)
def test_money_asks_for_a_person_at_once(fulfillment: Fulfillment, what: str) -> None:
    AT_ONCE[what](fulfillment)
    assert asks(fulfillment, NOW)
    assert [reason["kind"] for reason in fulfillment.status()["reasons"]] == ["money"]


def test_each_limit_of_the_table_is_tested(fulfillment: Fulfillment) -> None:
    rows = fulfillment.all("select what from order_limits")
    looks = {"marketplace look", "carrier look"}  # test_fulfillment_schema_reconcile
    assert {row["what"] for row in rows} == {*WAYS, *LABELS, *AT_ONCE, *looks}


def test_an_open_finding_asks_for_a_person_beside_the_state_and_the_oldest_reason_comes_first(
    fulfillment: Fulfillment,
) -> None:
    brought_to(fulfillment, "accepted")
    late = fulfillment.later(hours=25)
    late.find(finding("label_unusable", reason="suspended"))
    status = late.status()
    assert [(reason["kind"], reason["reason"]) for reason in status["reasons"]] == [
        ("time", "it has no label yet"),
        ("label_unusable", "suspended"),
    ]
    assert status["attention_reason"] == "it has no label yet"
    assert datetime.fromisoformat(status["limit"]) == NOW + timedelta(hours=24)


def test_a_limit_changes_with_an_update(fulfillment: Fulfillment) -> None:
    brought_to(fulfillment, "accepted")
    fulfillment.connection.execute("update order_limits set within = '5 minutes' where what = 'accepted'")
    asks_from(fulfillment, NOW + timedelta(minutes=5))


def test_the_figures_count_each_order_that_asks_once(fulfillment: Fulfillment) -> None:
    def figures(moment: Fulfillment) -> Json:
        numbers: Json = moment.call("fulfillment_figures")
        return numbers

    fulfillment.unknown(fulfillment.open(fulfillment.accepted()))
    fulfillment.find(finding("label_unusable"), finding("not_sold", "S9", order_id=None))
    assert figures(fulfillment)["orders_for_person"] == 1
    later = figures(fulfillment.later(hours=3))
    assert (later["orders_for_person"], later["orders_unmatched"]) == (1, 1)
    assert (later["labels_unknown"], later["oldest_label_unknown_seconds"]) == (1, 3 * 3600)
