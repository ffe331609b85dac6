"""The states of an order, and the moves that follow from the marketplace's state. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.fulfillment.ports import JsonObject, MarketplaceState


class OrderState(StrEnum):
    """Equal to the database's enum of the same name, which shows the arrows."""

    PENDING_ACCEPTANCE = "pending_acceptance"
    ACCEPTANCE_FAILED = "acceptance_failed"
    ACCEPTED = "accepted"
    LABEL_UNKNOWN = "label_unknown"
    LABEL_FAILED = "label_failed"
    LABEL_CREATED = "label_created"
    TRACKING_FAILED = "tracking_failed"
    SHIPPED = "shipped"
    REFUSED = "refused"
    CANCELLED = "cancelled"


UNSHIPPED = (
    OrderState.PENDING_ACCEPTANCE,
    OrderState.ACCEPTANCE_FAILED,
    OrderState.ACCEPTED,
    OrderState.LABEL_UNKNOWN,
    OrderState.LABEL_FAILED,
    OrderState.LABEL_CREATED,
    OrderState.TRACKING_FAILED,
)

TAKEN_ON = frozenset(
    {MarketplaceState.WAITING_DEBIT, MarketplaceState.WAITING_DEBIT_PAYMENT, MarketplaceState.SHIPPING}
)
SENT = frozenset(
    {
        MarketplaceState.SHIPPED,
        MarketplaceState.TO_COLLECT,
        MarketplaceState.RECEIVED,
        MarketplaceState.CLOSED,
    }
)

_ENDINGS: Mapping[str, OrderState] = {
    MarketplaceState.REFUSED: OrderState.REFUSED,
    MarketplaceState.CANCELED: OrderState.CANCELLED,
}
_BEFORE_ACCEPTANCE = (OrderState.PENDING_ACCEPTANCE, OrderState.ACCEPTANCE_FAILED)
_REFUSABLE = (*_BEFORE_ACCEPTANCE, OrderState.ACCEPTED)


@dataclass(frozen=True)
class Move:
    """One change of state, with its reason."""

    order_id: str
    from_state: OrderState
    to_state: OrderState
    reason: str

    def to_json(self) -> dict[str, object]:
        return {
            "order_id": self.order_id,
            "from_state": str(self.from_state),
            "to_state": str(self.to_state),
            "reason": self.reason,
        }


def follow(order_id: str, state: OrderState, marketplace_state: str) -> Move | None:
    """The move that follows from the marketplace's state alone; None when none follows.

    Polling misses states between two looks, so no move depends on having seen every state.
    """
    reason = f"the marketplace shows {marketplace_state}"
    if state not in UNSHIPPED:
        return None
    ending = _ENDINGS.get(marketplace_state)
    if ending is OrderState.REFUSED and state not in _REFUSABLE:
        ending = OrderState.CANCELLED
    if ending:
        return Move(order_id, state, ending, reason)
    if state in _BEFORE_ACCEPTANCE and (marketplace_state in TAKEN_ON or marketplace_state in SENT):
        return Move(order_id, state, OrderState.ACCEPTED, reason)
    if state not in _BEFORE_ACCEPTANCE and marketplace_state in SENT:
        return Move(order_id, state, OrderState.SHIPPED, reason)
    return None


@dataclass(frozen=True)
class ShipmentFacts:
    """The last shipment of an order, as stored. `called_at` None: the carrier was certainly not called.

    `call_id` is the last allowed call, so that a report about an earlier call does not change a later one. `backend`
    names the carrier's API. `scanned_at`: when the carrier was seen to have the parcel. `wanted` is false once its
    order ended without it, or a person wants another label.
    """

    id: str
    sequence: int
    request_id: str
    state: str
    called_at: datetime | None
    shipment_id: str | None
    tracking_number: str | None
    label_link: str | None
    label_path: str | None
    request: JsonObject = field(default_factory=dict)
    call_id: str | None = None
    backend: str = ""
    wanted: bool = True
    scanned_at: datetime | None = None


class LabelStep(StrEnum):
    BUY = "buy"  # no request was ever opened
    BUY_AGAIN = "buy_again"  # the carrier was certainly not called with this request id
    ASK = "ask"  # the outcome of a call is unknown
    FETCH = "fetch"  # bought, its PDF is not on the shelf yet
    NOTHING = "nothing"


def label_step(shipment: ShipmentFacts | None) -> LabelStep:
    """The next step for the label of an accepted order."""
    match shipment:
        case None | ShipmentFacts(wanted=False):
            return LabelStep.BUY
        case ShipmentFacts(state="requested", called_at=None):
            return LabelStep.BUY_AGAIN
        case ShipmentFacts(state="requested" | "unknown"):
            return LabelStep.ASK
        case ShipmentFacts(state="bought", label_path=None):
            return LabelStep.FETCH
        case ShipmentFacts(state="bought"):
            return LabelStep.NOTHING
        case _:  # failed, or given back: the next request
            return LabelStep.BUY
