"""Postage by day is the ledger's, whatever becomes known later; "is all well?" shows each fact in its place."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, move
from tests.contract.schema_rows import NOW, OWNER, Json

SEED = 20_261_127
BEGAN = NOW - timedelta(days=20)
TORONTO = ZoneInfo("America/Toronto")


def by_day(fulfillment: Fulfillment) -> list[Json]:
    """The days with entries, as `order_insight` says and as the ledger does."""
    first, last = BEGAN.date() - timedelta(days=3), fulfillment.now.date()
    found = fulfillment.call("order_insight", series="postage", first=first, last=last)["rows"]
    ledger = fulfillment.call("postage", first=first, last=last, by="day")["rows"]
    assert [row["day"] for row in found] == [
        str(first + timedelta(days=n)) for n in range((last - first).days + 1)
    ]
    ours = {
        row["day"]: (row["labels"], row["bought_cents"], row["undone_cents"], row["total_cents"])
        for row in found
        if row["labels"] or row["undone_cents"]
    }
    assert ours == {
        row["period"]: (
            row["labels"],
            row["purchases_cents"],
            -(row["voids_cents"] + row["refunds_cents"]),
            row["total_cents"],
        )
        for row in ledger
    }
    return list(found)


def sell(fulfillment: Fulfillment, order_id: str, price: str) -> None:
    shipment = fulfillment.open(fulfillment.accepted(order_id))
    fulfillment.buy(shipment, bought(f"S-{order_id}", price=price))


def undo(fulfillment: Fulfillment, order_id: str, *, is_void: bool) -> None:
    fulfillment.move(move(order_id, fulfillment.order(order_id)["state"], "cancelled"))
    for due in fulfillment.to_undo():
        fulfillment.undo_due(due)
    fulfillment.decide("ask_undo", order_id)
    fulfillment.undone(order_id, outcome="voided" if is_void else "refunded")


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_postage_by_day_is_the_ledger_s_after_each_late_change(fulfillment: Fulfillment, seed: int) -> None:
    chance = random.Random(seed)
    now, sold, behind = Fulfillment(fulfillment.connection, BEGAN), list[str](), 0
    for step in range(40):
        now = now.later(hours=chance.choice((1, 3, 20)))
        match chance.choice(("sell", "sell", "undo", "list", "price", "twice", "sum", "sum")):
            case "sell":
                sell(now, f"O{step}", f"{chance.randrange(500, 3000) / 100:.2f}")
                sold.append(f"O{step}")
            case "undo" if sold:
                undo(now, sold.pop(chance.randrange(len(sold))), is_void=chance.random() < 0.5)
            case "list" if sold:
                day = now.now.astimezone(TORONTO).date() - timedelta(days=chance.randrange(4))
                now.carrier_day(str(day), f"S-{chance.choice(sold)}")
            case "price" if sold:
                name = f"S-{chance.choice(sold)}"
                now.carrier_shows(name, price=f"{chance.randrange(500, 3000) / 100:.2f}")
            case "twice" if sold:
                one = now.one("select * from shipments where order_id = %s", chance.choice(sold))
                again = {name: str(one[name]) for name in ("id", "call_id")}
                now.buy(again, bought(f"T-{step}", price="9.99"))
            case "sum":
                behind += now.call("roll_up_postage", seconds=60)["summed_up"]
        if step % 4 == 0:
            by_day(now)
    assert behind > 5
    assert now.later(days=2).call("roll_up_postage", seconds=60)["days_not_summed_up"] == 0
    by_day(now.later(days=2))


def test_an_empty_database_has_nothing_to_sum_up(fulfillment: Fulfillment) -> None:
    found = fulfillment.call("roll_up_postage", seconds=60)
    assert found == {"summed_up": 0, "days_not_summed_up": 0}


def test_a_late_purchase_price_makes_the_day_due_again(fulfillment: Fulfillment) -> None:
    sell(fulfillment, "A", "10.00")
    later = fulfillment.later(days=3)
    assert later.call("roll_up_postage", seconds=60)["days_not_summed_up"] == 0
    later.carrier_day(str(NOW.date()), "S-A")
    later.carrier_shows("S-A", price="12.50")
    assert {row["day"]: row["bought_cents"] for row in by_day(later) if row["labels"]} == {
        str(NOW.date()): 1250
    }
    assert later.call("roll_up_postage", seconds=60)["summed_up"] == 1
    by_day(later)


def now_of(fulfillment: Fulfillment) -> Json:
    found: Json = fulfillment.call("fulfillment_now", stages=["accept-orders", "create-labels"])
    return found


def test_the_page_says_where_the_day_s_orders_are(fulfillment: Fulfillment) -> None:
    fulfillment.labelled("A")
    fulfillment.accepted("B", ship_before=(NOW + timedelta(hours=1)).isoformat())
    fulfillment.looked()
    found = now_of(fulfillment.later(minutes=5))
    assert found["account"] | {"seen": 2, "adds_up": True, "verdict": "balanced"} == found["account"]
    assert (found["verdict"], found["outside"]["unmatched"]) == ("balanced", 0)
    assert found["open"] == {"label_created": 1, "accepted": 1}
    assert found["with_a_person"]["orders"] == 1  # B is due in less than 12 hours
    assert (found["soonest"]["order_id"], found["late"]) == ("B", 0)
    assert (
        found["postage"] | {"labels": 1, "bought_cents": 1234, "undone_cents": 0, "currency": "CAD"}
        == (found["postage"])
    )
    assert now_of(fulfillment.later(hours=2))["late"] == 1


def test_the_page_has_each_stage_s_last_run(fulfillment: Fulfillment) -> None:
    fulfillment.begin_stage(owner=OWNER)
    running = now_of(fulfillment)["stages"]
    assert [stage["stage"] for stage in running] == ["accept-orders", "create-labels"]
    assert (running[0]["last_run"], running[1]["last_run"]["state"]) == (None, "running")
    fulfillment.later(seconds=90).end_stage(OWNER)
    ended = now_of(fulfillment.later(minutes=3))["stages"][1]
    assert (ended["last_run"]["state"], ended["last_run"]["seconds"], ended["breaker"]) == (
        "finished",
        90,
        None,
    )


def test_the_page_does_not_change_while_nothing_happens(fulfillment: Fulfillment) -> None:
    fulfillment.labelled("A")
    fulfillment.looked()
    first = now_of(fulfillment.later(minutes=1))
    assert now_of(fulfillment.later(minutes=2)) == first


def test_a_repeated_change_of_the_schedule_is_noted_once(fulfillment: Fulfillment) -> None:
    change = {"job": "create-labels", "change": "pause", "by": "ana", "note": "stocktaking"}
    assert fulfillment.call("note_schedule_change", **change)["by"] == "ana"
    fulfillment.later(seconds=5).call("note_schedule_change", **change)
    assert fulfillment.one("select count(*) from schedule_changes")["count"] == 1
    fulfillment.later(hours=1).call("note_schedule_change", **change | {"change": "resume"})
    changes = fulfillment.call("last_schedule_changes", now_=None)
    assert {job: row["change"] for job, row in changes.items()} == {"create-labels": "resume"}
    assert datetime.fromisoformat(changes["create-labels"]["at"]).astimezone(UTC) == NOW + timedelta(hours=1)
