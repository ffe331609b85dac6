"""The carrier's and the marketplace's side in the in-memory order store."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.fulfillment.carrier import Bought, Listed
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState, ShipmentFacts
from shared.fulfillment.store import Json
from tests.memory.order_messages import InMemoryMessages
from tests.memory.order_reasons import reasons_of
from tests.memory.order_rows import UNSETTLED, CarrierRow, Order, Shipment
from tests.memory.order_states import ENDS, same_number

CARRIERS_CALENDAR = ZoneInfo("America/Toronto")
MATCHED = (Kind.SOLD_UNKNOWN, Kind.SOLD_TWICE, Kind.PRICE_DIFFERS, Kind.NUMBER_DIFFERS, Kind.NOT_SOLD)
Unmatched = tuple[Kind, str, str | None, str]


@dataclass
class LookRow:
    source: str
    began_at: datetime
    complete: bool
    result: Json


@dataclass
class InMemoryOutside(InMemoryMessages):
    """Implements OutsideStore."""

    looks: list[LookRow] = field(default_factory=list)
    carrier: dict[tuple[str, str], CarrierRow] = field(default_factory=dict)

    def note_outside_check(self, source: str, began_at: datetime, *, complete: bool, result: Json) -> None:
        self.looks.append(LookRow(source, min(began_at, self.clock()), complete, result))

    def last_complete_look(self, source: str) -> datetime | None:
        return max(
            (look.began_at for look in self.looks if look.complete and look.source == source), default=None
        )

    def _unconfirmed(self) -> list[Shipment]:
        seen_to = {row.subject for row in self.found if row.kind == Kind.NOT_SOLD and row.closed_by}
        return [
            shipment
            for _, shipment in self._all()
            if shipment.bought
            and shipment.state != "voided"
            and (shipment.backend, shipment.bought.shipment_id) not in self.carrier
            and shipment.bought.shipment_id not in seen_to
        ]

    def oldest_unconfirmed_sale(self) -> datetime | None:
        return min((each.bought_at for each in self._unconfirmed() if each.bought_at), default=None)

    def backends_of_sales(self) -> Sequence[str]:
        return sorted({shipment.backend for shipment in self._unconfirmed()})

    def store_carrier_day(self, backend: str, day: date, listed: Sequence[Listed]) -> Sequence[Listed]:
        now = self.clock()
        for each in listed:
            key = (backend, each.shipment_id)
            row = self.carrier.get(key)
            if row is None or not row.is_listed:
                row = self.carrier[key] = CarrierRow(each.link, day, now)
            row.link, row.day, row.seen_at = each.link, day, now
        ids = {each.shipment_id for each in listed}
        for (at, shipment_id), row in self.carrier.items():
            if at == backend and row.day == day and shipment_id not in ids and row.seen_at < now:
                row.is_listed = False
        unread = {
            each.shipment_id: each for each in listed if not self.carrier[backend, each.shipment_id].shown
        }
        return [unread[each] for each in sorted(unread)]

    def store_carrier_shipment(self, backend: str, bought: Bought) -> None:
        row = self.carrier.get((backend, bought.shipment_id))
        if row:
            row.shown = bought

    def match_carrier(self, backends: Sequence[str], first: date, last: date, stage: str) -> Json:  # noqa: ARG002 - for people
        listed = {
            key: row
            for key, row in self.carrier.items()
            if key[0] in backends and first <= row.day <= last and row.is_listed
        }
        gone = [
            key
            for key, row in self.carrier.items()
            if key[0] in backends and first <= row.day <= last and not row.is_listed
        ]
        unmatched = [*self._wrong(listed), *self._not_listed(backends, first, last), *self._left(gone)]
        still = {each[:2] for each in unmatched}
        asked = {
            key[1] for key, row in self.carrier.items() if key[0] in backends and first <= row.day <= last
        }
        asked |= {
            each.bought.shipment_id for _, each in self._bought_within(backends, first, last) if each.bought
        }
        for finding in self._open(*MATCHED):
            if finding.subject in asked and (finding.kind, finding.subject) not in still:
                finding.closed_at = self.clock()
        for kind, subject, order_id, reason in sorted(unmatched, key=lambda each: each[:2]):
            self._add(kind, subject, order_id, reason)
        return {
            "listed": len(listed),
            "unread": sum(row.shown is None for row in listed.values()),
            "unmatched": dict(Counter(str(each[0]) for each in unmatched)),
        }

    def _ours(self, backend: str, shipment_id: str) -> tuple[Order, Shipment] | None:
        at = [pair for pair in self._all() if pair[1].backend == backend]
        first = [(o, s) for o, s in at if s.bought and s.bought.shipment_id == shipment_id]
        return next(iter([*first, *((o, s) for o, s in at if shipment_id in s.also_sold)]), None)

    def _wrong(self, listed: dict[tuple[str, str], CarrierRow]) -> Iterator[Unmatched]:
        for (backend, ident), row in listed.items():
            ours = self._ours(backend, ident)
            if ours is None:
                yield from self._unknown(backend, ident, row)
                continue
            order, shipment = ours
            if ident in shipment.also_sold:
                if ident not in shipment.also_sold_seen:
                    why = f"the carrier sold shipment {ident} for request {shipment.request_id}, too"
                    yield Kind.SOLD_TWICE, ident, order.order_id, why
                continue
            known, shown = shipment.bought, row.shown
            if known is None or shown is None:
                continue
            if shown.price is not None and shown.price != known.price:
                noted = "no price" if known.price is None else known.price
                why = f"the carrier charges {shown.price} for shipment {ident}, we noted {noted}"
                yield Kind.PRICE_DIFFERS, ident, order.order_id, why
            if shown.tracking_number and not same_number(shown.tracking_number, known.tracking_number):
                why = f"the carrier's tracking number of shipment {ident} is not the one that we noted"
                yield Kind.NUMBER_DIFFERS, ident, order.order_id, why

    def _unknown(self, backend: str, ident: str, row: CarrierRow) -> Iterator[Unmatched]:
        shown = row.shown
        if shown is None or any(
            s.request_id == shown.request_id and s.backend == backend and s.state in UNSETTLED
            for _, s in self._all()
        ):
            return
        request = shown.request_id
        order_id = shown.reference or (request.rpartition("-")[0] if request else None)
        names = f"request {request or 'unknown'}, tracking number {shown.tracking_number or 'unknown'}"
        why = f"the carrier sold shipment {ident} ({names}), which we do not know"
        yield Kind.SOLD_UNKNOWN, ident, order_id if order_id in self.rows else None, why

    def _bought_within(
        self, backends: Sequence[str], first: date, last: date
    ) -> Iterator[tuple[Order, Shipment]]:
        for order, shipment in self._all():
            if shipment.bought_at and shipment.backend in backends:
                day = shipment.bought_at.astimezone(CARRIERS_CALENDAR).date()
                if first < day < last:
                    yield order, shipment

    def _not_listed(self, backends: Sequence[str], first: date, last: date) -> Iterator[Unmatched]:
        before = self.clock() - timedelta(hours=1)
        for order, shipment in self._bought_within(backends, first, last):
            ident = shipment.bought.shipment_id if shipment.bought else ""
            is_old = shipment.bought_at is not None and shipment.bought_at < before
            if shipment.state != "voided" and is_old and (shipment.backend, ident) not in self.carrier:
                why = f"the carrier does not list shipment {ident}, which we have bought"
                yield Kind.NOT_SOLD, ident, order.order_id, why

    def _left(self, gone: Sequence[tuple[str, str]]) -> Iterator[Unmatched]:
        """Those that the lists had before."""
        for order, shipment in self._all():
            ident = shipment.bought.shipment_id if shipment.bought else ""
            if (shipment.backend, ident) in gone and shipment.state != "voided":
                why = f"the carrier no longer lists shipment {ident}, which we have bought"
                yield Kind.NOT_SOLD, ident, order.order_id, why

    # --- scans

    def shipments_to_scan(self, limit: int, after: str | None = None) -> Sequence[ShipmentFacts]:
        waiting = [
            (shipment.bought_at, shipment.id, shipment)
            for order, shipment in self._all()
            if order.state is OrderState.LABEL_CREATED
            and shipment.wanted
            and shipment.state == "bought"
            and shipment.scanned_at is None
        ]
        found = [each[2].facts() for each in sorted(waiting, key=lambda each: each[:2])]
        first = next((at + 1 for at, facts in enumerate(found) if facts.id == after), 0)
        return found[first : first + limit]

    def note_scanned(self, shipment_id: str) -> None:
        for _, shipment in self._all():
            if shipment.id == shipment_id:
                shipment.scanned_at = shipment.scanned_at or self.clock()

    # --- personal data

    def data_to_forget(self, before: datetime, limit: int) -> tuple[Sequence[str], Sequence[str]]:
        asking = {reason.order_id for reason in reasons_of(self.rows.values(), self._open(), self.clock())}
        old = sorted(
            (order.state_since, order.order_id)
            for order in self.rows.values()
            if order.state in ENDS
            and order.state_since < before
            and not order.forgotten_at
            and order.order_id not in asking
        )
        ids = [order_id for _, order_id in old[:limit]]
        labels = [each.label_path for order_id in ids for each in self.rows[order_id].shipments]
        said = self._only_of(ids)
        files = [f.path for f in self.files.values() if self.messages[f.message_id].thread_id in said]
        return ids, sorted(path for path in (*labels, *files) if path)

    def _only_of(self, order_ids: Sequence[str]) -> set[str]:
        """Conversations that no other order needs."""
        needed = {o.order_id for o in self.rows.values() if not o.forgotten_at} - set(order_ids)
        return {
            thread.thread_id
            for thread in self.kept.values()
            if set(thread.order_ids) & set(order_ids) and not set(thread.order_ids) & needed
        }

    def forget_old_answers(self, before: datetime) -> None:
        """The in-memory store keeps no answers."""

    def forget_personal_data(self, order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            order = self.rows[order_id]
            order.facts, order.own_address = replace(order.facts, address=None), None
            order.forgotten_at = self.clock()
            for shipment in order.shipments:
                shipment.request = {k: v for k, v in shipment.request.items() if k != "destination"}
        said = self._only_of(order_ids)
        for thread_id in said:
            self.kept[thread_id] = replace(self.kept[thread_id], topic="")
        for row in self.messages.values():
            if row.thread_id in said:
                row.message, row.text = replace(row.message, sender="", body="", attachments=()), ""
        for file in self.files.values():
            if self.messages[file.message_id].thread_id in said:
                file.name, file.path, file.problem = "", None, "forgotten"
        for reply in self.replies.values():
            about = reply.reply
            if about.thread_id in said or (about.thread_id is None and about.order_id in order_ids):
                reply.reply = replace(about, body="", topic=about.topic and "")
