"""The facts that an order's page shows beside its report: actions, the system's turn, labels and path. Pure."""

from collections.abc import Iterable, Sequence

from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.fulfillment.store import Json
from tests.memory.order_rows import UNSETTLED, CarrierRow, FindingRow, Order, Shipment
from tests.memory.order_states import ENDS, FAILURES

S = OrderState
LABELLING = (S.ACCEPTED, S.LABEL_UNKNOWN, S.LABEL_FAILED, S.LABEL_CREATED, S.TRACKING_FAILED)
BEFORE_A_LABEL = (S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED, S.ACCEPTED, S.LABEL_FAILED)
REFUSABLE = (S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED)


def _is_unclear(label: Shipment) -> bool:
    return label.state == "unknown" or (label.state == "requested" and label.called_at is not None)


def _is_unsettled(label: Shipment) -> bool:
    given_up = label.state == "disputed" and label.undone_by is None
    return label.state in ("undo_due", "undo_asked") or label.sold_again or given_up


def actions_of(
    order: Order, findings: Sequence[FindingRow], carrier: Iterable[CarrierRow], unmended: str | None
) -> list[str]:
    """`findings` are the order's open ones."""
    labels = order.shipments
    waiting = order.open_undo.shipments if order.open_undo else []
    paid = any(each.live and each.state == "bought" for each in labels)
    awaited = any(each.wanted and _is_unclear(each) for each in labels)
    asked = {each.request_id for each in labels if each.state in UNSETTLED}
    listed = any(row.is_listed and row.shown and row.shown.request_id in asked for row in carrier)
    retriable = order.state in FAILURES or any(
        row.kind in (Kind.NO_PARCEL, Kind.OTHER_API) for row in findings
    )
    allowed = {
        "approve": order.open_undo is not None,
        "decline": order.open_undo is not None,
        "undo": any(each.state == "undo_due" and each.id not in waiting for each in labels),
        "undone": any(map(_is_unsettled, labels)),
        "retry": retriable and unmended is None,
        "address": order.state not in ENDS,
        "parcels": order.state in BEFORE_A_LABEL and not paid and not awaited,
        "relabel": order.state in LABELLING and paid and not awaited,
        "not_sold": any(map(_is_unclear, labels)) and not listed,
        "refuse": order.state in REFUSABLE and order.refusal is None,
        "close": bool(findings),
    }
    return [action for action, is_allowed in allowed.items() if is_allowed]


def turn_of(order: Order, findings: Sequence[FindingRow]) -> str | None:
    """The stage that does something next by itself."""
    if order.state is S.PENDING_ACCEPTANCE:
        held = any(row.kind == Kind.NO_PARCEL for row in findings) and not order.accept_anyway
        return None if held and order.refusal is None else "accept-orders"
    if order.state is S.LABEL_CREATED:
        return "update-tracking"
    if order.state is S.ACCEPTED:
        return _turn_of_accepted(order)
    unwanted = [each for each in order.shipments if not each.wanted]
    to_undo = any(each.state == "undo_asked" and each.undo_sent_at is None for each in order.shipments)
    if order.state is S.LABEL_UNKNOWN or to_undo or any(x.state in (*UNSETTLED, "bought") for x in unwanted):
        return "create-labels"
    return None


def _turn_of_accepted(order: Order) -> str:
    label, facts = order.current, order.facts
    if label and label.live and label.label_path is None and (label.called_at or label.state == "bought"):
        return "create-labels"
    may_ship = facts.can_ship and not facts.fully_refunded and facts.state == "SHIPPING"
    has_address = facts.address is not None or order.own_address is not None
    return "create-labels" if may_ship and has_address else "accept-orders"


def undo_state(label: Shipment, waiting: Sequence[str]) -> str | None:
    if label.state == "undo_due":
        return "waits_for_approval" if label.id in waiting else "due"
    if label.state == "undo_asked":
        return "asked" if label.undo_sent_at is None else "sent"
    if label.state == "bought" and not label.wanted:
        return "due"
    return label.state if label.state in ("voided", "refunded", "disputed") else None


def page_of(
    order: Order, findings: Sequence[FindingRow], carrier: Iterable[CarrierRow], unmended: str | None
) -> Json:
    waiting = order.open_undo.shipments if order.open_undo else []
    stage = turn_of(order, findings)
    return {
        "actions": actions_of(order, findings, carrier, unmended),
        "turn": stage and {"stage": stage, "held_until": None},
        "unmended": unmended,
        "shipments": [
            label.to_json()
            | {
                "currency": "CAD",
                "undo_state": undo_state(label, waiting),
                "price": float(label.bought.price) if label.bought and label.bought.price else None,
            }
            for label in order.shipments
        ],
        "undo_requests": [request.to_json() for request in order.undo_requests],
        "history": order.history,
        "findings": [row.to_json() for row in findings],
    }
