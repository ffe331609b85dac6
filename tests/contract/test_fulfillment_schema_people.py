"""The work list, people's decisions, and the end of personal data."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, bought, finding, move, order, thread
from tests.contract.schema_rows import NOW, OTHER, OWNER, Json

FILTER = {"states": None, "attention": None, "day": None, "ship_before": None, "order_ids": None}


def due(hours: int) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


def names(page: Json) -> list[str]:
    return [row["order_id"] for row in page["orders"]]


def five(fulfillment: Fulfillment) -> None:
    """B asks for a person; E is of the next day; D has no deadline."""
    fulfillment.store(
        *[order(name, ship_before=due(hours)) for name, hours in (("A", 29), ("B", 25), ("C", 27))]
    )
    fulfillment.store(order("D"))
    fulfillment.later(days=1).store(order("E", ordered_at=due(24), ship_before=due(48)))
    fulfillment.move(move("A", "pending_acceptance", "accepted"), move("C", "pending_acceptance", "refused"))
    fulfillment.find(finding("no_parcel", "B"))


FILTERS: list[tuple[Json, str]] = [
    ({}, "BCAED"),
    (FILTER, "BCAED"),
    ({"states": ["accepted", "refused"]}, "CA"),
    ({"attention": True}, "B"),
    ({"attention": False}, "CAED"),
    ({"day": "2026-03-02"}, "BCAD"),
    ({"day": "2026-03-03"}, "E"),
    ({"day": "2026-03-04"}, ""),
    ({"ship_before": due(27)}, "B"),
    ({"ship_before": due(28)}, "BC"),
    ({"order_ids": ["D", "A", "Z"]}, "AD"),
    ({"order_ids": ["A", "B"], "attention": True}, "B"),
    ({"order_ids": ["A", "B"], "attention": False}, "A"),
    ({"states": ["pending_acceptance"], "attention": True, "day": "2026-03-02", "ship_before": due(26)}, "B"),
    ({"states": ["accepted"], "attention": True}, ""),
]


@pytest.mark.parametrize(("wanted", "expected"), FILTERS)
def test_the_work_list_has_what_fits_the_filter_the_oldest_deadline_first(
    fulfillment: Fulfillment, wanted: Json, expected: str
) -> None:
    five(fulfillment)
    page = fulfillment.work_list(**wanted)
    assert ("".join(names(page)), page["total"], page["next"]) == (expected, len(expected), None)


def test_two_hundred_and_fifty_orders_are_paged_without_loss_or_repeat_while_others_come(
    fulfillment: Fulfillment,
) -> None:
    expected = [f"O{n:03}" for n in range(250)]
    fulfillment.store(
        *[order(name, ship_before=due(n // 7) if n < 200 else None) for n, name in enumerate(expected)]
    )
    read: list[str] = []
    after: Json | None = None
    while True:
        page = fulfillment.work_list(40, after)
        read += names(page)
        fulfillment.store(
            order(f"early {len(read)}", ship_before=due(-9)), order(f"O199 {len(read)}", ship_before=due(28))
        )
        if page["next"] is None:
            break
        after = page["next"]
    assert [name for name in read if name in expected] == expected
    assert len(set(read)) == len(read)
    assert page["total"] == 250 + 2 * (len(read) // 40)


def test_a_full_last_page_is_followed_by_an_empty_one(fulfillment: Fulfillment) -> None:
    fulfillment.store(order("A"), order("B"))
    page = fulfillment.work_list(2)
    assert (names(page), page["next"] is None) == (["A", "B"], False)
    rest = fulfillment.work_list(2, page["next"])
    assert (rest["orders"], rest["next"], rest["total"]) == ([], None, 2)


# --- decisions


def failed(fulfillment: Fulfillment, *names: str) -> None:
    for name in names:
        fulfillment.refuse(fulfillment.open(fulfillment.accepted(name)))


def retry_all(fulfillment: Fulfillment, *, dry_run: bool, limit: int = 100, **wanted: object) -> Json:
    answer: Json = fulfillment.call(
        "retry_orders", filter=wanted, limit=limit, by="kim", note="mended", dry_run=dry_run
    )
    return answer


def test_a_dry_run_says_what_would_be_retried_and_changes_nothing(fulfillment: Fulfillment) -> None:
    failed(fulfillment, "A", "B")
    fulfillment.accepted("C")
    dry = retry_all(fulfillment, dry_run=True)
    assert (dry["retried"], [row["order_id"] for row in dry["left"]], dry["dry_run"]) == (
        ["A", "B"],
        ["C"],
        True,
    )
    assert [fulfillment.order(name)["state"] for name in "AB"] == ["label_failed"] * 2
    real = retry_all(fulfillment, dry_run=False)
    assert (real["retried"], [row["order_id"] for row in real["left"]]) == (["A", "B"], ["C"])
    assert real["left"][0]["reason"] == "order C is accepted: there is nothing to retry"
    assert [fulfillment.order(name)["state"] for name in "AB"] == ["accepted"] * 2


def test_orders_are_retried_by_filter_and_no_more_than_the_limit(fulfillment: Fulfillment) -> None:
    failed(fulfillment, "A", "B", "C")
    fulfillment.store(order("D"))
    assert retry_all(fulfillment, dry_run=False, states=["label_failed"], limit=2)["retried"] == ["A", "B"]
    assert retry_all(fulfillment, dry_run=False, attention=True, order_ids=None)["retried"] == ["C"]
    assert fulfillment.work_list(attention=True)["total"] == 0


def test_a_refusal_is_sent_by_the_stage_and_only_before_the_acceptance(fulfillment: Fulfillment) -> None:
    fulfillment.store(order())
    fulfillment.move(move("A", "pending_acceptance", "acceptance_failed"))
    row = fulfillment.decide("refuse_order", note="sold out")
    assert (row["state"], row["refusal"]["by"], row["refusal"]["note"]) == (
        "pending_acceptance",
        "kim",
        "sold out",
    )
    fulfillment.accepted("B")
    with pytest.raises(psycopg.Error, match="only an order that is not accepted can be refused") as refusal:
        fulfillment.decide("refuse_order", "B")
    assert refusal.value.sqlstate == "PT409"


def test_an_address_of_one_s_own_sends_a_failed_label_back_and_is_no_use_to_an_ended_order(
    fulfillment: Fulfillment,
) -> None:
    failed(fulfillment, "A")
    row = fulfillment.decide("override_address", note="called them", address={"name": "Ana"})
    assert (row["state"], row["address_override"]["address"], row["address_override"]["by"]) == (
        "accepted",
        {"name": "Ana"},
        "kim",
    )
    fulfillment.move(move("A", "accepted", "cancelled"))
    with pytest.raises(psycopg.Error, match="it needs no address") as refusal:
        fulfillment.decide("override_address", address={"name": "Ana"})
    assert refusal.value.sqlstate == "PT409"


DECISIONS: list[tuple[str, Json]] = [
    ("retry_order", {}),
    ("override_address", {"address": None}),
    ("refuse_order", {}),
    ("relabel_order", {}),
    ("note_not_sold", {}),
    ("ask_undo", {}),
    ("note_undone", {"outcome": "voided"}),
]


@pytest.mark.parametrize(("decision", "more"), DECISIONS)
def test_a_decision_about_an_unknown_order_is_not_found(
    fulfillment: Fulfillment, decision: str, more: Json
) -> None:
    with pytest.raises(psycopg.Error, match="no order Z") as refusal:
        fulfillment.decide(decision, "Z", **more)
    assert refusal.value.sqlstate == "PT404"


def test_skus_without_a_size_are_shown_for_unshipped_orders_the_most_frequent_first(
    fulfillment: Fulfillment,
) -> None:
    def line(sku: str) -> Json:
        return {"line_id": sku, "sku": sku, "quantity": 1, "title": sku, "price": "1", "state": ""}

    fulfillment.connection.execute("insert into parcel_sizes values ('known', 1, 1, 1, 1)")
    fulfillment.store(
        order("A", lines=[line("known"), line("rare"), line("common")]), order("B", lines=[line("common")])
    )
    fulfillment.store(order("C", lines=[line("past")]))
    fulfillment.move(move("C", "pending_acceptance", "cancelled"))
    rows = fulfillment.call("guessed_skus", limit=9, now_=None)
    assert [(row["sku"], row["orders"]) for row in rows] == [("common", 2), ("rare", 1)]


# --- personal data

NAME = "Zoltan Kovalchuk"
ADDRESS = {"name": NAME, "street_1": f"1 {NAME} Street", "city": "Ottawa"}
COLUMNS = (
    "select c.relname as relation, a.attname as attribute"
    " from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid"
    " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped"
    " and format_type(a.atttypid, null) in ('text', 'text[]', 'jsonb')"
)


def places_of(fulfillment: Fulfillment, name: str) -> set[str]:
    """The columns of all tables that hold a text."""
    return {
        f"{row['relation']}.{row['attribute']}"
        for row in fulfillment.all(COLUMNS)
        if fulfillment.all(
            f"select from {row['relation']} where strpos({row['attribute']}::text, %s) > 0 limit 1", name
        )
    }


def said(thread_id: str, message_id: str, *order_ids: str) -> Json:
    message = {
        "message_id": message_id,
        "sender": NAME,
        "sender_type": "CUSTOMER_USER",
        "body_raw": f"<p>{NAME}</p>",
        "body_text": NAME,
        "attachments": [{"id": f"file of {message_id}", "name": f"{NAME}.jpg"}],
        "sent_at": NOW.isoformat(),
    }
    return thread(thread_id, order_ids=list(order_ids), topic=f"{NAME} asks", messages=[message])


def personal(fulfillment: Fulfillment, order_id: str) -> None:
    """A shipped order whose customer's name stands wherever it can."""
    fulfillment.accepted(order_id, address=ADDRESS)
    fulfillment.decide("override_address", order_id, address=ADDRESS)
    shipment: Json = fulfillment.call(
        "open_shipment",
        order_id=order_id,
        request_id=f"{order_id}-1",
        sequence=1,
        call=uuid.uuid4(),
        request_hash="hash",
        request={"destination": ADDRESS, "service_code": "DOM.EP"},
        backend="json",
    )
    fulfillment.buy(shipment, bought(f"S-{order_id}"))
    fulfillment.shelve(shipment)
    fulfillment.find(finding("unreadable", order_id, raw=ADDRESS))
    fulfillment.end("unreadable", order_id)
    fulfillment.move(move(order_id, "label_created", "shipped"))


def forget(fulfillment: Fulfillment, before_days: int = -1, limit: int = 100) -> tuple[int, list[str]]:
    """The number of orders, and the paths of their files."""
    before = fulfillment.later(days=before_days).now
    found: Json = fulfillment.call("data_to_forget", before=before, limit=limit)
    return int(fulfillment.call("forget_personal_data", order_ids=found["order_ids"])), found["paths"]


def test_a_forgotten_order_leaves_its_customer_s_name_nowhere_and_the_account_as_it_was(
    fulfillment: Fulfillment,
) -> None:
    personal(fulfillment, "A")
    fulfillment.store_threads(said("T", "m1", "A"))
    fulfillment.call(
        "note_file_stored", attachment="file of m1", path="m1.jpg", media_type="image/jpeg", bytes=9
    )
    fulfillment.write(OWNER, f"Dear {NAME}")
    fulfillment.call(
        "write_to_buyer", reply=OTHER, order_id="A", topic=f"For {NAME}", body=f"Dear {NAME}", by="ana"
    )
    with fulfillment.connection.transaction():
        fulfillment.connection.execute("update replies set thread_id = null where reply_id = %s", [OTHER])
    fulfillment.find(finding("unreadable_message", "m7", order_id=None, raw=ADDRESS))
    fulfillment.close("unreadable_message", "m7")
    held = places_of(fulfillment, NAME)
    assert held >= {
        "orders.address",
        "orders.address_override",
        "shipments.request",
        "findings.raw",
        "messages.body_text",
    }
    assert held >= {"threads.topic", "message_files.name", "replies.body", "replies.topic"}
    before = fulfillment.reconcile()
    assert forget(fulfillment.later(days=31)) == (1, ["S1.pdf", "m1.jpg"])
    assert places_of(fulfillment, NAME) == set()
    assert fulfillment.reconcile() == before
    assert fulfillment.call("files_to_fetch", limit=9, now_=None) == []
    assert fulfillment.call("replies_to_send", limit=9, now_=None) == []
    assert forget(fulfillment.later(days=31)) == (0, [])


def test_what_is_forgotten_does_not_come_back_with_the_next_reading(fulfillment: Fulfillment) -> None:
    personal(fulfillment, "A")
    fulfillment.store_threads(said("T", "m1", "A"))
    forget(fulfillment.later(days=31))
    late = fulfillment.later(days=32)
    late.store(order("A", address=ADDRESS, marketplace_updated_at=late.now.isoformat()))
    late.store_threads(said("T", "m1", "A"))
    assert places_of(fulfillment, NAME) == set()


def test_a_conversation_that_goes_on_after_it_was_forgotten_is_forgotten_again(
    fulfillment: Fulfillment,
) -> None:
    personal(fulfillment, "A")
    fulfillment.store_threads(said("T", "m1", "A"))
    forget(fulfillment.later(days=31))
    late = fulfillment.later(days=40)
    late.store_threads(said("T", "m2", "A") | {"updated_at": late.now.isoformat()})
    assert forget(late) == (0, [])
    assert "messages.body_text" in places_of(fulfillment, NAME)
    assert forget(late, before_days=1) == (1, [])
    assert places_of(fulfillment, NAME) == set()


def asking(fulfillment: Fulfillment) -> None:
    personal(fulfillment, "B")
    fulfillment.find(finding("ended_without_us", "B"))


KEPT: dict[str, Callable[[Fulfillment], object]] = {
    "one that is open": lambda db: db.accepted("B", address=ADDRESS),
    "one that a person must look at": asking,
    "one that has ended lately": lambda db: personal(db.later(days=30), "B"),
}


@pytest.mark.parametrize("which", KEPT)
def test_the_data_of_an_order_are_kept_while_they_may_be_needed(fulfillment: Fulfillment, which: str) -> None:
    KEPT[which](fulfillment)
    assert forget(fulfillment.later(days=30)) == (0, [])
    assert fulfillment.order("B")["address"] == ADDRESS


def test_a_conversation_about_two_orders_is_forgotten_with_the_last(fulfillment: Fulfillment) -> None:
    for order_id in "AB":
        personal(fulfillment, order_id)
    fulfillment.store_threads(said("T", "m1", "A", "B"), said("U", "m2"))
    later = fulfillment.later(days=31)
    assert forget(later, limit=1)[0] == 1
    assert "messages.body_text" in places_of(fulfillment, NAME)
    assert forget(later, limit=1)[0] == 1
    kept = fulfillment.all("select message_id from messages where body_text <> ''")
    assert kept == [{"message_id": "m2"}], "a conversation of no order is not an order's data"
