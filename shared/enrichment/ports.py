"""The interfaces that enrichment needs. The adapters are in `shared/cloud` and `shared/vendors`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

JsonObject = Mapping[str, Any]


class ErrorCategory(StrEnum):
    """The reason why automation could not finish a record."""

    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    VENDOR_ERROR = "vendor_error"
    TIMEOUT = "timeout"
    INVALID_RESPONSE = "invalid_response"
    STORE_ERROR = "store_error"
    LOST = "lost"


class Blame(StrEnum):
    """The one whose fault a failure is. Only the record's says something about its part and its manufacturer."""

    RECORD = "record"
    VENDOR = "vendor"
    US = "us"


class PauseCause(StrEnum):
    """Why nobody may call a vendor."""

    DAILY_LIMIT = "daily_limit"
    DOWN = "down"
    ACCOUNT = "account"


# --- the source of records --------------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceRow:
    """One row of the source. `content_hash` changes whenever the row does."""

    values: JsonObject
    content_hash: str


@dataclass(frozen=True)
class FinishedRow:
    """A row whose record was completed. The source leaves it out until `finished_at` is old."""

    content_hash: str
    finished_at: datetime


class RecordSource(Protocol):
    def pages(
        self, *, threshold: float, page_size: int, finished_after: datetime
    ) -> Iterator[Sequence[SourceRow]]:
        """Rows scored at or above `threshold`, highest score first, then part number, page by page.

        Leaves out rows that `remember` received with a `finished_at` later than `finished_after`.
        Raises SourceUnavailable.
        """
        ...

    def remember(self, finished: Sequence[FinishedRow]) -> None:
        """Stores finished rows next to the source. Repeating a row does no harm. Raises SourceUnavailable."""
        ...


# --- the queue --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueTask:
    """`name` is the de-duplicating task id within its queue; `body` is posted as JSON."""

    name: str
    body: JsonObject
    schedule_time: datetime | None = None


@dataclass(frozen=True)
class EnqueueFailure:
    name: str
    message: str


class TaskQueue(Protocol):
    """One queue with one target."""

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        """Creates the tasks in the given order, many at a time; a name that is taken counts as created.

        Returns the tasks that could not be created; raises nothing when a single task fails.
        """
        ...

    def exists(self, name: str) -> bool:
        """True while the queue holds the task. Raises QueueUnavailable when the queue does not answer."""
        ...


# --- the catalogue vendor -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attribute:
    name: str
    value: str
    vendor_id: str | None = None


@dataclass(frozen=True)
class Media:
    """A document or picture of a part; `kind` is `datasheet`, `photo` or `video`."""

    kind: str
    url: str
    title: str | None = None


@dataclass(frozen=True)
class Product:
    """A part that automation completed. `extras` holds the data without a column (prices, classifications...)."""

    pn: str
    manufacturer: str
    category: str | None = None
    description: str | None = None
    vendor: str | None = None
    vendor_pn: str | None = None
    url: str | None = None
    unit_price: Decimal | None = None
    currency: str | None = None
    status: str | None = None
    attributes: Sequence[Attribute] = ()
    media: Sequence[Media] = ()
    extras: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The vendor knows the part. `product` is what `read` makes of the answer; None when it has yet to be read."""

    answer: JsonObject
    product: Product | None = None


@dataclass(frozen=True)
class Refused:
    """Asking again cannot help."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None = None


@dataclass(frozen=True)
class Unavailable:
    """The vendor failed or could not be reached; a later attempt may succeed."""

    category: ErrorCategory
    message: str
    answer: JsonObject | None = None


@dataclass(frozen=True)
class BurstLimited:
    """Too many calls for the moment; `retry_after` in seconds."""

    message: str
    retry_after: float


@dataclass(frozen=True)
class DailyLimited:
    """No more calls before `resets_at`."""

    message: str
    resets_at: datetime


LookUp = Found | Refused | Unavailable | BurstLimited | DailyLimited


class PartCatalogue(Protocol):
    @property
    def vendor(self) -> str:
        """The vendor's name, by which all workers share its breaker."""
        ...

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        """Asks the vendor for one part. Every refusal and failure is returned as data; only our own bugs raise."""
        ...

    def read(self, answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
        """Maps a saved answer; pure. Refused with INVALID_RESPONSE when the answer cannot be read."""
        ...
