from datetime import UTC, datetime
from itertools import product

import pytest

from shared.fulfillment.orders import (
    UNSHIPPED,
    LabelStep,
    Move,
    OrderState,
    ShipmentFacts,
    follow,
    label_step,
)
from shared.fulfillment.ports import MarketplaceState

A_MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)

# What the marketplace shows calls for this of an order that we have in the state on the left; - is nothing.
FOLLOWED = """
                    STAGING  WAITING_ACCEPTANCE  WAITING_DEBIT  WAITING_DEBIT_PAYMENT  SHIPPING  SHIPPED   TO_COLLECT  RECEIVED  CLOSED    REFUSED    CANCELED
pending_acceptance  -        -                   accepted       accepted               accepted  accepted  accepted    accepted  accepted  refused    cancelled
acceptance_failed   -        -                   accepted       accepted               accepted  accepted  accepted    accepted  accepted  refused    cancelled
accepted            -        -                   -              -                      -         shipped   shipped     shipped   shipped   refused    cancelled
label_unknown       -        -                   -              -                      -         shipped   shipped     shipped   shipped   cancelled  cancelled
label_failed        -        -                   -              -                      -         shipped   shipped     shipped   shipped   cancelled  cancelled
label_created       -        -                   -              -                      -         shipped   shipped     shipped   shipped   cancelled  cancelled
tracking_failed     -        -                   -              -                      -         shipped   shipped     shipped   shipped   cancelled  cancelled
shipped             -        -                   -              -                      -         -         -           -         -         -          -
refused             -        -                   -              -                      -         -         -           -         -         -          -
cancelled           -        -                   -              -                      -         -         -           -         -         -          -
"""  # noqa: E501 - a table
HEAD, *ROWS = [line.split() for line in FOLLOWED.strip().splitlines()]
CASES = [(row[0], column, to) for row in ROWS for column, to in zip(HEAD, row[1:], strict=True)]


@pytest.mark.parametrize(("state", "shown", "to_state"), CASES)
def test_what_the_marketplace_shows_is_followed(state: str, shown: str, to_state: str) -> None:
    move = follow("A-1", OrderState(state), shown)
    reason = f"the marketplace shows {shown}"
    assert move == (None if to_state == "-" else Move("A-1", OrderState(state), OrderState(to_state), reason))


def test_the_table_above_leaves_no_state_out() -> None:
    every = {(str(state), str(shown)) for state, shown in product(OrderState, MarketplaceState)}
    assert {(state, shown) for state, shown, _ in CASES} == every


@pytest.mark.parametrize("state", UNSHIPPED)
def test_an_unknown_state_calls_for_no_move(state: OrderState) -> None:
    assert follow("A-1", state, "INCIDENT_OPEN") is None


def test_a_move_as_json_has_its_reason() -> None:
    move = Move("A-1", OrderState.ACCEPTED, OrderState.LABEL_FAILED, "no street")
    assert move.to_json() == {
        "order_id": "A-1",
        "from_state": "accepted",
        "to_state": "label_failed",
        "reason": "no street",
    }


GIVEN_BACK = ("undo_due", "undo_asked", "voided", "refunded", "disputed")


def shipment(
    state: str, called_at: datetime | None = A_MOMENT, label_path: str | None = None, *, wanted: bool = True
) -> ShipmentFacts:
    return ShipmentFacts("id", 1, "A-1-1", state, called_at, None, None, None, label_path, wanted=wanted)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (None, LabelStep.BUY),
        (shipment("failed"), LabelStep.BUY),
        (shipment("requested", called_at=None), LabelStep.BUY_AGAIN),
        (shipment("requested"), LabelStep.ASK),
        (shipment("unknown"), LabelStep.ASK),
        (shipment("unknown", called_at=None), LabelStep.ASK),
        (shipment("bought"), LabelStep.FETCH),
        (shipment("bought", label_path="id.pdf"), LabelStep.NOTHING),
        *((shipment(given_back), LabelStep.BUY) for given_back in GIVEN_BACK),
        # a person wants another label, or the order came back: this one is settled and undone beside it
        *((shipment(state, wanted=False), LabelStep.BUY) for state in ("unknown", "bought", *GIVEN_BACK)),
    ],
)
def test_a_label_that_may_have_been_bought_is_never_bought_before_asking(
    facts: ShipmentFacts | None, step: LabelStep
) -> None:
    assert label_step(facts) is step
