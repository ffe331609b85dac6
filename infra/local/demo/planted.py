"""The demo's orders that no stage can finish by itself, one of each kind. Their ids say what happens to them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from infra.local.demo.backstage import Backstage, Json

UNREADABLE = "unreadable-A"
_CANCELLED, _ELSEWHERE, _REFUSED, _SUSPENDED = "cancelled-A", "elsewhere-A", "refused-A", "suspended-A"

PLANTED: Mapping[str, Json] = {
    "too-high-A": {"lines": [{"sku": "CASE-4U", "title": "4U rack case", "quantity": 25}]},
    "address-A": {"address": {"state": "BC", "city": "Halifax", "zip_code": "B3J 1A1"}},
    _REFUSED: {},
    _SUSPENDED: {},
    _CANCELLED: {},
    _ELSEWHERE: {},
    UNREADABLE: {"overrides": {"total_price": "much"}},
}
"""The orders as the marketplace's control takes them, by id."""

REFUSED_ACCEPTANCE: Json = {
    "kind": "error_before",
    "status": 400,
    "path": f"/api/orders/{_REFUSED}/accept",
    "method": "PUT",
}
LOST_ANSWER: Json = {
    "kind": "error_after",
    "status": 500,
    "path": "/shipping",
    "method": "POST",
    "every": 12,
}
"""A label is sold and the answer is lost: buying it again would mean paying twice. Fewer than 24 labels are bought, so
it happens once."""


def plant(backstage: Backstage) -> None:
    """The suspended order is the oldest, because the next label that is sold is suspended."""
    early = {"created_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
    orders = [
        {"order_id": order_id, **order, **(early if order_id == _SUSPENDED else {})}
        for order_id, order in PLANTED.items()
    ]
    backstage.control("mirakl", "PUT", "faults", {"seed": 7, "faults": [REFUSED_ACCEPTANCE]})
    backstage.control("canada-post", "PUT", "faults", {"seed": 7, "faults": [LOST_ANSWER]})
    backstage.control("canada-post", "PUT", "settings", {"suspend": 1})
    backstage.control("mirakl", "POST", "orders", {"orders": orders})


def disturb(backstage: Backstage, stage: str) -> None:
    """Does what others do after this stage of the first cycle."""
    if stage == "accept-orders":
        backstage.control("mirakl", "PUT", f"orders/{_ELSEWHERE}", {"state": "SHIPPED"})
    elif stage == "create-labels":
        backstage.control("mirakl", "POST", f"orders/{_CANCELLED}/cancel")


def correct(backstage: Backstage) -> None:
    """From now on the marketplace shows the unreadable order as it is."""
    backstage.control("mirakl", "PUT", f"orders/{UNREADABLE}/overrides", {"overrides": {}})
