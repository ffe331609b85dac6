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
    """One row of the source. `content_hash` changes whenever the row does.

    `again`: this content was taken before, and its next turn has come. `returned`: it was taken before, then another
    content stood in its place, and now it is back.
    """

    values: JsonObject
    content_hash: str
    again: bool = False
    returned: bool = False


@dataclass(frozen=True)
class NotedRow:
    """A note about a row that was taken. The source leaves the row out until `next_turn`.

    The latest `noted_at` of a content counts. `again` is false for a content that only waited for another one of its
    record, and was never taken itself. `record_key` is the content's own hash for a row without a part number.
    """

    record_key: str
    content_hash: str
    again: bool
    next_turn: datetime
    noted_at: datetime


@dataclass(frozen=True)
class DayShare:
    """The mix of a day's rows, as it is due at `now`: `again_share`, 0 to 1, of what is taken was taken before.

    `fresh_taken` and `again_taken` count what the UTC day has taken already. When one sort has run out, the other gets
    the rest.
    """

    now: datetime
    again_share: float
    fresh_taken: int = 0
    again_taken: int = 0


class RecordSource(Protocol):
    def pages(self, *, threshold: float, page_size: int, share: DayShare) -> Iterator[Sequence[SourceRow]]:
        """Rows scored at or above `threshold` whose turn it is, page by page.

        Fresh ones come by score, highest first, then part number; those taken before by the age of their turn.
        Raises SourceUnavailable.
        """
        ...

    def remember(self, noted: Sequence[NotedRow]) -> None:
        """Stores notes next to the source. Repeating one does no harm. Raises SourceUnavailable."""
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

    def held(self, names: Sequence[str]) -> Mapping[str, bool]:
        """Asks many questions at once: whether the queue still holds each task. One that fails has no entry.

        A task counts as missing only in a queue that exists. Raises SettingsInvalid when the queue is missing, and
        QueueUnavailable when no question was answered.
        """
        ...

    def check(self) -> None:
        """Raises SettingsInvalid when the queue is missing or we may not use it, QueueUnavailable without an answer."""
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
