"""The rows of the in-memory order store."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.fulfillment.carrier import Bought, UndoCall
from shared.fulfillment.orders import OrderState, ShipmentFacts
from shared.fulfillment.parcels import ParcelSize
from shared.fulfillment.ports import JsonObject, MarketplaceOrder
from shared.fulfillment.store import Json, KnownLine, KnownOrder

LIVE = ("requested", "unknown", "bought")


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
class Shipment:
    id: str
    sequence: int
    request_id: str
    request: JsonObject
    call_id: str
    called_at: datetime | None
    touched: datetime
    state: str = "requested"
    wanted: bool = True
    unclear_cycles: int = 0
    unclear_in: str | None = None
    bought: Bought | None = None
    also_sold: frozenset[str] = frozenset()
    label_path: str | None = None
    undo: UndoCall | None = None
    undone: str | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def money_is_open(self) -> bool:
        return self.undone is None and (self.state == "undo_due" or bool(self.also_sold))

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
        )


@dataclass
class Order:
    facts: MarketplaceOrder
    first_seen: datetime
    state: OrderState = OrderState.PENDING_ACCEPTANCE
    reason: str | None = None
    stage: str | None = None
    attention: bool = False
    shipments: list[Shipment] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)

    @property
    def live(self) -> Shipment | None:
        return next((shipment for shipment in self.shipments if shipment.live), None)

    @property
    def money_is_open(self) -> bool:
        return any(shipment.money_is_open for shipment in self.shipments)

    def known(self, sizes: dict[str, ParcelSize]) -> KnownOrder:
        lines = sorted(self.facts.lines, key=lambda line: line.line_id)
        return KnownOrder(
            order_id=self.facts.order_id,
            state=self.state,
            marketplace_state=self.facts.state,
            address=self.facts.address,
            lines=[KnownLine(x.line_id, x.sku, x.quantity, sizes.get(x.sku)) for x in lines],
            carrier_code=self.facts.carrier_code,
            tracking_number=self.facts.tracking_number,
            shipment=self.shipments[-1].facts() if self.shipments else None,
            ordered_at=self.facts.created_at,
        )

    def to_json(self) -> Json:
        return {
            "order_id": self.facts.order_id,
            "state": str(self.state),
            "reason": self.reason,
            "stage": self.stage,
            "attention": self.attention,
            "marketplace_state": self.facts.state,
        }
