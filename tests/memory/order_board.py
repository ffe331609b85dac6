"""The operator's board of the in-memory order store."""

from datetime import datetime
from zoneinfo import ZoneInfo

from shared.fulfillment.board import BoardFilter
from shared.fulfillment.store import Json
from tests.memory.order_outside import CARRIERS_CALENDAR
from tests.memory.order_page import actions_of, turn_of
from tests.memory.order_postage import entries_of
from tests.memory.order_reasons import reasons_of
from tests.memory.order_reports import LOOKS, NEVER, UNMATCHED, InMemoryOrderReports
from tests.memory.order_rows import Order
from tests.memory.order_states import ENDS, LIMITS

Place = tuple[bool, datetime, str]
"""Those that need a person come first, then by deadline."""


class InMemoryOrderBoard(InMemoryOrderReports):
    """Implements OrderBoard besides."""

    def board(self, wanted: BoardFilter, limit: int, after: Json | None, zone: str) -> Json:
        asking = self._asking()
        places = sorted(
            (order.order_id not in asking, order.facts.ship_before or NEVER, order.order_id)
            for order in self.rows.values()
            if (order.state not in ENDS or order.order_id in asking)
            and wanted.state in (None, order.state)
            and wanted.attention in (None, order.order_id in asking)
        )
        start = None if after is None else _place(after)
        page = [place for place in places if start is None or place > start][:limit]
        return self._figures(asking, zone) | {
            "total": len(places),
            "orders": [self._board_row(self.rows[order_id]) for _, _, order_id in page],
            "next": _next(page[-1]) if page and len(page) == limit else None,
        }

    def _board_row(self, order: Order) -> Json:
        findings = self._of_order(order.order_id)
        stage = turn_of(order, findings)
        return {
            "order_id": order.order_id,
            "state": str(order.state),
            "currency": order.facts.currency,
            "pieces": sum(line.quantity for line in order.facts.lines),
            "reasons": [
                reason.to_json()
                for reason in reasons_of([order], self._of_order(order.order_id), self.clock())
            ],
            "actions": actions_of(order, findings, self.carrier.values(), self._why_unmended(order)),
            "turn": stage and {"stage": stage, "held_until": None},
        }

    def _figures(self, asking: set[str], zone: str) -> Json:
        now, orders = self.clock(), list(self.rows.values())
        today = now.astimezone(ZoneInfo(zone)).date()
        ended = {
            str(state): sum(
                order.state is state and order.state_since.astimezone(ZoneInfo(zone)).date() == today
                for order in orders
            )
            for state in ENDS
        }
        states = {
            state: {
                "total": sum(order.state == state for order in orders),
                "need_person": sum(order.state == state and order.order_id in asking for order in orders),
            }
            for state in LIMITS
        }
        still_open = sum(order.state not in ENDS for order in orders)
        unmatched = len(self._open(*UNMATCHED))
        looks = {source: self._last_look(source) for source in LOOKS}
        fresh = all(look["fresh"] for look in looks.values())
        return {
            "need_person": len(asking),
            "states": states,
            "today": ended
            | {
                "day": today.isoformat(),
                "zone": zone,
                "open": still_open,
                "orders": still_open + sum(ended.values()),
            },
            "postage": self._postage_today(now),
            "outside": looks
            | {
                "unmatched": unmatched,
                "verdict": "contradicted" if unmatched else "confirmed" if fresh else "unverified",
            },
            "unanswered": sum(thread.reply_needed_since is not None for thread in self.kept.values()),
        }

    def _postage_today(self, now: datetime) -> Json:
        day = now.astimezone(CARRIERS_CALENDAR).date()
        entries = [entry for entry in entries_of(self.rows.values(), self.carrier) if entry.day == day]
        bought = [entry.cents for entry in entries if entry.kind == "purchase"]
        undone = [-entry.cents for entry in entries if entry.kind != "purchase"]
        return {
            "day": day.isoformat(),
            "currency": "CAD",
            "labels": len(bought),
            "bought_cents": sum(bought),
            "undone_cents": sum(undone),
        }


def _place(after: Json) -> Place:
    deadline = after["deadline"]
    moment = NEVER if deadline == "infinity" else datetime.fromisoformat(deadline)
    return (not after["attention"], moment, after["order_id"])


def _next(place: Place) -> Json:
    others, deadline, order_id = place
    return {
        "attention": not others,
        "deadline": "infinity" if deadline == NEVER else deadline.isoformat(),
        "order_id": order_id,
    }
