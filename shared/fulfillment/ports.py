"""The outcomes of vendors' calls, and the interface of the marketplace. The adapters are in `shared/vendors`.

A vendor's refusal is data. Calls that change something answer with one of

- Done       the vendor did it
- Refused    the vendor will not; nothing was done, and repeating cannot help
- Unclear    no answer, or none that can be read: it may have been done; ask before repeating it
- NotSent    nothing was sent, or the vendor did not process it (429): it was not done; try later

while calls that only read raise VendorUnavailable when they cannot.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

JsonObject = Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """The vendor did it."""


@dataclass(frozen=True)
class Refused:
    """`code` is the vendor's, if it gives one."""

    message: str
    code: str | None = None


@dataclass(frozen=True)
class Unclear:
    """It may or may not have been done."""

    message: str


class Cause(StrEnum):
    """Why nothing was done. None of these is the order's fault."""

    AWAY = "away"  # no connection, an outage, a gateway's page
    THROTTLED = "throttled"  # a limit on calls
    ACCOUNT = "account"  # our key, rights, contract or address list: a person must mend it
    LATE = "late"  # our own process was too slow: `not_after` had passed
    UNCLEAR = "unclear"  # the question whether it was done before got no answer


@dataclass(frozen=True)
class NotSent:
    """`retry_after` in seconds, if the vendor gives it."""

    message: str
    retry_after: float | None = None
    cause: Cause = Cause.AWAY


# --- the marketplace ------------------------------------------------------------------------------------------


class MarketplaceState(StrEnum):
    """The order states of Mirakl that are used here, in their order. Any other text is possible and kept unchanged."""

    STAGING = "STAGING"
    WAITING_ACCEPTANCE = "WAITING_ACCEPTANCE"
    WAITING_DEBIT = "WAITING_DEBIT"
    WAITING_DEBIT_PAYMENT = "WAITING_DEBIT_PAYMENT"
    SHIPPING = "SHIPPING"
    SHIPPED = "SHIPPED"
    TO_COLLECT = "TO_COLLECT"
    RECEIVED = "RECEIVED"
    CLOSED = "CLOSED"
    REFUSED = "REFUSED"
    CANCELED = "CANCELED"


@dataclass(frozen=True)
class Address:
    """The marketplace's address, not shortened and not mapped. `country` is ISO 3166 alpha-3."""

    name: str
    company: str | None
    street_1: str
    street_2: str | None
    city: str
    state: str | None
    postal_code: str | None
    country: str
    phone: str | None
    additional_info: str | None = None


ENDED_LINES = frozenset({"REFUSED", "CANCELED", "REFUNDED"})
"""States of lines that are not to be sent. Mirakl has REFUNDED for lines only."""


@dataclass(frozen=True)
class OrderLine:
    """`state` is the marketplace's text; empty when it gives none."""

    line_id: str
    sku: str
    quantity: int
    title: str
    price: Decimal
    state: str = ""

    @property
    def is_open(self) -> bool:
        return self.quantity > 0 and self.state not in ENDED_LINES


@dataclass(frozen=True)
class MarketplaceOrder:
    """`state` is the marketplace's text, see MarketplaceState. The address is None until the order ships.

    `shipping_type` is the code of the service that the buyer chose; `deliver_by` the latest promised delivery;
    `state_reason` the marketplace's code of why it is in its state; `currency` is ISO 4217.
    """

    order_id: str
    commercial_id: str
    state: str
    created_at: datetime
    updated_at: datetime
    currency: str
    total: Decimal
    lines: Sequence[OrderLine]
    address: Address | None
    ship_before: datetime | None = None
    can_ship: bool = False
    carrier_code: str | None = None
    carrier_name: str | None = None
    tracking_number: str | None = None
    fully_refunded: bool = False
    shipping_type: str | None = None
    deliver_by: datetime | None = None
    state_reason: str | None = None


@dataclass(frozen=True)
class Tracking:
    """`carrier_code` is a carrier that the marketplace knows; else `carrier_name` and `url` describe it."""

    number: str
    carrier_code: str | None
    carrier_name: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Message:
    message_id: str
    sender: str
    sender_type: str
    body: str
    sent_at: datetime
    attachments: Sequence[JsonObject] = ()


@dataclass(frozen=True)
class Participant:
    """`kind` is CUSTOMER, OPERATOR or SHOP; an OPERATOR has no id."""

    kind: str
    ident: str | None


@dataclass(frozen=True)
class Thread:
    """`order_ids` are the orders that it concerns; `messages` the last ones, at most 100 (M11)."""

    thread_id: str
    topic: str
    created_at: datetime
    updated_at: datetime
    order_ids: Sequence[str]
    messages: Sequence[Message]
    reply_needed_since: datetime | None = None
    participants: Sequence[Participant] = ()


@dataclass(frozen=True)
class Posted:
    """A message that the marketplace has stored (M12, OR43)."""

    message_id: str
    thread_id: str | None = None


@dataclass(frozen=True)
class Attachment:
    """The file of a message (M13)."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Malformed:
    """An order, a thread or a message that cannot be read; `ident` is its id if that can be read.

    `problem` names fields, never their content, so it holds no personal data. `raw` is the whole answer about it,
    which does. A malformed message has its thread's id in `thread_id`.
    """

    ident: str | None
    problem: str
    raw: JsonObject = field(default_factory=dict, repr=False)
    thread_id: str | None = None


@dataclass(frozen=True)
class OrderPage:
    """The orders, and the problems of those that could not be read: a malformed order never hides the others."""

    orders: Sequence[MarketplaceOrder]
    problems: Sequence[Malformed] = ()


@dataclass(frozen=True)
class ThreadPage:
    """A thread with a malformed message is in both: with its other messages, and as a problem."""

    threads: Sequence[Thread]
    problems: Sequence[Malformed] = ()


class Marketplace(Protocol):
    def listed(self, states: Sequence[str], updated_since: datetime | None = None) -> Iterator[OrderPage]:
        """All orders in these states, oldest first, in pages of up to 100 (OR11). Raises VendorUnavailable.

        `updated_since` leaves out those that have not changed since. Read all pages before changing an order: the
        marketplace pages over the orders that are in the states at that moment.
        """
        ...

    def orders(self, order_ids: Sequence[str]) -> OrderPage:
        """The current state of these orders, read in groups of up to 100; unknown ones are left out.

        Raises VendorUnavailable.
        """
        ...

    def accept(self, order_id: str, line_ids: Sequence[str]) -> Done | Refused | Unclear | NotSent:
        """Accepts all lines of an order (OR21)."""
        ...

    def refuse(self, order_id: str, line_ids: Sequence[str]) -> Done | Refused | Unclear | NotSent:
        """Refuses all lines of an order that waits for acceptance (OR21)."""
        ...

    def set_tracking(self, order_id: str, tracking: Tracking) -> Done | Refused | Unclear | NotSent:
        """OR23; a repeat replaces."""
        ...

    def ship(self, order_id: str) -> Done | Refused | Unclear | NotSent:
        """OR24; refused unless the order is in SHIPPING."""
        ...

    def threads(self, updated_since: datetime) -> Iterator[ThreadPage]:
        """Threads modified at or after a moment, with their messages, page by page. Raises VendorUnavailable.

        The order is arbitrary: only the last page completes the reading.
        """
        ...

    def thread(self, thread_id: str) -> ThreadPage:
        """One thread with its messages (M10), none for an unknown one.

        `problems` has what cannot be read. Raises VendorUnavailable.
        """
        ...

    def threads_of(self, order_id: str) -> ThreadPage:
        """All threads about an order, with their messages (M11). Raises VendorUnavailable."""
        ...

    def open_thread(
        self, order_id: str, topic: str, body: str, to: Sequence[str]
    ) -> Posted | Refused | Unclear | NotSent:
        """Opens a thread about an order with a first message (OR43): after Unclear read the order's threads first.

        `to` has kinds of participants: CUSTOMER, OPERATOR.
        """
        ...

    def reply(
        self, thread_id: str, body: str, to: Sequence[Participant]
    ) -> Posted | Refused | Unclear | NotSent:
        """Adds a message to a thread (M12), which has no idempotency key: after Unclear read the thread first."""
        ...

    def attachment(self, attachment_id: str) -> Attachment | Refused | Unclear | NotSent:
        """The file of a message (M13)."""
        ...
