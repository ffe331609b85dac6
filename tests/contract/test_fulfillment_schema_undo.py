"""Undo calls for much money: of any callers at once one wins, and every offered action is accepted."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, at_once, bought, finding, order
from tests.contract.schema_rows import Json
from tests.postgres_support import Database

LIMIT = 1000
Said = Callable[[Fulfillment], str]


def needless(fulfillment: Fulfillment) -> Json:
    """Order A is cancelled, its label of 12.34 is to be undone."""
    shipment = fulfillment.labelled()
    fulfillment.decide("relabel_order", note="heavier")
    fulfillment.undo_due(shipment)
    return shipment


def said(decision: str, by: str, fulfillment: Fulfillment) -> str:
    more: Json = {"approval_cents": LIMIT} if decision == "ask_undo" else {}
    fulfillment.call(decision, order_id="A", by=by, note=f"by {by}", **more)
    return by


def outcomes(fulfillment: Fulfillment) -> Counter[str | None]:
    return Counter(row["outcome"] for row in fulfillment.all("select outcome from undo_requests"))


def test_of_many_who_ask_at_once_one_has_asked(database: Database, fulfillment: Fulfillment) -> None:
    needless(fulfillment)
    calls: list[Said] = [partial(said, "ask_undo", f"person {n}") for n in range(8)]
    answers = at_once(database, calls)
    assert len([each for each in answers if isinstance(each, str)]) == 1
    assert all("has asked for it already" in str(each) for each in answers if not isinstance(each, str))
    assert outcomes(fulfillment) == {None: 1}
    assert fulfillment.shipment()["state"] == "undo_due"


def test_of_many_who_approve_or_decline_at_once_one_ends_it(
    database: Database, fulfillment: Fulfillment
) -> None:
    needless(fulfillment)
    said("ask_undo", "ana", fulfillment)
    calls: list[Said] = [
        partial(said, ("approve_undo", "decline_undo")[n % 2], f"person {n}") for n in range(8)
    ]
    calls.append(partial(said, "approve_undo", " ANA "))
    answers = at_once(database, calls)
    assert len([each for each in answers if isinstance(each, str)]) == 1
    (ended,) = outcomes(fulfillment)
    state = {"approved": "undo_asked", "declined": "undo_due"}[str(ended)]
    assert fulfillment.shipment()["state"] == state
    decisions = fulfillment.status()["decided"]
    assert [each["decision"] for each in decisions][-1] == str(ended).removesuffix("d")


def test_an_approval_and_another_s_word_that_it_is_settled_leave_one_end(
    database: Database, fulfillment: Fulfillment
) -> None:
    needless(fulfillment)
    said("ask_undo", "ana", fulfillment)
    calls: list[Said] = [partial(said, "approve_undo", "ben"), lambda db: str(db.undone()["order_id"])]
    at_once(database, calls)
    assert fulfillment.shipment()["state"] == "refunded"
    assert sum(outcomes(fulfillment).values()) == 1
    assert not outcomes(fulfillment)[None]


@pytest.mark.parametrize("name", ["ANA", "  ana ", "Ana", "\uff41\uff4e\uff41"])
def test_nobody_approves_what_the_same_person_has_asked_for(fulfillment: Fulfillment, name: str) -> None:
    needless(fulfillment)
    said("ask_undo", "ana", fulfillment)
    with pytest.raises(psycopg.Error, match="another person must approve it"):
        said("approve_undo", name, fulfillment)
    assert fulfillment.shipment()["state"] == "undo_due"


def test_the_table_itself_refuses_an_approval_by_the_one_who_asked(fulfillment: Fulfillment) -> None:
    needless(fulfillment)
    said("ask_undo", "ana", fulfillment)
    with pytest.raises(psycopg.errors.CheckViolation):
        fulfillment.connection.execute(
            "update undo_requests set outcome = 'approved', ended_by = 'ANA', ended_at = now()"
        )


def test_a_label_that_became_needless_after_the_question_needs_a_question_of_its_own(
    fulfillment: Fulfillment,
) -> None:
    needless(fulfillment)
    said("ask_undo", "ana", fulfillment)
    second = fulfillment.open(sequence=2)
    fulfillment.buy(second, bought("S2"))
    fulfillment.shelve(second)
    fulfillment.decide("relabel_order", note="heavier still")
    fulfillment.undo_due(second)
    assert {"approve", "undo"} <= set(fulfillment.status()["actions"])
    said("approve_undo", "ben", fulfillment)
    states = fulfillment.all("select state from shipments order by sequence")
    assert [row["state"] for row in states] == ["undo_asked", "undo_due"]


def test_decisions_are_never_rewritten(fulfillment: Fulfillment) -> None:
    needless(fulfillment)
    for change in ("update order_decisions set by = 'eve'", "delete from order_decisions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            fulfillment.connection.execute(change.encode())


# --- what is offered is accepted, and nothing else is


def waiting(db: Fulfillment) -> None:
    db.store(order())


def no_parcel(db: Fulfillment) -> None:
    db.store(order())
    db.find(finding("no_parcel"))


def unknown(db: Fulfillment) -> None:
    db.unknown(db.open(db.accepted()))


def refused(db: Fulfillment) -> None:
    db.refuse(db.open(db.accepted()))


def unmended(db: Fulfillment) -> None:
    db.accepted()
    db.move({"order_id": "A", "from_state": "accepted", "to_state": "label_failed", "reason": "too long"})


def ended(db: Fulfillment) -> None:
    db.labelled()
    db.move({"order_id": "A", "from_state": "label_created", "to_state": "shipped", "reason": "x"})


def asked(db: Fulfillment) -> None:
    needless(db)
    said("ask_undo", "ana", db)


ARRANGED: dict[str, Callable[[Fulfillment], object]] = {
    "waiting": waiting,
    "no parcel": no_parcel,
    "accepted": lambda db: db.accepted(),
    "unknown": unknown,
    "refused by the carrier": refused,
    "unmended": unmended,
    "labelled": lambda db: db.labelled(),
    "needless": needless,
    "asked": asked,
    "ended": ended,
}
ACTS: dict[str, tuple[str, Json]] = {
    "approve": ("approve_undo", {}),
    "decline": ("decline_undo", {}),
    "undo": ("ask_undo", {"approval_cents": LIMIT}),
    "undone": ("note_undone", {"outcome": "refunded"}),
    "retry": ("retry_order", {}),
    "address": ("override_address", {"address": {"street_1": "2 Main St"}}),
    "parcels": ("set_parcels", {"parcels": 2}),
    "relabel": ("relabel_order", {}),
    "not_sold": ("note_not_sold", {}),
    "refuse": ("refuse_order", {}),
}


@pytest.mark.parametrize("action", ACTS)
@pytest.mark.parametrize("arranged", ARRANGED)
def test_an_action_is_offered_exactly_when_it_is_accepted(
    fulfillment: Fulfillment, arranged: str, action: str
) -> None:
    ARRANGED[arranged](fulfillment)
    offered = action in fulfillment.status()["actions"]
    decision, more = ACTS[action]
    said_so = partial(fulfillment.call, decision, order_id="A", by="zoe", note="because", **more)
    if offered:
        said_so()
        assert fulfillment.status()["decided"][-1]["by"] == "zoe"
    else:
        assert refusal_of(said_so) == "PT409"


def refusal_of(call: Callable[[], object]) -> str | None:
    with pytest.raises(psycopg.Error) as refusal:
        call()
    return refusal.value.sqlstate


@pytest.mark.parametrize("arranged", ARRANGED)
def test_an_order_that_needs_a_person_offers_an_answer_to_each_reason(
    fulfillment: Fulfillment, arranged: str
) -> None:
    ARRANGED[arranged](fulfillment)
    late = fulfillment.later(days=40)
    for reason in late.status()["reasons"]:
        assert reason["actions"], reason
