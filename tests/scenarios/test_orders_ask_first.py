"""The carrier is asked before the first purchase too: a restored database and a changed API sell no second label."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from shared.fulfillment.label import CALL_WITHIN
from tests.canada_post_support import BACKENDS, SHIPMENTS
from tests.faults import held
from tests.orders_support import LABEL, ONE_STAGE, RunningFulfillment
from tests.waiting import wait_until
from tests.web_support import ROOT

TABLES = ("orders", "order_lines", "shipments", "findings", "stage_runs")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def backup(fulfillment: RunningFulfillment) -> dict[str, list[tuple[object, ...]]]:
    return {table: fulfillment.rows(f"select to_jsonb(t)::text from {table} as t") for table in TABLES}


def restore(fulfillment: RunningFulfillment, saved: dict[str, list[tuple[object, ...]]]) -> None:
    with fulfillment.database.connect() as owner:
        owner.execute("set session_replication_role = replica")
        for table, rows in saved.items():
            owner.execute(f"delete from {table}".encode())
            columns = ", ".join(
                row[0]
                for row in owner.execute(
                    "select column_name from information_schema.columns where table_name = %s"
                    " and is_identity = 'NO' and table_schema = 'public'",
                    [table],
                )
            )
            for (row,) in rows:
                owner.execute(
                    f"insert into {table} ({columns}) select {columns} from"
                    f" jsonb_populate_record(null::{table}, %s::jsonb)".encode(),
                    [row],
                )


def test_a_database_restored_from_before_the_purchases_sells_no_second_label(
    fulfillment: RunningFulfillment,
) -> None:
    orders = fulfillment.accepted(3)
    saved = backup(fulfillment)
    fulfillment.fire(LABEL)
    restore(fulfillment, saved)
    assert {fulfillment.state(order) for order in orders} == {"accepted"}
    answer = fulfillment.fire(LABEL)
    assert (answer["adopted"], answer["done"]) == (3, 3)
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)
    assert fulfillment.look_outside()["verdict"] == "balanced"


@pytest.mark.parametrize("credentials", [True, False])
def test_a_change_of_the_api_with_open_rows_sells_no_second_label(
    fulfillment: RunningFulfillment, *, credentials: bool
) -> None:
    """The two APIs keep separate ledgers: only the one that sold a label knows it."""
    lost, unsent = fulfillment.accepted(2)
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "lost_answer", "path": path, "method": "POST", "times": 1})
    fulfillment.fire(LABEL, limit=1)
    fulfillment.disturb("post")
    fulfillment.carrier, fulfillment.other = fulfillment.other, fulfillment.carrier
    fulfillment.other_carriers = [fulfillment.other] if credentials else []
    fulfillment.cycle()
    fulfillment.cycle()
    assert (fulfillment.sold(lost), fulfillment.sold(unsent)) == (1, 1)
    assert fulfillment.state(unsent) == "shipped"
    if credentials:
        fulfillment.assert_shipped_with_one_label(lost, unsent)
        return
    assert (fulfillment.state(lost), fulfillment.findings()["other_api"]) == ("label_unknown", [lost])
    fulfillment.other_carriers = [fulfillment.other]  # a person sets the credentials
    fulfillment.cycle_until_settled(lost)
    fulfillment.assert_shipped_with_one_label(lost, unsent)


def test_a_restored_database_and_a_changed_api_sell_no_second_label(fulfillment: RunningFulfillment) -> None:
    """Both at once: the row that named the API is lost."""
    (order,) = fulfillment.accepted()
    saved = backup(fulfillment)
    fulfillment.fire(LABEL)
    restore(fulfillment, saved)
    fulfillment.carrier, fulfillment.other = fulfillment.other, fulfillment.carrier
    fulfillment.other_carriers = [fulfillment.other]
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_a_paid_label_without_its_pdf_is_fetched_from_the_api_that_sold_it(
    fulfillment: RunningFulfillment,
) -> None:
    fulfillment.post.behave(pending_labels=1000)
    (order,) = fulfillment.accepted()
    fulfillment.fire(LABEL)
    fulfillment.carrier, fulfillment.other = fulfillment.other, fulfillment.carrier
    fulfillment.other_carriers = [fulfillment.other]
    fulfillment.post.behave(pending_labels=0)
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_a_person_says_that_nothing_was_sold_at_the_api_that_was_left(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", {"kind": "error_before", "status": 503, "path": path, "method": "POST"})
    fulfillment.fire(LABEL)
    fulfillment.disturb("post")
    fulfillment.carrier, fulfillment.other = fulfillment.other, fulfillment.carrier
    fulfillment.cycle()
    assert fulfillment.findings() == {"other_api": [order]}
    fulfillment.store.note_not_sold(order, "ana", "the carrier's site shows nothing")
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)


def test_each_label_costs_one_look_up(fulfillment: RunningFulfillment) -> None:
    fulfillment.accepted(10)
    fulfillment.fire(LABEL)
    calls = fulfillment.post.books()["calls"]
    assert (calls["look_up_none"], calls["sold"], calls["label"]) == (10, 10, 10)


def test_a_404_without_a_code_is_not_taken_for_never_sold(fulfillment: RunningFulfillment) -> None:
    """A label was sold already, but the look-up's 404 does not say so."""
    (order,) = fulfillment.accepted()
    fulfillment.post.plant(fulfillment.backend, request_id=f"{order}-1", reference=order)
    fulfillment.post.behave(visibility_delay=86_400, hidden_as="not_found", not_found="uncoded")
    fulfillment.fire(LABEL)
    assert (fulfillment.sold(order), fulfillment.state(order)) == (1, "accepted")
    fulfillment.advance(2 * 3600)
    assert fulfillment.is_with_a_person(order)
    assert any("could not be asked for" in reason for reason in fulfillment.reasons(order))
    fulfillment.post.behave(visibility_delay=0)
    assert fulfillment.fire(LABEL)["adopted"] == 1
    assert fulfillment.sold(order) == 1


def test_a_process_that_is_stopped_in_mid_purchase_buys_nothing_when_it_goes_on(
    fulfillment: RunningFulfillment,
) -> None:
    """SIGSTOP while the look-up before the purchase is held; it goes on after the time in which it may call."""
    fulfillment.at_the_real_time()
    (order,) = fulfillment.accepted()
    path = SHIPMENTS[fulfillment.backend]
    fulfillment.disturb("post", held(path, effect="none", method="GET"))
    process = subprocess.Popen(
        [sys.executable, "-c", ONE_STAGE, "create_labels", "stopped"],
        cwd=ROOT,
        env=os.environ | fulfillment.environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: fulfillment.struck("post") > 0 or process.poll() is not None)
        process.send_signal(signal.SIGSTOP)
        fulfillment.disturb("post")
        fulfillment.clock.now += CALL_WITHIN + timedelta(minutes=6)
        fulfillment.at(fulfillment.clock.now)
        fulfillment.fire(LABEL)
        assert fulfillment.sold(order) == 1
    finally:
        process.send_signal(signal.SIGCONT)
        process.wait(120)
    assert fulfillment.sold(order) == 1
    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
