"""Reads the query of OR11; pure. Parameters that are not imitated change nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.responses import Response

from laptop.vendors.common.database import stamp
from laptop.vendors.mirakl.answers import invalid, over_the_limit
from laptop.vendors.mirakl.lifecycle import STATES
from laptop.vendors.mirakl.orders import Filter

_MOST = 100
_DATES = {
    "start_date": "created_at >= ?",
    "end_date": "created_at <= ?",
    "start_update_date": "updated_at >= ?",
    "end_update_date": "updated_at <= ?",
}


def filter_in(query: Mapping[str, str]) -> Filter | Response:
    """What is asked for, or the refusal."""
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


def date_in(text: str) -> str | None:
    """As `stamp` has it; UTC where no zone is named."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return stamp(read if read.tzinfo else read.replace(tzinfo=UTC))
