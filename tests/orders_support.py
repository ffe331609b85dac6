"""Fulfillment on the vendors' sandboxes and a real database, in virtual time, with actions and checks."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from infra.local.functions import DEFAULTS
from shared.clock import Clock, system_clock
from shared.cloud.order_store import SupabaseOrderStore
from shared.cloud.storage import SupabaseLabelShelf
from shared.cloud.supabase import SupabaseRpc
from shared.errors import Conflict, NotFound, SwitchyardError
from shared.fulfillment.accept import Acceptance
from shared.fulfillment.carrier import Carriers
from shared.fulfillment.label import LabelPurchase
from shared.fulfillment.messages import MessageSync
from shared.fulfillment.orders import Move, OrderState
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.reconcile import CheckTerms, OutsideCheck
from shared.fulfillment.request import LabelTerms
from shared.fulfillment.sequence import LEASE, LONGEST_WAIT, Firing, StageRun, StageRunner, firing_of
from shared.fulfillment.shelving import Shelving
from shared.fulfillment.track import TrackingUpdate
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.mirakl.client import READS, MiraklBounds, MiraklMarketplace
from tests import canada_post_support, mirakl_support
from tests.laptop.vendors import sandboxes
from tests.memory.clock import SettableClock
from tests.postgres_support import Database
from tests.rest_support import Rest
from tests.waiting import wait_until
from tests.web_support import ROOT

Json = dict[str, Any]

ACCEPT, LABEL, TRACK, MESSAGES = "accept-orders", "create-labels", "update-tracking", "sync-messages"
RECONCILE = "reconcile-orders"
PIPELINE = load_pipeline()
CYCLE = timedelta(minutes=PIPELINE.interval_minutes)
BEGIN = sandboxes.NOON
FAILED = frozenset({"acceptance_failed", "label_failed", "tracking_failed"})
ENDS = frozenset({"shipped", "refused", "cancelled"})
TERMS = LabelTerms(
    "DOM.EP",
    ("DC",),
    ParcelSize(weight=Decimal(1), length=Decimal(30), width=Decimal(20), height=Decimal(10)),
)

ONE_STAGE = """
import sys, functions_framework
name = sys.argv[1]
functions_framework.create_app(name, f"functions/{name}.py").test_client().post("/", json={"cycle": sys.argv[2]})
"""
"""A deployed function in its own process, which serves one request."""


def shop_day() -> date:
    """Today where the shop is; it is not the day of UTC in the evening."""
    return system_clock().astimezone(ZoneInfo("America/Toronto")).date()


@dataclass(frozen=True)
class Vendors:
    """Both sandboxes; one pair serves all tests of a process."""

    market: sandboxes.MiraklSandbox
    post: sandboxes.CanadaPostSandbox


@contextmanager
def running_vendors(folder: Path) -> Iterator[Vendors]:
    with (
        sandboxes.mirakl(folder / "mirakl", "--api-key", sandboxes.SHOP_KEY) as market,
        sandboxes.canada_post(folder / "canada-post") as post,
    ):
        yield Vendors(market, post)


@dataclass
class RunningFulfillment:
    """All parts but the vendors are in this process. `carrier` uses `backend`, json or xml."""

    vendors: Vendors
    rest: Rest
    database: Database
    clock: SettableClock
    http: httpx.Client
    store: SupabaseOrderStore
    marketplace: MiraklMarketplace
    carrier: CanadaPost
    backend: str
    shelf: SupabaseLabelShelf
    other: CanadaPost
    """The carrier's other API, for which there are no credentials unless it is among `other_carriers`."""

    other_carriers: Sequence[CanadaPost] = ()
    terms: LabelTerms = TERMS
    check_terms: CheckTerms = field(default_factory=CheckTerms)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def market(self) -> sandboxes.MiraklSandbox:
        return self.vendors.market

    @property
    def post(self) -> sandboxes.CanadaPostSandbox:
        return self.vendors.post

    # --- time -----------------------------------------------------------------------------------------------

    def at(self, now: datetime) -> None:
        """Sets the time of the stages, the database and both vendors."""
        self.clock.now = now
        for vendor in (self.market, self.post):
            vendor.control("PUT", "clock", {"now": now.isoformat()})

    def at_the_real_time(self) -> None:
        """Deployed functions know only the real time."""
        self.at(system_clock())

    def advance(self, seconds: float) -> None:
        self.at(self.clock.now + timedelta(seconds=seconds))

    def most_parcels(self, number: int) -> None:
        """Sets PARCELS_MOST."""
        self.terms = replace(self.terms, most_parcels=number)

    # --- stages ---------------------------------------------------------------------------------------------

    @property
    def carriers(self) -> Carriers:
        return Carriers(self.carrier, self.other_carriers)

    def work(self, stage: str) -> Callable[[StageRun], None]:
        carriers = self.carriers
        match stage:
            case "accept-orders":
                return Acceptance(
                    self.marketplace,
                    self.store,
                    TERMS.default_size,
                    self.advance,
                    self.terms.most_parcels,
                )
            case "create-labels":
                shelving = Shelving(carriers, self.store, self.shelf, self.advance)
                return LabelPurchase(
                    self.marketplace, carriers, self.store, shelving, self.terms, self.clock, self.advance
                )
            case "update-tracking":
                return TrackingUpdate(
                    self.marketplace, self.store, "CPCL", waits_for_scan=self.check_terms.looks_for_scans
                )
            case "reconcile-orders":
                return OutsideCheck(
                    self.marketplace, carriers, self.store, self.shelf, self.check_terms, self.clock
                )
            case _:
                return MessageSync(self.marketplace, self.store, self.shelf, self.clock)

    def fire(
        self, stage: str, *, limit: int = 1000, firing: Firing | None = None, clock: Clock | None = None
    ) -> Json:
        """Runs a stage, by default by hand in a new cycle. Raises the stage's errors."""
        runner = StageRunner(self.store, PIPELINE, clock or self.clock, self.advance)
        return runner.run(stage, firing or Firing(f"by-hand-{next(self.numbers)}"), limit, self.work(stage))

    def look_outside(self, day: date | None = None) -> Json:
        """Compares the account with marketplace and carrier now; returns the account."""
        runner = StageRunner(self.store, PIPELINE, self.clock, self.advance)
        check = OutsideCheck(
            self.marketplace, self.carriers, self.store, self.shelf, self.check_terms, self.clock
        )
        work = partial(check, day=day, carrier_now=True)
        runner.run(RECONCILE, Firing(f"by-hand-{next(self.numbers)}"), 1000, work)
        return self.store.reconcile_orders(None)

    def findings(self) -> dict[str, list[str]]:
        """The subjects of the open findings, by kind."""
        found: dict[str, list[str]] = {}
        for finding in self.store.findings(None, 1000, 0)["findings"]:
            found.setdefault(finding["kind"], []).append(finding["subject"])
        return found

    def reasons(self, order_id: str) -> list[str]:
        """Why a person must look at the order."""
        return [str(each["reason"]) for each in self.status(order_id)["reasons"]]

    def cycle(self) -> dict[str, Json]:
        """Runs the next scheduled cycle, each stage at its minute. The answer of a failed stage is its error."""
        begin = PIPELINE.cycle_begin(self.clock.now) + CYCLE
        answers: dict[str, Json] = {}
        for stage in PIPELINE.stages:
            due = begin + timedelta(minutes=stage.offset_minutes)
            self.at(max(due, self.clock.now))
            try:
                answers[stage.name] = self.fire(stage.name, firing=firing_of(due, None, PIPELINE))
            except SwitchyardError as error:
                answers[stage.name] = {"error": error.code, "detail": error.detail}
        return answers

    def cycle_until_settled(self, *order_ids: str, cycles: int = 20) -> None:
        """Runs cycles until each order has ended or is with a person."""
        for _ in range(cycles):
            if all(self.is_settled(order_id) for order_id in order_ids):
                return
            self.cycle()
        raise AssertionError([self.status(order_id) for order_id in order_ids])

    # --- orders ---------------------------------------------------------------------------------------------

    def waiting(self, number: int = 1, **spec: object) -> list[str]:
        """New orders at the marketplace that no stage has seen."""
        return list(self.market.control("POST", "orders", {"orders": [spec] * number})["order_ids"])

    def accepted(self, number: int = 1, **spec: object) -> list[str]:
        """Accepted orders without labels, here and at the marketplace."""
        order_ids = self.waiting(number, **({"state": "SHIPPING"} | spec))
        self.see(order_ids)
        states = OrderState.PENDING_ACCEPTANCE, OrderState.ACCEPTED
        self.store.move_orders([Move(each, *states, "arranged") for each in order_ids], ACCEPT)
        return order_ids

    def labelled(self, number: int = 1) -> list[str]:
        """Orders with labels that are not shipped yet."""
        order_ids = self.accepted(number)
        self.fire(LABEL)
        assert {self.state(each) for each in order_ids} <= {"label_created"}
        return order_ids

    def status(self, order_id: str) -> Json:
        return self.store.order_status(order_id)

    def state(self, order_id: str) -> str:
        return str(self.status(order_id)["state"])

    def path(self, order_id: str) -> list[str]:
        """The states of the order, in sequence."""
        return [str(move["to_state"]) for move in self.status(order_id)["history"]]

    def is_with_a_person(self, order_id: str) -> bool:
        return bool(self.status(order_id)["attention"])

    def is_settled(self, order_id: str) -> bool:
        try:
            status = self.status(order_id)
        except NotFound:
            return False
        return status["state"] in ENDS or status["state"] in FAILED

    def see(self, order_ids: Sequence[str]) -> None:
        """Stores new orders, as `accept-orders` does first."""
        self.store.store_orders(self.marketplace.orders(order_ids).orders, ACCEPT)

    # --- faults ---------------------------------------------------------------------------------------------

    def _url(self, part: str) -> str:
        return {"market": self.market.url, "post": self.post.url, "rest": self.rest.url}[part]

    def disturb(self, part: str, *faults: Mapping[str, object], seed: int = 1) -> None:
        """Sets faults of `market`, `post` or `rest` as in `laptop/faults.py`; without one, removes them."""
        order = {"seed": seed, "faults": faults}
        self.http.put(f"{self._url(part)}/_control/faults", json=order).raise_for_status()

    def struck(self, part: str) -> int:
        """The number of requests that the part's faults have struck."""
        report = self.http.get(f"{self._url(part)}/_control/faults").raise_for_status().json()
        return sum(fault["struck"] for fault in report["faults"])

    def kill_while_held(self, function: str, part: str, fault: Mapping[str, object]) -> None:
        """Runs the deployed function in its own process and kills it by SIGKILL while the fault holds it."""
        self.disturb(part, fault)
        process = subprocess.Popen(
            [sys.executable, "-c", ONE_STAGE, function, f"killed-{next(self.numbers)}"],
            cwd=ROOT,
            env=os.environ | self.environment(),
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: self.struck(part) > 0 or process.poll() is not None)
            assert process.poll() is None, "the stage ended without having met the fault"
        finally:
            process.kill()
            process.wait()
            self.disturb(part)
            self.at_the_real_time()

    def outlive_the_lease(self, stage: str) -> None:
        """Waits for the lease of a killed stage, which blocks its next firing."""
        with pytest.raises(Conflict):
            self.fire(stage)
        self.advance(LEASE.total_seconds())

    def environment(self) -> dict[str, str]:
        """The settings of a deployed function that works here."""
        return {
            **DEFAULTS,
            "SUPABASE_URL": self.rest.url,
            "SUPABASE_SERVICE_ROLE_KEY": self.rest.service_key,
            "MIRAKL_API_BASE": self.market.url,
            "BEST_BUY_API_KEY": sandboxes.SHOP_KEY,
            "CANADA_POST_BACKEND": self.backend,
            "CANADA_POST_API_BASE": self.post.url,
            "CANADA_POST_API_USER": "our-user",
            "CANADA_POST_API_PASSWORD": "our-word",
        }

    # --- what is there afterwards ---------------------------------------------------------------------------

    def sold(self, order_id: str) -> int:
        """The labels that the carrier sold for an order, by its ledger."""
        return int(self.post.books(reference=order_id)["labels_sold"])

    def reads(self) -> int:
        """The marketplace's calls that only read orders."""
        return len(self.market.calls("OR11"))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query, values).fetchall()

    def assert_balanced(self) -> Json:
        """Each order has one place, and the carrier sold exactly the labels that we know."""
        sides = self.store.reconcile_orders(None)
        assert sides["adds_up"], sides
        assert sides["outside"]["unmatched"] == 0, self.store.findings(None, 50, 0)
        ours = {order_id for (order_id,) in self.rows("select order_id from orders")}
        ledger: Mapping[str, int] = self.post.books()["references"]
        at_the_carrier = sum(sold for order_id, sold in ledger.items() if order_id in ours)
        sold = sides["labels"]["sold"]
        assert sold <= at_the_carrier <= sold + sides["labels"]["unknown"], sides
        return sides

    def assert_shipped_with_one_label(self, *order_ids: str) -> None:
        """Checks our database, the carrier and the marketplace."""
        for order_id in order_ids:
            status = self.status(order_id)
            assert (status["state"], status["attention"]) == ("shipped", False), status
            assert self.sold(order_id) == 1
            assert self.market.state(order_id) == "SHIPPED"
            assert status["shipment"]["tracking_number"] == status["tracking_number"]
            assert self.shelf.get(status["shipment"]["label_path"]).startswith(b"%PDF-")
        self.assert_balanced()


@contextmanager
def running_fulfillment(
    vendors: Vendors, rest: Rest, database: Database, backend: str = "json"
) -> Iterator[RunningFulfillment]:
    clock = SettableClock(BEGIN)
    with ExitStack() as stack:
        rpc_client = SupabaseRpc(rest.url, rest.service_key, timeout=30)
        stack.callback(rpc_client.close)
        fulfillment = RunningFulfillment(
            vendors=vendors,
            rest=rest,
            database=database,
            clock=clock,
            http=stack.enter_context(httpx.Client(trust_env=False, timeout=30)),
            store=SupabaseOrderStore(rpc_client, clock=clock),
            marketplace=stack.enter_context(
                mirakl_support.marketplace(
                    vendors.market.url,
                    clock=clock,
                    bounds=MiraklBounds(retries=replace(READS, longest_pause=LONGEST_WAIT)),
                    pause=lambda seconds: fulfillment.advance(seconds),  # noqa: PLW0108 - the object is made of it
                )
            ),
            carrier=stack.enter_context(canada_post_support.client(backend, vendors.post.url, clock=clock)),
            backend=backend,
            other=stack.enter_context(
                canada_post_support.client(
                    "xml" if backend == "json" else "json", vendors.post.url, clock=clock
                )
            ),
            shelf=stack.enter_context(
                closing(SupabaseLabelShelf(rest.url, rest.service_key, bucket="labels", timeout=30))
            ),
        )
        vendors.market.calm()
        vendors.post.calm()
        fulfillment.at(BEGIN)
        yield fulfillment
