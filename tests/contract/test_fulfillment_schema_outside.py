"""The carrier's lists beside our labels: each contradiction is found once, none is invented, each ends when mended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.contract.fulfillment_calls import Fulfillment, at_once, bought, move
from tests.contract.schema_rows import NOW, Json
from tests.postgres_support import Database

DAY, NEXT_DAY = "2026-03-02", "2026-03-03"  # NOW is noon of DAY, also at the carrier
FIRST, LAST = "2026-02-27", "2026-03-05"
GOOD = [f"{n:03}" for n in range(200)]
KINDS = ("sold_unknown", "sold_twice", "price_differs", "number_differs", "not_sold")


def sold(fulfillment: Fulfillment, order_id: str, **label: object) -> Json:
    """A label of ours, S-<order>, that is not looked at yet."""
    shipment = fulfillment.open(fulfillment.accepted(order_id))
    fulfillment.buy(shipment, bought(f"S-{order_id}", **label))
    return shipment


def look(
    fulfillment: Fulfillment, *shipment_ids: str, day: str = DAY, backend: str = "json", **shown: object
) -> Json:
    """The carrier lists these on one day; the answer is that of the match a day later."""
    later = fulfillment.later(days=1)
    for shipment_id in later.carrier_day(day, *shipment_ids, backend=backend):
        later.carrier_shows(shipment_id, backend, **shown)
    return later.match(FIRST, LAST, backend)


def good(fulfillment: Fulfillment) -> list[str]:
    """The labels that are listed as they should be."""
    rows = fulfillment.all(
        "select shipment_id from shipments where order_id ~ '^[0-9]+$' and order_id <> '9'"
    )
    return [row["shipment_id"] for row in rows]


def unknown(fulfillment: Fulfillment) -> None:
    look(fulfillment, *good(fulfillment), "S9")


def twice(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad", also_sold=["S9"])
    look(fulfillment, *good(fulfillment), "S-bad", "S9")


def dearer(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad", price="9.99")
    look(fulfillment, *good(fulfillment), "S-bad")


def without_our_price(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad", price=None)
    look(fulfillment, *good(fulfillment), "S-bad")


def numbered(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad", tracking_number="999")
    look(fulfillment, *good(fulfillment), "S-bad")


def missing(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad")
    look(fulfillment, *good(fulfillment))


def no_longer_listed(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "bad")
    look(fulfillment, *good(fulfillment), "S-bad")
    look(fulfillment.later(minutes=5), *good(fulfillment))


PLANTED: dict[str, tuple[Callable[[Fulfillment], None], tuple[str, str]]] = {
    "sold_unknown": (unknown, ("sold_unknown", "S9")),
    "sold_twice": (twice, ("sold_twice", "S9")),
    "price_differs": (dearer, ("price_differs", "S-bad")),
    "price_differs, we have none": (without_our_price, ("price_differs", "S-bad")),
    "number_differs": (numbered, ("number_differs", "S-bad")),
    "not_sold": (missing, ("not_sold", "S-bad")),
    "not_sold any more": (no_longer_listed, ("not_sold", "S-bad")),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_contradiction_among_two_hundred_good_labels_is_the_one_that_is_found(
    fulfillment: Fulfillment, name: str
) -> None:
    plant, expected = PLANTED[name]
    for order_id in GOOD:
        sold(fulfillment, order_id)
    plant(fulfillment)
    assert fulfillment.open_findings() == [expected]


def test_good_labels_leave_nothing_open_and_are_counted(fulfillment: Fulfillment) -> None:
    for order_id in GOOD[:9]:
        sold(fulfillment, order_id)
    assert look(fulfillment, *good(fulfillment)) == {"listed": 9, "unread": 0, "unmatched": {}}
    assert fulfillment.open_findings() == []


def test_an_order_s_finding_asks_for_a_person(fulfillment: Fulfillment) -> None:
    missing(fulfillment)
    (reason,) = [r for r in fulfillment.status("bad")["reasons"] if r["kind"] == "not_sold"]
    assert reason["reason"] == "the carrier does not list shipment S-bad, which we have bought"


def test_an_unknown_label_that_names_an_order_of_ours_is_found_for_it(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    look(fulfillment, "S9", reference="A", request_id="A-7")
    assert fulfillment.one("select order_id, reason from findings") == {
        "order_id": "A",
        "reason": "the carrier sold shipment S9 (request A-7, tracking number 123456789012), which we do not know",
    }


def test_a_listed_shipment_that_could_not_be_read_is_counted_and_not_judged(fulfillment: Fulfillment) -> None:
    fulfillment.carrier_day(DAY, "S9")
    assert fulfillment.match(FIRST, LAST) == {"listed": 1, "unread": 1, "unmatched": {}}
    assert fulfillment.carrier_day(DAY, "S9") == ["S9"], "it is still to be read"
    fulfillment.carrier_shows("S9")
    assert fulfillment.carrier_day(DAY, "S9") == []
    assert fulfillment.match(FIRST, LAST)["unmatched"] == {"sold_unknown": 1}


# --- the end


def known_now(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "9")
    fulfillment.connection.execute("update shipments set shipment_id = 'S9' where order_id = '9'")


def seen_to(fulfillment: Fulfillment) -> None:
    fulfillment.undone("bad")


MENDED: dict[str, tuple[Callable[[Fulfillment], None], Callable[[Fulfillment], object]]] = {
    "sold_unknown": (unknown, known_now),
    "sold_unknown, void": (unknown, lambda db: db.later(days=2).carrier_day(DAY, *good(db))),
    "sold_twice": (twice, seen_to),
    "price_differs": (dearer, lambda db: db.carrier_shows("S-bad", price="9.99")),
    "number_differs": (numbered, lambda db: db.carrier_shows("S-bad", tracking_number="999")),
    "not_sold": (missing, lambda db: db.later(days=2).carrier_day(DAY, *good(db), "S-bad")),
    "not_sold any more": (
        no_longer_listed,
        lambda db: db.later(days=2).carrier_day(DAY, *good(db), "S-bad"),
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_a_finding_ends_with_the_match_after_it_was_mended(fulfillment: Fulfillment, name: str) -> None:
    plant, mend = MENDED[name]
    plant(fulfillment)
    assert [kind for kind, _ in fulfillment.open_findings()] == [
        name.split(",", maxsplit=1)[0].split(maxsplit=1)[0]
    ]
    fulfillment.later(days=2).match(FIRST, LAST)
    assert len(fulfillment.open_findings()) == 1, "nothing was mended"
    mend(fulfillment)
    fulfillment.later(days=2).match(FIRST, LAST)
    assert fulfillment.open_findings() == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_person_s_closing_holds_while_the_same_contradiction_goes_on(
    fulfillment: Fulfillment, name: str
) -> None:
    plant, (kind, subject) = PLANTED[name]
    plant(fulfillment)
    fulfillment.close(kind, subject)
    fulfillment.later(days=2).match(FIRST, LAST)
    assert fulfillment.open_findings() == []


def test_another_price_is_told_although_a_person_has_closed_the_first(fulfillment: Fulfillment) -> None:
    dearer(fulfillment)
    fulfillment.close("price_differs", "S-bad")
    fulfillment.carrier_shows("S-bad", price="77")
    fulfillment.later(days=2).match(FIRST, LAST)
    assert fulfillment.open_findings() == [("price_differs", "S-bad")]


# --- not yet, and not asked


def test_a_label_of_the_last_hour_may_not_be_listed_yet(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "A")
    fulfillment.later(hours=1).match(FIRST, LAST)
    assert fulfillment.open_findings() == []
    fulfillment.later(hours=1, seconds=1).match(FIRST, LAST)
    assert fulfillment.open_findings() == [("not_sold", "S-A")]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (DAY, LAST, False),
        (FIRST, DAY, False),
        ("2026-03-01", NEXT_DAY, True),
        (DAY, DAY, False),
        (NEXT_DAY, LAST, False),
    ],
)
def test_a_label_of_the_list_s_first_and_last_day_may_stand_in_another_list(
    fulfillment: Fulfillment, first: str, last: str, *, found: bool
) -> None:
    sold(fulfillment, "A")
    fulfillment.later(days=9).match(first, last)
    assert fulfillment.open_findings() == ([("not_sold", "S-A")] if found else [])


@pytest.mark.parametrize(("hour_utc", "found"), [(4, False), (5, True)])
def test_the_days_are_those_of_the_carrier_s_calendar(
    fulfillment: Fulfillment, hour_utc: int, *, found: bool
) -> None:
    """Eastern time: 2 March begins at 5:00 UTC, so 4:59 is still the list's first day."""
    moment = datetime(2026, 3, 2, hour_utc, 59 if hour_utc == 4 else 0, tzinfo=UTC)
    sold(replace(fulfillment, now=moment), "A")
    fulfillment.later(days=9).match("2026-03-01", LAST)
    assert fulfillment.open_findings() == ([("not_sold", "S-A")] if found else [])


def test_a_void_label_need_not_be_listed(fulfillment: Fulfillment) -> None:
    shipment = sold(fulfillment, "A")
    fulfillment.move(move("A", "accepted", "cancelled"))
    fulfillment.undo_due(shipment)
    fulfillment.undone(outcome="voided")
    fulfillment.later(days=1).match(FIRST, LAST)
    assert fulfillment.open_findings() == []


def test_an_api_that_was_not_asked_is_left_alone(fulfillment: Fulfillment) -> None:
    sold(fulfillment, "A")
    look(fulfillment, "S9", "S-A")
    look(fulfillment, "S8", backend="xml")
    assert fulfillment.open_findings() == [("sold_unknown", "S8"), ("sold_unknown", "S9")]
    sold(fulfillment, "B")
    look(fulfillment.later(days=1), day=NEXT_DAY, backend="xml")
    assert fulfillment.open_findings() == [("sold_unknown", "S8"), ("sold_unknown", "S9")], (
        "S-B is at the other"
    )


def test_days_that_were_not_asked_for_end_nothing(fulfillment: Fulfillment) -> None:
    unknown(fulfillment)
    fulfillment.later(days=9).match("2026-03-08", "2026-03-10")
    assert fulfillment.open_findings() != []


# --- the way through the service key


def test_two_matches_in_one_transaction_and_many_at_once_agree(
    database: Database, fulfillment: Fulfillment
) -> None:
    sold(fulfillment, "A", also_sold=["S7"])
    look(fulfillment, "S-A", "S7", *[f"S{n}" for n in range(100, 300)])
    expected = {"listed": 202, "unread": 0, "unmatched": {"sold_unknown": 200, "sold_twice": 1}}
    with fulfillment.connection.transaction():
        assert [fulfillment.later(days=1).match(FIRST, LAST) for _ in range(2)] == [expected] * 2
    many: list[Callable[[Fulfillment], Json]] = [lambda db: db.later(days=1).match(FIRST, LAST)] * 16
    assert at_once(database, many) == [expected] * 16
    assert len(fulfillment.open_findings()) == 201


def test_what_the_lists_have_not_shown_yet_is_still_to_be_confirmed(fulfillment: Fulfillment) -> None:
    def unconfirmed() -> tuple[str | None, list[str]]:
        answer = fulfillment.call("unconfirmed_sales", now_=None)
        return answer["oldest"], answer["backends"]

    assert unconfirmed() == (None, [])
    sold(fulfillment, "A")
    sold(fulfillment.later(hours=1), "B")
    assert unconfirmed() == (NOW.isoformat(), ["json"])
    look(fulfillment, "S-A")
    assert unconfirmed() == (fulfillment.later(hours=1).now.isoformat(), ["json"])
    fulfillment.later(days=1).match(FIRST, LAST)
    fulfillment.close("not_sold", "S-B")
    assert unconfirmed() == (None, []), "a person has seen to it"
