"""A finding is noted once, ends when it no longer holds, and stays closed where a person closed it."""

from collections.abc import Callable
from itertools import pairwise

import psycopg
import pytest

from shared.fulfillment.findings import Kind
from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order, thread
from tests.contract.schema_rows import Json

FAILURES = ("acceptance_failed", "label_failed", "tracking_failed")


def cancel(fulfillment: Fulfillment, to_state: str = "cancelled") -> None:
    assert fulfillment.move(move("A", fulfillment.order()["state"], to_state))


def ended_without_us(fulfillment: Fulfillment) -> str | None:
    """The reason of the open finding."""
    rows = fulfillment.all(
        "select reason from findings where kind = 'ended_without_us' and closed_at is null"
    )
    return rows[0]["reason"] if rows else None


# --- once, and closed


def test_a_finding_is_noted_once_and_keeps_its_beginning(fulfillment: Fulfillment) -> None:
    fulfillment.find(finding("no_parcel", reason="31 kg"))
    fulfillment.later(minutes=5).find(finding("no_parcel", reason="32 kg"))
    kept = fulfillment.one("select * from findings")
    assert (kept["reason"], kept["since"], kept["seen_at"]) == (
        "32 kg",
        fulfillment.now,
        fulfillment.later(minutes=5).now,
    )


@pytest.mark.parametrize("kind", Kind)
def test_what_a_person_closed_stays_closed_for_the_same_reason_and_opens_for_another(
    fulfillment: Fulfillment, kind: Kind
) -> None:
    fulfillment.find(finding(kind, reason="first"))
    fulfillment.close(kind, note="called them")
    fulfillment.later(minutes=5).find(finding(kind, reason="first"))
    assert fulfillment.open_findings() == []
    fulfillment.later(minutes=10).find(finding(kind, reason="second"))
    assert fulfillment.open_findings() == [(kind, "A")]
    fulfillment.end(kind, "A")
    fulfillment.find(finding(kind, reason="first"))
    assert fulfillment.open_findings() == [(kind, "A")], "it had ended by itself meanwhile"


def test_a_closed_finding_shows_who_closed_it_and_a_second_closing_is_a_conflict(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.accepted()
    fulfillment.find(finding("label_unusable"))
    row = fulfillment.one("select id from findings")
    fulfillment.close("label_unusable", note="called them")
    (closed,) = fulfillment.status()["closed_findings"]
    assert (closed["closed_by"], closed["note"]) == ("kim", "called them")
    with pytest.raises(psycopg.Error, match="has ended") as refusal:
        fulfillment.call("close_finding", finding=row["id"], by="lee", note="me too")
    assert refusal.value.sqlstate == "PT409"
    with pytest.raises(psycopg.Error, match="no finding 999") as refusal:
        fulfillment.call("close_finding", finding=999, by="lee", note="x")
    assert refusal.value.sqlstate == "PT404"


def test_findings_are_listed_the_oldest_first_page_by_page_without_their_raw_answers(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.find(
        *[finding("sold_unknown", f"S{n}", raw={"name": "Ana"}) for n in range(5)], finding("no_parcel")
    )
    read: list[Json] = []
    while True:
        after = read[-1]["id"] if read else 0
        page = fulfillment.call("list_findings", kind="sold_unknown", limit=2, after=after, now_=None)
        assert page["total"] == 5
        if not page["findings"]:
            break
        read += page["findings"]
    assert [each["subject"] for each in read] == [f"S{n}" for n in range(5)]
    assert all("raw" not in each for each in read)
    assert fulfillment.call("list_findings", kind=None, limit=9, now_=None)["total"] == 6


# --- the end of each kind


def readable(fulfillment: Fulfillment) -> None:
    fulfillment.store(order(marketplace_updated_at="2027-01-01"))


def message_readable(fulfillment: Fulfillment) -> None:
    fulfillment.store_threads(thread("T", "A"))


def moved(fulfillment: Fulfillment) -> None:
    fulfillment.move(move("A", "pending_acceptance", "accepted"))


def ended_by_the_stage(kind: str) -> Callable[[Fulfillment], object]:
    return lambda fulfillment: fulfillment.end(kind, "A")


def decided(decision: str, **more: Json) -> Callable[[Fulfillment], object]:
    return lambda fulfillment: fulfillment.decide(decision, "A", "seen", **more)


ENDS: list[tuple[Kind, Callable[[Fulfillment], object]]] = [
    (Kind.UNREADABLE, readable),
    (Kind.UNREADABLE_MESSAGE, message_readable),
    (Kind.NOT_AT_MARKETPLACE, ended_by_the_stage("not_at_marketplace")),
    (Kind.OPEN_AT_MARKETPLACE, ended_by_the_stage("open_at_marketplace")),
    (Kind.ADDRESS_CHANGED, decided("override_address", address={"name": "Ana"})),
    (Kind.NO_PARCEL, moved),
    (Kind.NO_PARCEL, decided("retry_order")),
    (Kind.OTHER_API, moved),
    (Kind.OTHER_API, decided("retry_order")),
    (Kind.LABEL_UNUSABLE, ended_by_the_stage("label_unusable")),
    (Kind.LABEL_UNUSABLE, moved),
]


@pytest.mark.parametrize(("kind", "end"), ENDS)
def test_a_finding_ends_with_what_answers_it_and_no_other_does(
    fulfillment: Fulfillment, kind: Kind, end: Callable[[Fulfillment], object]
) -> None:
    fulfillment.store(order())
    fulfillment.find(finding(kind), finding("reply_refused", "R", order_id="A"))
    end(fulfillment)
    assert fulfillment.open_findings() == [("reply_refused", "R")]


def test_a_failed_acceptance_does_not_end_the_finding_that_no_parcel_carries_the_order(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.store(order())
    fulfillment.find(finding("no_parcel"))
    fulfillment.move(move("A", "pending_acceptance", "acceptance_failed"))
    assert fulfillment.open_findings() == [("no_parcel", "A")]
    fulfillment.retry()
    assert fulfillment.order()["accept_anyway"], "a person has seen that no parcel carries it"


def test_what_still_fails_after_a_person_had_it_tried_again_is_told_again(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    fulfillment.find(finding("other_api", reason="403"))
    fulfillment.retry()
    assert not fulfillment.order()["accept_anyway"]
    assert fulfillment.open_findings() == []
    fulfillment.later(minutes=15).find(finding("other_api", reason="403"))
    assert fulfillment.open_findings() == [("other_api", "A")]


# --- orders that end without us


def brought_to(fulfillment: Fulfillment, state: str) -> None:
    """Through real labels, and through one failure."""
    if state in ("label_created", "tracking_failed"):
        fulfillment.labelled()
        steps = ["label_created"]
    else:
        fulfillment.store(order())
        steps = ["pending_acceptance", *(["accepted"] if state.startswith(("label", "accepted")) else [])]
    steps += [state] if state not in steps else []
    for before, after in pairwise(steps):
        assert fulfillment.move(move("A", before, after))


@pytest.mark.parametrize("state", FAILURES)
def test_an_order_cancelled_after_our_failure_is_a_person_s_business(
    fulfillment: Fulfillment, state: str
) -> None:
    brought_to(fulfillment, state)
    cancel(fulfillment)
    assert ended_without_us(fulfillment) == f"it ended at the marketplace after our failure: to {state}"
    assert fulfillment.attention()


@pytest.mark.parametrize("kind", ["no_parcel", "unreadable"])
def test_an_order_cancelled_while_it_waited_for_a_person_is_a_person_s_business(
    fulfillment: Fulfillment, kind: str
) -> None:
    fulfillment.store(order())
    fulfillment.find(finding(kind))
    cancel(fulfillment)
    assert ended_without_us(fulfillment) == "it was cancelled while it waited for a person"


@pytest.mark.parametrize(
    ("state", "hours"),
    [("pending_acceptance", 1), ("accepted", 24), ("label_unknown", 2), ("label_created", 2)],
)
def test_an_order_cancelled_after_our_time_had_passed_is_a_person_s_business_and_one_before_is_not(
    fulfillment: Fulfillment, state: str, hours: int
) -> None:
    brought_to(fulfillment, state)
    cancel(fulfillment.later(hours=hours, seconds=-1))
    assert ended_without_us(fulfillment) is None
    assert not fulfillment.later(hours=hours).attention()


@pytest.mark.parametrize(
    ("state", "hours"),
    [("pending_acceptance", 1), ("accepted", 24), ("label_unknown", 2), ("label_created", 2)],
)
def test_a_cancellation_at_the_very_limit_came_too_late(
    fulfillment: Fulfillment, state: str, hours: int
) -> None:
    brought_to(fulfillment, state)
    cancel(fulfillment.later(hours=hours))
    assert (ended_without_us(fulfillment) or "").startswith(
        "it was cancelled at the marketplace after our time"
    )


@pytest.mark.parametrize("state", ["accepted", "label_unknown", "label_failed"])
def test_an_order_shipped_without_our_label_is_a_person_s_business(
    fulfillment: Fulfillment, state: str
) -> None:
    brought_to(fulfillment, state)
    cancel(fulfillment, "shipped")
    assert ended_without_us(fulfillment) == "the marketplace shipped or closed it without our label"


@pytest.mark.parametrize(
    ("number", "is_ours"), [("123456789012", True), ("1234 5678 9012", True), (None, True), ("999", False)]
)
@pytest.mark.parametrize("state", ["label_created", "tracking_failed"])
def test_an_order_shipped_under_another_number_is_a_person_s_business_and_its_label_is_to_be_undone(
    fulfillment: Fulfillment, state: str, number: str | None, *, is_ours: bool
) -> None:
    brought_to(fulfillment, state)
    fulfillment.store(order(marketplace_updated_at="2027-01-01", tracking_number=number))
    cancel(fulfillment, "shipped")
    reason = None if is_ours else "it was shipped under another number, our label is not used"
    assert (ended_without_us(fulfillment), fulfillment.shipment()["wanted"]) == (reason, is_ours)


@pytest.mark.parametrize("state", ["pending_acceptance", "acceptance_failed", "accepted"])
def test_an_order_that_the_shop_refused_is_nobody_s_business(fulfillment: Fulfillment, state: str) -> None:
    brought_to(fulfillment, state)
    cancel(fulfillment.later(days=9), "refused")
    assert ended_without_us(fulfillment) is None


# --- addresses


def moved_house(fulfillment: Fulfillment, street: str, minutes: int = 1) -> None:
    changed = fulfillment.later(minutes=minutes)
    sent = order(
        marketplace_state="SHIPPING",
        marketplace_updated_at=changed.now.isoformat(),
        address={"name": "Ana", "street_1": street},
    )
    changed.store(sent)


def with_address(fulfillment: Fulfillment) -> str:
    return fulfillment.accepted(address={"name": "Ana", "street_1": "1 Main St"})


def test_an_address_that_changes_before_its_label_is_asked_for_is_no_finding(
    fulfillment: Fulfillment,
) -> None:
    with_address(fulfillment)
    moved_house(fulfillment, "2 Main St")
    assert fulfillment.open_findings() == []


def test_an_address_that_comes_late_is_no_changed_one(fulfillment: Fulfillment) -> None:
    fulfillment.open(fulfillment.accepted())
    moved_house(fulfillment, "1 Main St")
    assert fulfillment.open_findings() == []


def test_a_request_that_was_certainly_not_sent_can_still_take_the_new_address(
    fulfillment: Fulfillment,
) -> None:
    fulfillment.not_sent(fulfillment.open(with_address(fulfillment)))
    moved_house(fulfillment, "2 Main St")
    assert fulfillment.open_findings() == []


@pytest.mark.parametrize("outcome", [lambda _, __: None, Fulfillment.unknown, Fulfillment.buy])
def test_an_address_that_changes_after_its_label_was_asked_for_is_a_person_s_business(
    fulfillment: Fulfillment, outcome: Callable[[Fulfillment, Json], object]
) -> None:
    outcome(fulfillment, fulfillment.open(with_address(fulfillment)))
    moved_house(fulfillment, "2 Main St")
    moved_house(fulfillment, "2 Main St", minutes=2)
    assert fulfillment.open_findings() == [("address_changed", "A")]


def test_an_address_of_an_order_that_has_ended_changes_nothing(fulfillment: Fulfillment) -> None:
    fulfillment.buy(fulfillment.open(with_address(fulfillment)))
    cancel(fulfillment)
    moved_house(fulfillment, "2 Main St")
    assert fulfillment.open_findings() == []


def test_a_second_change_is_told_although_a_person_has_dealt_with_the_first(fulfillment: Fulfillment) -> None:
    fulfillment.buy(fulfillment.open(with_address(fulfillment)))
    moved_house(fulfillment, "2 Main St")
    fulfillment.decide("relabel_order")
    assert fulfillment.open_findings() == []
    fulfillment.buy(fulfillment.open(sequence=2), bought("S2"))
    moved_house(fulfillment, "3 Main St", minutes=9)
    assert fulfillment.open_findings() == [("address_changed", "A")]


def test_the_marketplace_s_new_address_is_told_where_a_person_s_own_is_used(fulfillment: Fulfillment) -> None:
    with_address(fulfillment)
    fulfillment.decide("override_address", address={"name": "Ana", "street_1": "9 Side St"})
    moved_house(fulfillment, "2 Main St")
    assert fulfillment.open_findings() == [("address_changed", "A")]
    assert fulfillment.order()["address_override"]["address"]["street_1"] == "9 Side St"
    fulfillment.decide("override_address", address=None)
    assert (fulfillment.open_findings(), fulfillment.order()["address_override"]) == ([], None)
