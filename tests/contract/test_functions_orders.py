"""The deployed `workflow` on a real database and the vendors' sandboxes: the work list and people's decisions."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from cli.answers import parsed
from cli.order_answers import (
    Account,
    Findings,
    GuessedSkus,
    Ledger,
    Order,
    OrderPage,
    OrderStatus,
    Retried,
    ShownFinding,
    Stages,
    Threads,
    WrittenReply,
)
from shared.fulfillment.findings import Kind, about_order
from tests.orders_support import LABEL, MESSAGES, RECONCILE, RunningFulfillment, shop_day
from tests.web_support import PROBLEM, Log

Json = dict[str, Any]
SIGNED = {"by": "marie", "note": "seen at the carrier"}
ABROAD = {"country_iso_code": "USA", "zip_code": "90210"}
OWN = {
    "name": "Ben Roy",
    "street_1": "12 Rue Peel",
    "city": "Montreal",
    "state": "QC",
    "postal_code": "H2X 1Y4",
}


def listed(desk: FlaskClient, query: str = "") -> list[str]:
    answer = desk.get(f"/orders{query}")
    assert answer.status_code == 200, answer.get_json()
    return [order["order_id"] for order in answer.get_json()["orders"]]


def test_the_pages_of_the_work_list_hold_every_order_once_the_oldest_deadline_first(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    orders = shop.accepted(5)
    shop.rows("update orders set ship_before = null where order_id = %s returning order_id", orders[0])
    seen: list[str] = []
    deadlines: list[str | None] = []
    query: Json = {"limit": 2}
    while True:
        page = desk.get("/orders", query_string=query).get_json()
        assert page["total"] == 5
        seen += [order["order_id"] for order in page["orders"]]
        deadlines += [order["ship_before"] for order in page["orders"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert sorted(seen) == sorted(orders)
    assert seen[-1] == orders[0]
    assert deadlines[:-1] == sorted(each for each in deadlines[:-1] if each)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "infinity",
        "infinity ",
        " A",
        "tomorrow A",
        "2026 A",
        "2026-99-99T00:00:00+00:00 A",
        "2026-11-27T00:00:00 A",
        "٢٠٢٦-11-27 A",
        "infinity A\x00",
    ],
)
def test_a_text_that_is_no_pages_next_is_invalid(desk: FlaskClient, after: str) -> None:
    answer = desk.get("/orders", query_string={"after": after})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    assert answer.get_json()["errors"] == [{"field": "after", "message": "give a page's `next`"}]


def test_a_filter_leaves_the_orders_that_match(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (bad,) = shop.accepted(address=ABROAD)
    (good,) = shop.accepted()
    shop.fire(LABEL)
    today = shop_day()
    assert listed(desk, "?state=label_failed") == [bad]
    assert listed(desk, "?attention=true") == [bad]
    assert listed(desk, "?attention=false") == [good]
    assert set(listed(desk, f"?day={today}")) == {bad, good}
    assert listed(desk, f"?day={today - timedelta(days=2)}") == []
    assert listed(desk, "?ship_before=2000-01-01T00:00:00Z") == []
    assert set(listed(desk, "?ship_before=2100-01-01T00:00:00Z")) == {bad, good}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("attention=perhaps", "attention"),
        ("day=2026-02-30", "day"),
        ("ship_before=2026-11-27T00:00:00", "ship_before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("sort=price", "sort"),
    ],
)
def test_a_wrong_filter_is_invalid(desk: FlaskClient, query: str, field: str) -> None:
    answer = desk.get(f"/orders?{query}")
    assert (answer.status_code, [each["field"] for each in answer.get_json()["errors"]]) == (422, [field])


@pytest.mark.parametrize("name", ["nobody", "%00", "x" * 201, "a%0Ab", "'; drop table orders; --"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/label", None),
        ("GET", "/packing-slip", None),
        *(("POST", f"/{name}", SIGNED) for name in ("retry", "refuse", "relabel", "not-sold", "undo")),
        ("POST", "/address", SIGNED | {"address": None}),
        ("POST", "/undone", SIGNED | {"outcome": "refunded"}),
    ],
)
def test_an_unknown_order_is_not_found(
    desk: FlaskClient, method: str, path: str, body: Json | None, name: str
) -> None:
    answer = desk.open(f"/orders/{name}{path}", method=method, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("retry", {}),
        ("relabel", {}),
        ("not-sold", {}),
        ("undo", {}),
        ("undone", {"outcome": "voided"}),
    ],
)
def test_a_decision_that_does_not_fit_the_orders_state_is_a_conflict(
    shop: RunningFulfillment, desk: FlaskClient, log: Log, path: str, more: Json
) -> None:
    (order,) = shop.accepted()
    answer = desk.post(f"/orders/{order}/{path}", json=SIGNED | more)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert order in answer.get_json()["detail"]
    assert "marie" not in log.text


@pytest.mark.parametrize("missing", ["by", "note"])
@pytest.mark.parametrize("path", ["retry", "refuse", "relabel", "not-sold", "undo"])
def test_a_decision_needs_a_person_and_a_note(desk: FlaskClient, path: str, missing: str) -> None:
    answer = desk.post(f"/orders/A/{path}", json={k: v for k, v in SIGNED.items() if k != missing})
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, missing)


def test_an_accepted_order_is_not_refused_and_a_waiting_one_is(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (accepted,) = shop.accepted()
    (waiting,) = shop.waiting()
    shop.see([waiting])
    assert desk.post(f"/orders/{accepted}/refuse", json=SIGNED).status_code == 409
    for _ in range(2):  # a repeated call changes nothing
        answer = desk.post(f"/orders/{waiting}/refuse", json=SIGNED)
        assert answer.status_code == 200
        assert {name: answer.get_json()["refusal"][name] for name in SIGNED} == SIGNED


def test_an_address_that_the_carrier_would_not_take_is_refused_with_the_reason(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted()
    answer = desk.post(f"/orders/{order}/address", json=SIGNED | {"address": OWN | {"postal_code": "K1A"}})
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        [{"field": "address", "message": "the postal code is not of the form A1A1A1"}],
    )
    missing = {name: value for name, value in OWN.items() if name != "city"}
    answer = desk.post(f"/orders/{order}/address", json=SIGNED | {"address": missing})
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "address.city")
    assert shop.status(order)["address_override"] is None


def test_a_persons_address_is_used_for_the_label_until_the_marketplaces_is_taken_again(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    (order,) = shop.accepted(address=ABROAD)
    shop.fire(LABEL)
    answer = desk.post(f"/orders/{order}/address", json=SIGNED | {"address": OWN})
    assert (answer.status_code, answer.get_json()["state"]) == (200, "accepted")
    assert answer.get_json()["address_override"]["by"] == "marie"
    shop.fire(LABEL)
    assert shop.status(order)["shipment"]["request"]["destination"]["postal_code"] == "H2X1Y4"
    back = desk.post(f"/orders/{order}/address", json=SIGNED | {"address": None})
    assert (back.status_code, back.get_json()["address_override"]) == (200, None)


def test_a_dry_run_of_a_retry_changes_nothing_and_the_retry_says_what_is_left(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    bad = shop.accepted(2, address=ABROAD)
    shop.fire(LABEL)
    (good,) = shop.accepted()
    body = SIGNED | {"order_ids": [*bad, good], "anyway": True}
    trial = desk.post("/orders/retry", json=body | {"dry_run": True}).get_json()
    assert (sorted(trial["retried"]), trial["dry_run"]) == (sorted(bad), True)
    assert [each["order_id"] for each in trial["left"]] == [good]
    assert {shop.state(order) for order in bad} == {"label_failed"}
    unmended = desk.post("/orders/retry", json=SIGNED | {"state": "label_failed"}).get_json()
    assert ([], sorted(bad)) == (unmended["retried"], [each["order_id"] for each in unmended["left"]])
    assert "Mend its address" in unmended["left"][0]["reason"]
    done = desk.post("/orders/retry", json=SIGNED | {"state": "label_failed", "anyway": True}).get_json()
    assert (sorted(done["retried"]), done["left"], done["dry_run"]) == (sorted(bad), [], False)
    assert {shop.state(order) for order in bad} == {"accepted"}


def test_a_retry_of_everything_is_invalid(desk: FlaskClient) -> None:
    answer = desk.post("/orders/retry", json=SIGNED)
    assert (answer.status_code, answer.get_json()["detail"]) == (422, "give a filter, or the orders' ids")


def test_a_finding_is_listed_and_closed_by_a_person(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.accepted()
    shop.store.add_findings([about_order(Kind.PRICE_DIFFERS, order, "the carrier charges 3.00")], RECONCILE)
    found = desk.get("/findings?kind=price_differs").get_json()
    (finding,) = found["findings"]
    assert (found["total"], finding["order_id"], finding["reason"]) == (1, order, "the carrier charges 3.00")
    reasons = desk.get(f"/orders/{order}").get_json()["reasons"]
    assert [(each["finding"], each["kind"]) for each in reasons] == [(finding["id"], "price_differs")]
    assert desk.get("/findings?kind=sold_twice").get_json() == {"total": 0, "findings": []}
    for _ in range(2):
        closed = desk.post(f"/findings/{finding['id']}/close", json=SIGNED)
        assert (closed.status_code, closed.get_json()["closed_by"]) == (200, "marie")
    another = desk.post(f"/findings/{finding['id']}/close", json=SIGNED | {"note": "another"})
    assert another.status_code == 409
    assert desk.get("/findings").get_json()["total"] == 0


@pytest.mark.parametrize("number", ["0", "77", "x", "-1", "9" * 19, "٣"])
def test_an_unknown_finding_is_not_found(desk: FlaskClient, number: str) -> None:
    assert desk.post(f"/findings/{number}/close", json=SIGNED).status_code == 404


def test_the_account_is_unverified_until_the_outside_was_looked_at(
    shop: RunningFulfillment, desk: FlaskClient
) -> None:
    shop.labelled(2)
    before = desk.get("/reconcile/orders").get_json()
    assert (before["verdict"], before["seen"], before["labels"]["on_the_shelf"]) == ("unverified", 2, 2)
    assert before["outside"]["marketplace"]["age_seconds"] is None
    shop.fire(RECONCILE)
    after = desk.get("/reconcile/orders").get_json()
    assert (after["verdict"], after["balanced"]) == ("balanced", True), after
    assert after["outside"]["carrier"]["fresh"]
    yesterday = shop_day() - timedelta(days=2)
    assert desk.get(f"/reconcile/orders?day={yesterday}").get_json()["seen"] == 0


def test_the_stages_are_listed_and_skus_without_a_size(shop: RunningFulfillment, desk: FlaskClient) -> None:
    shop.accepted(lines=[{"sku": "DISC", "quantity": 3}])
    shop.fire(LABEL)
    stages = desk.get("/stages?limit=1").get_json()
    assert [(run["stage"], run["state"]) for run in stages["stage_runs"]] == [(LABEL, "finished")]
    assert stages["breakers"] == []
    (guessed,) = desk.get("/sizes/guessed").get_json()["skus"]
    assert (guessed["sku"], guessed["orders"]) == ("DISC", 1)


def test_the_command_line_understands_every_answer(shop: RunningFulfillment, desk: FlaskClient) -> None:
    (order,) = shop.labelled()
    shop.store.add_findings([about_order(Kind.PRICE_DIFFERS, order, "the carrier charges 3.00")], RECONCILE)
    said = {"body": "Where is it?", "attachments": [{"id": "f-1", "name": "photo.jpg", "size": 9}]}
    thread = {"thread_id": "T-1", "order_id": order, "messages": [said]}
    shop.market.control("POST", "threads", {"threads": [thread]})
    shop.fire(MESSAGES)
    decided = desk.post(f"/orders/{order}/relabel", json=SIGNED)
    ident = "3f0c2f5e-6f0b-4d56-9a53-5d3c1f6f2b11"
    written = desk.post("/threads/T-1/reply", json={"reply_id": ident, "body": "On its way.", "by": "marie"})
    retried = desk.post("/orders/retry", json=SIGNED | {"order_ids": [order], "dry_run": True})
    assert parsed(Order, decided.get_json()).state == "accepted"
    assert parsed(WrittenReply, written.get_json()).reply_id == ident
    assert parsed(Retried, retried.get_json()).left[0].order_id == order

    assert parsed(OrderPage, desk.get("/orders").get_json()).orders[0].order_id == order
    status = parsed(OrderStatus, desk.get(f"/orders/{order}").get_json())
    assert (status.shipments[0].wanted, len(status.path)) == (False, 5)
    (finding,) = parsed(Findings, desk.get("/findings").get_json()).findings
    closed = desk.post(f"/findings/{finding.id}/close", json=SIGNED).get_json()
    assert parsed(ShownFinding, closed) == finding
    (told,) = parsed(Threads, desk.get("/threads").get_json()).threads
    assert (told.messages[0].files[0].name, told.replies[0].message_id) == ("photo.jpg", None)
    stages = parsed(Stages, desk.get("/stages").get_json())
    assert {run.stage for run in stages.stage_runs} == {LABEL, MESSAGES}
    assert parsed(Account, desk.get("/reconcile/orders").get_json()).seen == 1
    assert parsed(Ledger, desk.get("/postage").get_json()).currency == "CAD"
    assert len(parsed(GuessedSkus, desk.get("/sizes/guessed").get_json()).skus) == 1
