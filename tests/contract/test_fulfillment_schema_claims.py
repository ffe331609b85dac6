"""Only one caller may call the carrier, and a caller that asks twice counts as one."""

import uuid
from collections import Counter
from functools import partial

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, at_once, bought, move, order
from tests.contract.schema_rows import OTHER, OWNER, Json
from tests.postgres_support import Database

CALLERS = 32


def test_of_many_runs_that_open_one_order_s_shipment_one_may_call(
    database: Database, fulfillment: Fulfillment
) -> None:
    fulfillment.accepted()
    answers = [a for a in at_once(database, [Fulfillment.open] * CALLERS) if isinstance(a, dict)]
    assert Counter(answer["opened"] for answer in answers) == {True: 1, False: CALLERS - 1}
    assert len({answer["id"] for answer in answers}) == 1


def test_one_call_sent_many_times_at_once_may_call_each_time(
    database: Database, fulfillment: Fulfillment
) -> None:
    fulfillment.accepted()
    answers = at_once(database, [partial(Fulfillment.open, call=OWNER)] * CALLERS)
    assert [answer == answers[0] for answer in answers] == [True] * CALLERS
    assert isinstance(answers[0], dict)
    assert answers[0]["opened"]


def test_of_many_runs_that_call_again_one_may(database: Database, fulfillment: Fulfillment) -> None:
    shipment = fulfillment.open(fulfillment.accepted())
    answers = at_once(database, [partial(Fulfillment.call_again, shipment=shipment)] * CALLERS)
    (called,) = [answer for answer in answers if answer is not None]
    assert isinstance(called, dict)
    assert fulfillment.shipment()["call_id"] == uuid.UUID(called["call_id"])


def test_a_lost_answer_to_the_opening_costs_no_settling_time(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    assert [fulfillment.later(seconds=n).open(call=OWNER)["opened"] for n in range(3)] == [True] * 3
    assert not fulfillment.open(call=OTHER)["opened"]


def test_the_first_caller_may_not_call_any_more_when_another_was_let_to(fulfillment: Fulfillment) -> None:
    shipment = fulfillment.open(fulfillment.accepted(), call=OWNER)
    called = fulfillment.later(minutes=10).call_again(shipment, OTHER)
    assert called is not None
    assert not fulfillment.open(call=OWNER)["opened"]
    assert fulfillment.call_again(shipment, OWNER) is None
    assert fulfillment.call_again(shipment, OTHER) == called, "the same question again"


def test_a_call_that_was_not_made_gives_no_licence_by_a_late_copy_of_its_question(
    fulfillment: Fulfillment,
) -> None:
    shipment = fulfillment.open(fulfillment.accepted(), call=OWNER)
    fulfillment.not_sent(shipment)
    assert not fulfillment.open(call=OWNER)["opened"]
    assert fulfillment.shipment()["called_at"] is None
    called = fulfillment.call_again(shipment, OTHER)
    assert called is not None
    assert called["called_at"] is not None
    fulfillment.not_sent(called)
    assert fulfillment.call_again(shipment, OTHER) is None


def test_only_a_request_that_was_certainly_never_sent_is_replaced(fulfillment: Fulfillment) -> None:
    shipment, replaced = fulfillment.open(fulfillment.accepted()), {"request_id": "A-1", "address": "new"}
    called = fulfillment.call_again(shipment, request=replaced)
    assert called is not None
    assert (called["request"], called["request_hash"]) == ({"request_id": "A-1"}, "hash"), (
        "it may be at the carrier"
    )
    fulfillment.not_sent(called)
    called = fulfillment.call_again(called, request=replaced)
    assert called is not None
    assert (called["request"], called["request_hash"]) == (replaced, "other hash")
    fulfillment.unknown(called)
    fulfillment.not_sent(called)
    again = fulfillment.call_again(called, request={"request_id": "A-1", "address": "newer"})
    assert again is not None
    assert again["request"] == replaced, "an earlier call was unclear"


@pytest.mark.parametrize("state", ["bought", "failed"])
def test_what_is_settled_is_not_called_again(fulfillment: Fulfillment, state: str) -> None:
    shipment = fulfillment.open(fulfillment.accepted(), call=OWNER)
    fulfillment.buy(shipment) if state == "bought" else fulfillment.refuse(shipment)
    assert fulfillment.call_again(shipment, OTHER) is None
    assert fulfillment.call_again(shipment, OWNER) is None


@pytest.mark.parametrize("state", ["requested", "unknown"])
def test_no_carrier_is_called_again_for_an_order_that_has_ended(fulfillment: Fulfillment, state: str) -> None:
    shipment = fulfillment.open(fulfillment.accepted())
    if state == "unknown":
        fulfillment.unknown(shipment)
    fulfillment.move(move("A", fulfillment.order()["state"], "cancelled"))
    assert fulfillment.call_again(shipment) is None


@pytest.mark.parametrize("state", ["pending_acceptance", "label_failed", "cancelled"])
def test_an_order_that_is_not_accepted_gets_no_shipment(fulfillment: Fulfillment, state: str) -> None:
    fulfillment.store(order())
    if state != "pending_acceptance":
        fulfillment.move(move("A", "pending_acceptance", "accepted"))
        fulfillment.move(move("A", "accepted", state))
    with pytest.raises(psycopg.Error, match="order A is not accepted") as refusal:
        fulfillment.open()
    assert refusal.value.sqlstate == "PT409"
    assert fulfillment.one("select count(*) from shipments") == {"count": 0}


def test_a_shipment_that_failed_is_not_opened_again_by_who_has_not_seen_it(fulfillment: Fulfillment) -> None:
    fulfillment.refuse(fulfillment.open(fulfillment.accepted()))
    fulfillment.retry()
    with pytest.raises(psycopg.Error, match="order A has had shipment 1 before") as refusal:
        fulfillment.open()
    assert refusal.value.sqlstate == "PT409"
    assert fulfillment.open(sequence=2)["opened"]


def test_no_second_live_shipment_can_be_written_past_the_functions(fulfillment: Fulfillment) -> None:
    fulfillment.open(fulfillment.accepted())
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_live_shipment_per_parcel"):
        fulfillment.connection.execute(
            "insert into shipments (order_id, sequence, request_id, request_hash, request, backend, call_id,"
            " created_at, updated_at) select order_id, 2, 'A-2', request_hash, request, backend, call_id,"
            " created_at, updated_at from shipments"
        )


def test_of_many_who_note_the_same_label_it_is_bought_once(
    database: Database, fulfillment: Fulfillment
) -> None:
    shipment = fulfillment.open(fulfillment.accepted())
    labels: list[Json] = [bought(f"S{number % 2}") for number in range(CALLERS)]
    answers = at_once(
        database, [partial(Fulfillment.buy, shipment=shipment, label=label) for label in labels]
    )
    assert set(answers) == {"bought"}
    kept = fulfillment.shipment()
    assert {kept["shipment_id"], *kept["also_sold"]} == {"S0", "S1"}
    assert fulfillment.attention()
