"""Stage 5: compares our orders with the marketplace's, and our labels with the carrier's lists.

The other side of the account is what these list themselves, asked through the same clients as everything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any

from shared.clock import Clock
from shared.fulfillment.carrier import Bought, Carrier, Carriers, LabelShelf, Listed, Progress, Unknown
from shared.fulfillment.findings import Kind, about_order
from shared.fulfillment.orders import UNSHIPPED, OrderState
from shared.fulfillment.ports import Marketplace, MarketplaceOrder, MarketplaceState, NotSent, Unclear
from shared.fulfillment.reading import GROUP, follow_all, report_unreadable, wait_and_call
from shared.fulfillment.sequence import StageRun
from shared.fulfillment.store import KnownOrder, OutsideStore

CURSOR = "closed orders"
OVERLAP = timedelta(minutes=10)
"""Reads so much before the cursor again, because the marketplace has its own clock and order of writing."""

OPEN = (
    MarketplaceState.STAGING,
    MarketplaceState.WAITING_ACCEPTANCE,
    MarketplaceState.WAITING_DEBIT,
    MarketplaceState.WAITING_DEBIT_PAYMENT,
    MarketplaceState.SHIPPING,
)
CLOSED = (
    MarketplaceState.SHIPPED,
    MarketplaceState.TO_COLLECT,
    MarketplaceState.RECEIVED,
    MarketplaceState.CLOSED,
    MarketplaceState.REFUSED,
    MarketplaceState.CANCELED,
)
_SENT = (
    MarketplaceState.SHIPPED,
    MarketplaceState.TO_COLLECT,
    MarketplaceState.RECEIVED,
    MarketplaceState.CLOSED,
)
_STOPPED = (MarketplaceState.REFUSED, MarketplaceState.CANCELED)
ENDS_AS = {OrderState.SHIPPED: _SENT, OrderState.REFUSED: _STOPPED, OrderState.CANCELLED: _STOPPED}
EVERY = timedelta(hours=20)
"""The time between two looks at the carrier, so that each day has one."""

MOST_DAYS = 90
"""The carrier's lists of so many days are read again after a time without a look."""

CALENDAR = timezone(timedelta(hours=-5))
"""The carrier's days begin about then; the look reads a day more at both ends."""


@dataclass
class Look:
    """The days and APIs that a look at the carrier covers, and its problems."""

    first: date
    last: date
    backends: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class CheckTerms:
    """`looks_for_scans`: shipping waits until the carrier has the parcel. `keep_for`: personal data of ended orders."""

    looks_for_scans: bool = False
    keep_for: timedelta = timedelta(days=365)


@dataclass(frozen=True)
class OutsideCheck:
    marketplace: Marketplace
    carriers: Carriers
    store: OutsideStore
    shelf: LabelShelf
    terms: CheckTerms
    clock: Clock

    def __call__(self, run: StageRun, day: date | None = None, *, carrier_now: bool = False) -> None:
        """Looks at the marketplace, and at the carrier when that is due or asked for.

        `day` is a day of the carrier's calendar to look at. Raises VendorUnavailable, StoreUnavailable.
        """
        self._look_at_marketplace(run)
        if self.terms.looks_for_scans:
            self._look_for_scans(run)
        last = self.store.last_complete_look("carrier")
        if day or carrier_now or last is None or self.clock() - last >= EVERY:
            self._look_at_carrier(run, self._look(last, day), verifies=day is None)
            self._forget(run)

    def preview(self, limit: int) -> list[str]:
        """Returns the orders that we believe open."""
        return [order.order_id for order in self.store.orders_in(UNSHIPPED, min(limit, 1000))]

    # --- the marketplace --------------------------------------------------------------------------------------

    def _look_at_marketplace(self, run: StageRun) -> None:
        began = self.clock()
        since = self.store.read_cursor(CURSOR)
        if since is None:  # noted now: a first look that fails must not hide what closes until the next one
            since = began
            self.store.move_cursor(CURSOR, since)
        is_open: set[str] = set()
        newest = since
        for page in self.marketplace.listed(OPEN):
            report_unreadable(run, self.store, page.problems)
            is_open.update(order.order_id for order in page.orders)
            self._compare(run, page.orders)
            if not run.may_go_on():
                self._note(run, "marketplace", began, complete=False)
                return
        for page in self.marketplace.listed(CLOSED, since - OVERLAP):
            report_unreadable(run, self.store, page.problems)
            self._compare(run, page.orders)
            newest = max([newest, *(order.updated_at for order in page.orders)])
            if not run.may_go_on():
                self._note(run, "marketplace", began, complete=False)
                return
        self._look_for_missing(run, is_open)
        self.store.move_cursor(CURSOR, newest)
        self._note(run, "marketplace", began, complete=run.may_go_on())

    def _compare(self, run: StageRun, orders: Sequence[MarketplaceOrder]) -> None:
        """Takes orders in that we do not have, and follows those that we have."""
        if not orders:
            return
        run.counts["listed"] += len(orders)
        run.counts["taken_in"] += self.store.store_orders(orders, run.stage)
        ids = [order.order_id for order in orders]
        known = self.store.orders_by_id(ids)
        shown = {order.order_id: order for order in orders}
        # one that was shipped before we saw it is accepted first, then shipped
        while follow_all(self.store, known, shown, run):
            known = self.store.orders_by_id(ids)
        self.store.end_findings(Kind.NOT_AT_MARKETPLACE, ids)
        self._look_at_ended(run, known)

    def _look_at_ended(self, run: StageRun, known: Sequence[KnownOrder]) -> None:
        """An order that has ended here and is open there is read again: it may have ended a moment ago."""
        doubtful = [
            order.order_id
            for order in known
            if order.state not in UNSHIPPED and order.marketplace_state not in ENDS_AS[order.state]
        ]
        here = {order.order_id: order.state for order in known}
        still = [
            order.order_id
            for order in (self.marketplace.orders(doubtful).orders if doubtful else ())
            if order.state not in ENDS_AS[here[order.order_id]]
        ]
        self.store.end_findings(
            Kind.OPEN_AT_MARKETPLACE, [order.order_id for order in known if order.order_id not in still]
        )
        reason = "it has ended here, but the marketplace shows it open, or ended otherwise"
        self.store.add_findings(
            [about_order(Kind.OPEN_AT_MARKETPLACE, each, reason) for each in still], run.stage
        )

    def _look_for_missing(self, run: StageRun, is_open: set[str]) -> None:
        """Reads our open orders by id that the marketplace did not list as open."""
        after: str | None = None
        while run.may_go_on() and (group := self.store.orders_in(UNSHIPPED, GROUP, after)):
            after = group[-1].order_id
            missing = [order.order_id for order in group if order.order_id not in is_open]
            if not missing:
                continue
            page = self.marketplace.orders(missing)
            report_unreadable(run, self.store, page.problems)
            self._compare(run, page.orders)
            found = {order.order_id for order in page.orders} | {each.ident for each in page.problems}
            reason = "the marketplace does not have this order"
            unknown = [
                about_order(Kind.NOT_AT_MARKETPLACE, each, reason) for each in missing if each not in found
            ]
            self.store.add_findings(unknown, run.stage)
            for finding in unknown:
                run.failed(finding.subject, finding.reason)

    def _forget(self, run: StageRun) -> None:
        """Files go first: while their paths are known, a failure is made good by the next run."""
        before = self.clock() - self.terms.keep_for
        self.store.forget_old_answers(before)
        while run.may_go_on():
            order_ids, paths = self.store.data_to_forget(before, GROUP)
            if not order_ids:
                return
            self.shelf.remove(paths)
            self.store.forget_personal_data(order_ids)
            run.counts["forgotten"] += len(order_ids)

    # --- the carrier ------------------------------------------------------------------------------------------

    def _look(self, last: datetime | None, day: date | None) -> Look:
        today = self.clock().astimezone(CALENDAR).date()
        if day:
            return Look(day - timedelta(days=1), min(day + timedelta(days=1), today))
        begins = [today, *([last.astimezone(CALENDAR).date()] if last else [])]
        unconfirmed = self.store.oldest_unconfirmed_sale()
        if unconfirmed:
            begins.append(unconfirmed.astimezone(CALENDAR).date())
        return Look(max(min(begins) - timedelta(days=1), today - timedelta(days=MOST_DAYS)), today)

    def _look_at_carrier(self, run: StageRun, look: Look, *, verifies: bool) -> None:
        """Only a look at all days since the last one verifies the account."""
        began = self.clock()
        for carrier in self.carriers.all():
            look.backends.append(carrier.name)
            for day in look.days():
                if not run.may_go_on() or not self._read_day(run, carrier, day, look):
                    look.problems.append(f"{carrier.name}: not all of {day} was read")
                    break
        for backend in self.store.backends_of_sales():
            if self.carriers.of(backend) is None:
                look.problems.append(f"{backend}: there are no credentials for it")
        result = self.store.match_carrier(look.backends, look.first, look.last, run.stage)
        run.counts["unmatched"] += sum(result["unmatched"].values())
        days = {"first": look.first.isoformat(), "last": look.last.isoformat(), "problems": look.problems}
        self._note(run, "carrier", began, complete=verifies and not look.problems, **(result | days))

    def _read_day(self, run: StageRun, carrier: Carrier, day: date, look: Look) -> bool:
        """False when the carrier did not tell everything."""
        listed = wait_and_call(run, lambda: carrier.listed(day))
        if isinstance(listed, Unclear | NotSent):
            look.problems.append(f"{carrier.name}: {listed.message}")
            return False
        unread = self.store.store_carrier_day(carrier.name, day, listed)
        run.counts["labels_listed"] += len(listed)
        return all(run.may_go_on() and self._read_shipment(run, carrier, each, look) for each in unread)

    def _read_shipment(self, run: StageRun, carrier: Carrier, listed: Listed, look: Look) -> bool:
        found = wait_and_call(run, lambda: carrier.read(listed.link))
        if isinstance(found, Bought):
            self.store.store_carrier_shipment(carrier.name, found)
            run.counts["labels_read"] += 1
        elif not isinstance(found, Unknown):  # one that is gone meanwhile is no longer listed the next time
            look.problems.append(f"{carrier.name}: {found.message}")
            return False
        return True

    def _look_for_scans(self, run: StageRun) -> None:
        after: str | None = None
        while run.may_go_on() and (group := self.store.shipments_to_scan(GROUP, after)):
            after = group[-1].id
            for shipment in group:
                carrier = self.carriers.of(shipment.backend)
                if not carrier or not shipment.tracking_number or not run.may_go_on():
                    continue
                seen = wait_and_call(run, partial(carrier.progress, shipment.tracking_number))
                if isinstance(seen, NotSent):
                    return
                if isinstance(seen, Progress) and seen.handed_over:
                    self.store.note_scanned(shipment.id)
                    run.counts["scanned"] += 1

    def _note(self, run: StageRun, source: str, began: datetime, *, complete: bool, **result: Any) -> None:  # noqa: ANN401 - JSON
        counted = {name: run.counts[name] for name in ("listed", "taken_in") if source == "marketplace"}
        self.store.note_outside_check(source, began, complete=complete, result=counted | result)
        run.counts["looks"] += 1
