"""An open finding asks for a person, beside an order's state, until it ends. Pure."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

from shared.fulfillment.ports import JsonObject, Malformed


class Kind(StrEnum):
    """docs/orders.md says how each one ends."""

    UNREADABLE = "unreadable"  # an order of the marketplace that cannot be read
    UNREADABLE_MESSAGE = "unreadable_message"
    NOT_AT_MARKETPLACE = "not_at_marketplace"  # an open order of ours that the marketplace does not have
    OPEN_AT_MARKETPLACE = "open_at_marketplace"  # an order that has ended here and is open there
    ENDED_WITHOUT_US = "ended_without_us"  # cancelled after our failure, or shipped without our label
    ADDRESS_CHANGED = "address_changed"  # after its label was asked for
    NO_PARCEL = "no_parcel"  # no parcel can carry it, so it is not accepted
    OTHER_API = "other_api"  # its label is at an API of the carrier for which there are no credentials
    LABEL_UNUSABLE = "label_unusable"  # suspended, or its PDF is gone
    REPLY_REFUSED = "reply_refused"  # the marketplace does not take a person's reply
    UNDO_REFUSED = "undo_refused"  # the carrier keeps the money of a label that is not needed
    SOLD_UNKNOWN = "sold_unknown"  # the carrier lists a label that we do not know
    SOLD_TWICE = "sold_twice"
    NOT_SOLD = "not_sold"  # the carrier does not list a label that we have bought
    PRICE_DIFFERS = "price_differs"
    NUMBER_DIFFERS = "number_differs"


@dataclass(frozen=True)
class Finding:
    """`subject` is the order's id, or the vendor's id of the thing; `reason` holds no personal data, `raw` may."""

    kind: Kind
    subject: str
    reason: str
    order_id: str | None = None
    raw: JsonObject = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {
            "kind": str(self.kind),
            "subject": self.subject,
            "order_id": self.order_id,
            "reason": self.reason,
            "raw": dict(self.raw) or None,
        }


def about_order(kind: Kind, order_id: str, reason: str) -> Finding:
    return Finding(kind, order_id, reason, order_id)


def unreadable(kind: Kind, problem: Malformed) -> Finding:
    """One without a readable id is known by the hash of its content."""
    digest = hashlib.sha256(json.dumps(problem.raw, sort_keys=True, default=str).encode()).hexdigest()
    subject = problem.ident or f"without an id, {digest[:16]}"
    order_id = problem.ident if kind is Kind.UNREADABLE else None
    return Finding(kind, subject, problem.problem, order_id, problem.raw)
