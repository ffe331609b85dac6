"""OR11, OR21, OR23 and OR24. The statuses of OR21's codes are undocumented; here they are 404 and 400."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from laptop.vendors.mirakl.answers import done, error, invalid, over_the_limit
from laptop.vendors.mirakl.lifecycle import STATES, TRACKABLE
from laptop.vendors.mirakl.market import Asked, Market
from laptop.vendors.mirakl.orders import Filter
from laptop.vendors.mirakl.rendering import Order, date_in, shown
from laptop.vendors.mirakl.shop_calls import CARRIERS

_MOST = 100
_DATES = {
    "start_date": "created_at >= ?",
    "end_date": "created_at <= ?",
    "start_update_date": "updated_at >= ?",
    "end_update_date": "updated_at <= ?",
}


def list_orders(market: Market, asked: Asked) -> Response:
    wanted = filter_in(asked.query)
    if isinstance(wanted, Response):
        return wanted
    orders, total = market.orders.list(wanted)
    answer = JSONResponse({"orders": [shown(order) for order in orders], "total_count": total})
    links = []
    if wanted.offset:
        links.append(_link(asked, max(wanted.offset - wanted.limit, 0), "previous"))
    if wanted.offset + wanted.limit < total:
        links.append(_link(asked, wanted.offset + wanted.limit, "next"))
    if links:
        answer.headers["Link"] = ", ".join(links)
    return answer


def filter_in(query: Mapping[str, str]) -> Filter | Response:
    """The filter in the query of OR11, or the refusal. Parameters that are not imitated change nothing."""
    conditions: list[tuple[str, list[str]]] = []
    for name, column in (("order_ids", "order_id"), ("order_state_codes", "state")):
        if name not in query:
            continue
        values = [value.strip() for value in query[name].split(",") if value.strip()]
        if len(values) > _MOST:
            return over_the_limit(name, _MOST)
        if name == "order_state_codes" and not set(values) <= set(STATES):
            return invalid(name, "must be states of an order")
        conditions.append((f"{column} IN ({', '.join('?' * len(values))})", values))
    for name, condition in _DATES.items():
        if name in query:
            date = date_in(query[name])
            if date is None:
                return invalid(name, "must be a date")
            conditions.append((condition, [date]))
    page = _page(query)
    if isinstance(page, Response):
        return page
    return Filter(conditions, *page, descending=query.get("order") == "desc")


def _page(query: Mapping[str, str]) -> tuple[int, int] | Response:
    sizes: list[int] = []
    for name, default in (("max", 10), ("offset", 0)):
        text = query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # an int32 has ten digits
            return invalid(name, "must be a number")
        sizes.append(int(text))
    if sizes[0] > _MOST:
        return over_the_limit("max", _MOST)
    return sizes[0], sizes[1]


def _link(asked: Asked, offset: int, relation: str) -> str:
    return f'</api/orders?{urlencode({**asked.query, "offset": offset})}>; rel="{relation}"'


def accept(market: Market, asked: Asked) -> Response:
    """Every order line needs a decision, and the order must be in WAITING_ACCEPTANCE."""
    order = market.orders.find(asked.path["order_id"])
    if order is None:
        return _unknown(asked)
    body = asked.json()
    lines = body.get("order_lines") if isinstance(body, dict) else None
    if not isinstance(lines, list) or not lines:
        return invalid("order_lines", "must not be empty")
    if order.state != "WAITING_ACCEPTANCE":
        return _wrong_state(order, "accepted")
    refusal = _refused_lines(order, lines)
    if refusal:
        return refusal
    decisions = {line["accepted"] for line in lines}
    if len(decisions) > 1:
        return error(400, "Partial acceptance is disabled", "ORDER_PARTIAL_ACCEPTANCE_DISABLED")
    market.orders.move(order, "WAITING_DEBIT" if decisions == {True} else "REFUSED", asked.now)
    return done()


def _refused_lines(order: Order, lines: list[Any]) -> Response | None:
    if any(line is None for line in lines):
        return error(400, "A line must not be null", "ORDER_LINE_NULL_ELEMENT")
    for line in lines:
        well = (
            isinstance(line, dict)
            and isinstance(line.get("id"), str)
            and isinstance(line.get("accepted"), bool)
        )
        if not well:
            return invalid("order_lines", "each needs an id and accepted")
    ids = Counter(line["id"] for line in lines)
    if max(ids.values()) > 1:
        return error(400, "A line is named twice", "ORDER_LINE_DUPLICATE_ID")
    if not set(ids) <= set(order.line_ids):
        return error(400, "The order has no such line", "ORDER_LINE_NOT_FOUND")
    if set(ids) != set(order.line_ids):
        return error(400, "Each line needs a decision", "ORDER_LINE_ACCEPTANCE_DECISION_MISSING")
    return None


def track(market: Market, asked: Asked) -> Response:
    """A repeat replaces the earlier tracking."""
    order = market.orders.find(asked.path["order_id"])
    if order is None:
        return _unknown(asked)
    body = asked.json()
    if not isinstance(body, dict) or not all(isinstance(text, str | None) for text in body.values()):
        return invalid("tracking", "must be an object of texts")
    if order.state not in TRACKABLE:
        return _wrong_state(order, "tracked")
    code, name, number = body.get("carrier_code"), body.get("carrier_name"), body.get("tracking_number")
    carrier = CARRIERS.get(code or "")
    if code and carrier is None:
        return invalid("carrier_code", "is no registered carrier")
    if carrier is None and not name:
        return invalid("carrier_name", "is mandatory for an unregistered carrier")
    if carrier is not None and not number:
        return invalid("tracking_number", "is mandatory for this carrier")
    url = carrier["tracking_url"].replace("{trackingId}", str(number)) if carrier else body.get("carrier_url")
    progress = {
        "shipping_carrier_code": code,
        "shipping_company": carrier["label"] if carrier else name,
        "shipping_carrier_standard_code": carrier["standard_code"]
        if carrier
        else body.get("carrier_standard_code"),
        "shipping_tracking": number,
        "shipping_tracking_url": url,
    }
    market.orders.change(order, asked.now, progress)
    return done()


def ship(market: Market, asked: Asked) -> Response:
    order = market.orders.find(asked.path["order_id"])
    if order is None:
        return _unknown(asked)
    if order.state != "SHIPPING" or not order.can_shop_ship:
        return _wrong_state(order, "shipped")
    market.orders.move(order, "SHIPPED", asked.now)
    return done()


def _unknown(asked: Asked) -> Response:
    return error(404, f"Order with identifier '{asked.path['order_id']}' not found", "ORDER_NOT_FOUND")


def _wrong_state(order: Order, action: str) -> Response:
    message = f"The order '{order.order_id}' in state {order.state} cannot be {action}"
    return error(400, message, "ORDER_INVALID_STATE")
