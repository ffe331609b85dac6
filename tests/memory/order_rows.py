"""The rows of the in-memory order store."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from uuid import UUID

from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.orders import OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import Address, JsonObject, MarketplaceOrder
from shared.fulfillment.store import Json, KnownLine, KnownOrder

LIVE = ("requested", "unknown", "bought")
UNSETTLED = ("requested", "unknown")


@dataclass
class Run:
    """A stage in a cycle."""

    cycle: str
    stage: str
    owner: UUID
    trigger: str
    lease_until: datetime
    begun_at: datetime
    out_of_order: bool
    state: str = "running"
    tries: int = 1
    result: Json | None = None
    ended_at: datetime | None = None

    def to_json(self) -> Json:
        return {
            "cycle": self.cycle,
            "stage": self.stage,
            "trigger": self.trigger,
            "state": self.state,
            "tries": self.tries,
            "out_of_order": self.out_of_order,
            "result": self.result,
        }


@dataclass
class FindingRow:
    id: int
    kind: str
    subject: str
    order_id: str | None
    reason: str
    since: datetime
    seen_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str | None = None
    tried_again: bool = False

    def to_json(self) -> Json:
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "order_id": self.order_id,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "closed_at": self.closed_at and self.closed_at.isoformat(),
            "closed_by": self.closed_by,
            "note": self.note,
        }


@dataclass
class Shipment:
    """`not_needed_since`: a paid label without a use, or a further one, was found."""

    id: str
    sequence: int
    request_id: str
    request: JsonObject
    backend: str
    call_id: str
    called_at: datetime | None
    created_at: datetime
    touched: datetime
    state: str = "requested"
    wanted: bool = True
    unclear_since: datetime | None = None
    message: str | None = None
    bought: Bought | None = None
    bought_at: datetime | None = None
    also_sold: frozenset[str] = frozenset()
    also_sold_seen: frozenset[str] = frozenset()
    also_sold_outcome: str | None = None
    label_path: str | None = None
    scanned_at: datetime | None = None
    undo: UndoCall | None = None
    not_needed_since: datetime | None = None
    undo_by: str | None = None
    undo_asked_at: datetime | None = None
    undo_sent_at: datetime | None = None
    undo_ticket: str | None = None
    undone_at: datetime | None = None
    undone_by: str | None = None
    parcel: int = 1

    @property
    def live(self) -> bool:
        return self.wanted and self.state in LIVE

    @property
    def is_shelved(self) -> bool:
        return self.wanted and self.state == "bought" and self.label_path is not None

    @property
    def sold_again(self) -> bool:
        """A person has not dealt with all its further labels."""
        return self.also_sold != self.also_sold_seen

    def facts(self) -> ShipmentFacts:
        bought = self.bought
        return ShipmentFacts(
            id=self.id,
            sequence=self.sequence,
            request_id=self.request_id,
            state=self.state,
            called_at=self.called_at,
            shipment_id=bought.shipment_id if bought else None,
            tracking_number=bought.tracking_number if bought else None,
            label_link=bought.label_link if bought else None,
            label_path=self.label_path,
            request=self.request,
            call_id=self.call_id,
            backend=self.backend,
            wanted=self.wanted,
            scanned_at=self.scanned_at,
        )

    def to_json(self) -> Json:
        facts = self.facts()
        return {
            "id": self.id,
            "sequence": self.sequence,
            "request_id": self.request_id,
            "state": self.state,
            "wanted": self.wanted,
            "message": self.message,
            "shipment_id": facts.shipment_id,
            "tracking_number": facts.tracking_number,
            "label_path": self.label_path,
            "also_sold": sorted(self.also_sold),
            "undo_by": self.undo_by,
            "undo_ticket": self.undo_ticket,
            "undone_by": self.undone_by,
        }


@dataclass
class UndoRequest:
    """An undo that a second person must approve: `outcome` None while it waits."""

    shipments: list[str]
    cents: int | None
    asked_by: str
    note: str
    asked_at: datetime
    outcome: str | None = None
    ended_by: str | None = None
    end_note: str | None = None

    def to_json(self) -> Json:
        return asdict(self) | {"asked_at": self.asked_at.isoformat()}


@dataclass
class Order:
    """`own_address` and `refusal` are a person's, with `by`, `note` and `at`."""

    facts: MarketplaceOrder
    first_seen: datetime
    state_since: datetime
    state: OrderState = OrderState.PENDING_ACCEPTANCE
    reason: str | None = None
    stage: str | None = None
    own_address: Json | None = None
    refusal: Json | None = None
    accept_anyway: bool = False
    parcels: int = 1
    decisions: int = 0
    forgotten_at: datetime | None = None
    failed_facts: object = None
    undo_requests: list[UndoRequest] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)

    @property
    def order_id(self) -> str:
        return self.facts.order_id

    @property
    def open_undo(self) -> UndoRequest | None:
        """The one that waits for a second person."""
        return next((each for each in self.undo_requests if each.outcome is None), None)

    def live(self, parcel: int) -> Shipment | None:
        return next((each for each in self.shipments if each.live and each.parcel == parcel), None)

    @property
    def parcel(self) -> int:
        """The first without a label on the shelf; the first one when all have."""
        shelved = {each.parcel for each in self.shipments if each.is_shelved}
        return next((n for n in range(1, self.parcels + 1) if n not in shelved), 1)

    @property
    def current(self) -> Shipment | None:
        """The last shipment of the current parcel."""
        parcel = self.parcel
        return next((each for each in reversed(self.shipments) if each.parcel == parcel), None)

    @property
    def tracking_numbers(self) -> list[str]:
        labels = sorted(
            (each.parcel, each.facts().tracking_number or "") for each in self.shipments if each.live
        )
        return [number for _, number in labels if number]

    def known(self, sizes: dict[str, ParcelSize]) -> KnownOrder:
        lines = sorted(self.facts.lines, key=lambda line: line.line_id)
        return KnownOrder(
            order_id=self.order_id,
            state=self.state,
            marketplace_state=self.facts.state,
            address=self.facts.address,
            lines=[KnownLine(x.line_id, x.sku, x.quantity, sizes.get(x.sku), x.state) for x in lines],
            carrier_code=self.facts.carrier_code,
            tracking_number=self.facts.tracking_number,
            shipment=self.current.facts() if self.current else None,
            ordered_at=self.facts.created_at,
            own_address=Address(**self.own_address["address"]) if self.own_address else None,
            refused=self.refusal is not None,
            accept_anyway=self.accept_anyway,
            parcels=self.parcels,
            parcel=self.parcel,
            decisions=self.decisions,
            label_parcels={
                each.parcel: each.request["parcel"]
                for each in self.shipments
                if each.live and each.state == "bought" and "parcel" in each.request
            },
            next_sequence=max((each.sequence for each in self.shipments), default=0) + 1,
            tracking_numbers=self.tracking_numbers,
        )

    def to_json(self) -> Json:
        return {
            "order_id": self.order_id,
            "state": str(self.state),
            "state_since": self.state_since.isoformat(),
            "reason": self.reason,
            "stage": self.stage,
            "marketplace_state": self.facts.state,
            "ship_before": self.facts.ship_before and self.facts.ship_before.isoformat(),
            "address": self.facts.address and asdict(self.facts.address),
            "address_override": self.own_address,
            "refusal": self.refusal,
            "accept_anyway": self.accept_anyway,
            "parcels": self.parcels,
            "tracking_number": self.facts.tracking_number,
        }


@dataclass
class CarrierRow:
    """A shipment in the carrier's list. `shown` is None until it is read."""

    link: str
    day: date
    seen_at: datetime
    shown: Bought | None = None
    is_listed: bool = True
