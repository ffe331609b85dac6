"""The reports of the in-memory order store."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.errors import Conflict
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json, OrderFilter
from tests.memory.order_outside import CARRIERS_CALENDAR
from tests.memory.order_page import page_of
from tests.memory.order_people import RETRIES
from tests.memory.order_postage import entries_of, ledger
from tests.memory.order_reasons import reasons_of
from tests.memory.order_rows import Order, Shipment
from tests.memory.order_states import ENDS
from tests.memory.order_undo import InMemoryUndos

S = OrderState
IN_PROGRESS = ("pending_acceptance", "accepted", "label_unknown", "label_created")
UNMATCHED = (
    Kind.UNREADABLE,
    Kind.NOT_AT_MARKETPLACE,
    Kind.OPEN_AT_MARKETPLACE,
    Kind.SOLD_UNKNOWN,
    Kind.NOT_SOLD,
    Kind.SOLD_TWICE,
    Kind.PRICE_DIFFERS,
    Kind.NUMBER_DIFFERS,
)
LOOKS = {"marketplace": timedelta(hours=1), "carrier": timedelta(hours=26)}
NEVER = datetime.max.replace(tzinfo=UTC)


class InMemoryOrderReports(InMemoryUndos):
    """The store with all calls of OrderReports."""

    def _asking(self) -> set[str]:
        return {reason.order_id for reason in reasons_of(self.rows.values(), self._open(), self.clock())}

    def _wanted(self, wanted: OrderFilter) -> list[tuple[datetime, str]]:
        """Deadlines and ids, the oldest first."""
        asking = self._asking()
        return sorted(
            (order.facts.ship_before or NEVER, order.order_id)
            for order in self.rows.values()
            if (not wanted.states or order.state in wanted.states)
            and (not wanted.order_ids or order.order_id in wanted.order_ids)
            and (
                wanted.day is None or order.first_seen.astimezone(ZoneInfo(wanted.zone)).date() == wanted.day
            )
            and (
                wanted.ship_before is None
                or (order.facts.ship_before is not None and order.facts.ship_before < wanted.ship_before)
            )
            and (wanted.attention is None or wanted.attention is (order.order_id in asking))
        )

    def list_orders(self, wanted: OrderFilter, limit: int, after: Json | None) -> Json:
        keys = self._wanted(wanted)
        start = (datetime.fromisoformat(after["deadline"]), after["order_id"]) if after else None
        page = [key for key in keys if start is None or key > start][:limit]
        last = {"deadline": page[-1][0].isoformat(), "order_id": page[-1][1]} if page else None
        return {
            "total": len(keys),
            "orders": [self._report(self.rows[order_id]) for _, order_id in page],
            "next": last if len(page) == limit else None,
        }

    def order_status(self, order_id: str) -> Json:
        order = self._order(order_id)
        threads = [thread for thread in self.kept.values() if order_id in thread.order_ids]
        page = page_of(order, self._of_order(order_id), self.carrier.values(), self._why_unmended(order))
        return (
            self._report(order)
            | page
            | {
                "decided": [each for each in self.said if each["order_id"] == order_id],
                "messages": {
                    "unanswered": sum(thread.reply_needed_since is not None for thread in threads),
                    "threads": [{"thread_id": thread.thread_id, "topic": thread.topic} for thread in threads],
                },
                "closed_findings": [
                    row.to_json() for row in self.found if row.order_id == order_id and row.closed_at
                ],
            }
        )

    def retry_orders(
        self,
        wanted: OrderFilter,
        limit: int,
        by: str,
        note: str,
        *,
        dry_run: bool,
        anyway: bool = False,
    ) -> Json:
        retried: list[str] = []
        left: list[Json] = []
        for order_id in sorted(key[1] for key in self._wanted(wanted))[:limit]:
            try:
                if not dry_run:
                    self.retry_order(order_id, by, note, anyway=anyway)
                elif not anyway and (why := self._why_unmended(self.rows[order_id])):
                    raise Conflict(why)  # noqa: TRY301 - the same end as the real retry
                elif self.rows[order_id].state not in RETRIES and not self._of_order(
                    order_id, Kind.NO_PARCEL, Kind.OTHER_API
                ):
                    raise Conflict("there is nothing to retry")  # noqa: TRY301 - the same end as the real retry
            except Conflict as refusal:
                left.append({"order_id": order_id, "reason": str(refusal)})
            else:
                retried.append(order_id)
        return {"retried": retried, "left": left, "dry_run": dry_run}

    def guessed_skus(self, limit: int) -> list[Json]:
        pairs = {
            (line.sku, order.order_id, line.title)
            for order in self.rows.values()
            if order.state not in ENDS
            for line in order.facts.lines
            if line.sku not in self.sizes
        }
        counts = Counter(sku for sku, _, _ in pairs)
        titles = {sku: max(title for each, _, title in pairs if each == sku) for sku in counts}
        found = sorted(counts, key=lambda sku: (-counts[sku], sku))[:limit]
        return [{"sku": sku, "title": titles[sku], "orders": counts[sku]} for sku in found]

    def postage(self, first: date | None, last: date | None, by: str) -> Json:
        last = last or self.clock().astimezone(CARRIERS_CALENDAR).date()
        first = first or last.replace(day=1)
        return ledger(entries_of(self.rows.values(), self.carrier), first, last, by)

    # --- the account

    def reconcile_orders(self, day: date | None, zone: str = "UTC") -> Json:
        place = ZoneInfo(zone)
        orders = [
            order for order in self.rows.values() if day in (None, order.first_seen.astimezone(place).date())
        ]
        asking = self._asking()
        places = Counter(
            "with_a_person" if order.state not in ENDS and order.order_id in asking else str(order.state)
            for order in orders
        )
        sides = {place: places[place] for place in ("shipped", "with_a_person", "cancelled", "refused")}
        in_progress = {state: places[state] for state in IN_PROGRESS}
        labels = _labels(orders)
        outside = {source: self._last_look(source) for source in LOOKS}
        unmatched = len(self._open(*UNMATCHED))
        adds_up = labels["unaccounted"] == 0 and sum((*sides.values(), *in_progress.values())) == len(orders)
        fresh = all(look["fresh"] for look in outside.values())
        verdict = "balanced" if fresh else "unverified"
        verdict = verdict if adds_up and not unmatched else "unbalanced"
        return {
            "day": day and day.isoformat(),
            "seen": len(orders),
            "lost": 0,
            "in_progress": in_progress,
            **sides,
            "labels": labels,
            "outside": outside | {"unmatched": unmatched},
            "adds_up": adds_up,
            "verdict": verdict,
            "balanced": verdict == "balanced",
        }

    def _last_look(self, source: str) -> Json:
        last, now = self.last_complete_look(source), self.clock()
        return {
            "checked_at": last and last.isoformat(),
            "age_seconds": last and int((now - last).total_seconds()),
            "fresh": last is not None and last + LOOKS[source] > now,
        }


def _labels(orders: list[Order]) -> Json:
    labels = [shipment for order in orders for shipment in order.shipments]
    states = Counter(label.state for label in labels)
    bought = sum(label.bought is not None for label in labels)
    twice = sum(len(label.also_sold) for label in labels)
    not_called = sum(label.state == "requested" and label.called_at is None for label in labels)
    on_the_shelf = sum(label.is_shelved for label in labels)
    unwanted = sum(label.state == "bought" and not label.wanted for label in labels)
    return {
        "asked": len(labels),
        "refused": states["failed"],
        "not_called": not_called,
        "unknown": states["unknown"] + states["requested"] - not_called,
        "bought": bought,
        "on_the_shelf": on_the_shelf,
        "pdf_pending": states["bought"] - on_the_shelf - unwanted,
        "undo_to_prepare": unwanted,
        "undo_due": states["undo_due"],
        "undo_asked": states["undo_asked"],
        "undone": states["voided"] + states["refunded"] + states["disputed"],
        "sold_twice": twice,
        "sold": bought + twice,
        "unaccounted": sum(not _fits(order.state, order.current) for order in orders),
    }


def _fits(state: OrderState, live: Shipment | None) -> bool:
    if live is None or not live.live:
        return state not in (S.LABEL_UNKNOWN, S.LABEL_CREATED, S.TRACKING_FAILED)
    if live.state == "requested":
        return state is S.ACCEPTED
    if live.state == "unknown":
        return state is S.LABEL_UNKNOWN
    if live.label_path is None:
        return state in (S.ACCEPTED, S.LABEL_UNKNOWN)
    return state in (S.LABEL_CREATED, S.TRACKING_FAILED, S.SHIPPED)
