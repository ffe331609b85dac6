"""A day in virtual time: 96 cycles of four stages with new orders and occasional faults everywhere."""

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from tests.canada_post_support import SHIPMENTS
from tests.orders_support import BEGIN, CYCLE, RunningFulfillment

CYCLES = 96
SEEDS = {"json": 20261120, "xml": 20261121}


def sometimes(path: str, chances: Mapping[str, float]) -> list[dict[str, object]]:
    knobs: Mapping[str, dict[str, object]] = {
        "error_before": {"status": 503},
        "error_after": {"status": 500},
        "timeout": {"seconds": 0.02, "effect": "before"},
        "rate_limited": {"seconds": 5},
    }
    return [
        {"kind": kind, "path": path, "probability": chance, **knobs.get(kind, {})}
        for kind, chance in chances.items()
    ]


MARKET = {
    "error_before": 0.03,
    "error_after": 0.02,
    "lost_answer": 0.02,
    "malformed": 0.02,
    "rate_limited": 0.01,
}
POST = {"error_before": 0.04, "error_after": 0.04, "timeout": 0.04, "malformed": 0.03, "lost_answer": 0.03}
REST = {"error_before": 0.004, "lost_answer": 0.004}


@pytest.mark.slow
@pytest.mark.parametrize("backend", SEEDS)
def test_a_day_of_orders_balances(fulfillment: RunningFulfillment, backend: str) -> None:
    draw = Random(SEEDS[backend])
    fulfillment.post.behave(visibility_delay=300, pending_labels=1)
    fulfillment.disturb("market", *sometimes("/api", MARKET), seed=SEEDS[backend])
    fulfillment.disturb("post", *sometimes("/", POST), seed=SEEDS[backend])
    fulfillment.disturb("rest", *sometimes("/rest", REST), seed=SEEDS[backend])
    orders: list[str] = []
    stage_errors: Counter[str] = Counter()
    for _ in range(CYCLES):
        arriving = fulfillment.waiting(draw.choice((0, 1, 1, 2, 4)))
        if arriving and draw.random() < 0.1:
            arriving += fulfillment.waiting(address={"zip_code": "90210", "country_iso_code": "USA"})
        orders += arriving
        if orders and draw.random() < 0.15:
            fulfillment.http.post(
                f"{fulfillment.market.url}/_control/orders/{draw.choice(orders[-6:])}/cancel"
            )
        answers = fulfillment.cycle()
        stage_errors.update(stage for stage, answer in answers.items() if "error" in answer)
    assert fulfillment.clock.now >= BEGIN + CYCLES * CYCLE

    undisturbed(fulfillment)
    sides = fulfillment.assert_balanced()
    seen = {order_id for (order_id,) in fulfillment.rows("select order_id from orders")}
    unseen = [order for order in orders if order not in seen]
    assert sides["seen"] == len(seen) > CYCLES
    assert {fulfillment.market.state(order) for order in unseen} <= {"CANCELED"}
    assert sides["labels"]["unknown"] == sides["labels"]["undo_to_prepare"] == 0
    places = Counter(fulfillment.market.state(order) for order in orders)
    assert places["SHIPPED"] + places["RECEIVED"] == sides["shipped"] > len(orders) / 2
    assert fulfillment.post.books()["calls"]["sold"] > 0
    assert {order: fulfillment.sold(order) for order in orders if fulfillment.sold(order) > 1} == {}
    assert sum(sides["in_progress"].values()) == 0
    report(fulfillment, sides, stage_errors)


def undisturbed(fulfillment: RunningFulfillment) -> None:
    """Three cycles without faults settle every order."""
    for part in ("market", "post", "rest"):
        fulfillment.disturb(part)
    for _ in range(3):
        fulfillment.cycle()


def report(fulfillment: RunningFulfillment, sides: dict[str, object], stage_errors: Counter[str]) -> None:
    """Printed for a run with `-s`."""
    runs = fulfillment.rows(
        "select count(*), sum(tries), count(*) filter (where state = 'failed') from stage_runs"
    )
    print(sides, "runs, tries, failed:", runs, "errors:", dict(stage_errors), SHIPMENTS[fulfillment.backend])  # noqa: T201 - its purpose
