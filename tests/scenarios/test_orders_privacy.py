"""Names and addresses go after the time that is set, and stand in no log before."""

import json
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import NotFound, StoreRefused
from tests.orders_support import LABEL, MESSAGES, RunningFulfillment

KEPT = timedelta(days=365)


def everything(fulfillment: RunningFulfillment) -> str:
    """The content of all tables."""
    tables = fulfillment.rows("select tablename from pg_tables where schemaname = 'public'")
    return json.dumps(
        [fulfillment.rows(f"select to_jsonb(t)::text from {name} as t") for (name,) in tables],
        ensure_ascii=False,
    )


def test_a_year_after_its_end_an_order_has_no_names_and_the_account_is_the_same(
    fulfillment: RunningFulfillment,
) -> None:
    orders = fulfillment.waiting(2, address={"firstname": "Zebulon", "lastname": "Quarrington"})
    fulfillment.market.thread(
        {"body": "I am Zebulon", "attachments": [{"id": "f-1", "name": "zebulon.txt", "content": "Zebulon"}]},
        order_id=orders[0],
    )
    fulfillment.cycle()
    fulfillment.fire(MESSAGES)
    path = fulfillment.status(orders[0])["shipment"]["label_path"]
    file = fulfillment.store.message_file("f-1")["path"]
    assert "Zebulon" in everything(fulfillment)
    before = fulfillment.store.reconcile_orders(None)

    fulfillment.advance((KEPT - timedelta(days=1)).total_seconds())
    fulfillment.look_outside()
    assert fulfillment.shelf.get(path), "not a day earlier"
    fulfillment.advance(2 * 86_400)
    fulfillment.look_outside()
    assert "zebulon" not in everything(fulfillment).lower()
    for gone in (path, file):
        with pytest.raises(NotFound):
            fulfillment.shelf.get(gone)
    after = fulfillment.store.reconcile_orders(None)
    assert after["adds_up"]
    assert {key: after[key] for key in ("seen", "shipped", "labels")} == {
        key: before[key] for key in ("seen", "shipped", "labels")
    }


def test_an_order_that_needs_a_person_keeps_its_data(fulfillment: RunningFulfillment) -> None:
    (order,) = fulfillment.labelled()
    fulfillment.market.control("POST", f"orders/{order}/cancel")
    fulfillment.cycle()
    fulfillment.advance(2 * KEPT.total_seconds())
    fulfillment.look_outside()
    assert fulfillment.status(order)["address"] is not None
    fulfillment.store.note_undone(order, "refunded", "ana", "at last")
    fulfillment.advance(3600)
    fulfillment.look_outside()
    assert fulfillment.status(order)["address"] is None


def test_the_database_s_refusal_shows_no_row(fulfillment: RunningFulfillment) -> None:
    """Its details hold the whole row that it refuses."""
    (order,) = fulfillment.waiting(1, state="SHIPPING", address={"lastname": "Quarrington"})
    shown = fulfillment.marketplace.orders([order]).orders[0]
    broken = replace(shown, currency=None)  # type: ignore[arg-type]  # what the mapper never lets through
    with pytest.raises(StoreRefused) as refused:
        fulfillment.store.store_orders([broken], LABEL)
    trace = "".join(traceback.format_exception(refused.value))
    assert "currency" in trace
    assert "Quarrington" not in trace
    assert "Failing row" not in trace
