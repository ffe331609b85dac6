"""The database as enrichment uses it: each method is one call, one transaction, safe to repeat.

All raise StoreUnavailable when the database cannot be reached or is too slow, and StoreRefused when it refuses a call
that should be legal. The database enforces leases, quotas and state changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any, Protocol
from uuid import UUID

from shared.enrichment.ports import Blame, ErrorCategory, JsonObject, NotedRow, PauseCause

Json = dict[str, Any]

LEDGER_PAGE = 10_000
"""Rows for the source's ledger in one answer."""


@dataclass(frozen=True)
class Begun:
    """`started` is false when the batch existed before. `noted` holds rows that the source's ledger lacks.

    `used` counts what the UTC day has opened, `again` what of that was taken before. Until `paused_until` the
    vendor's day is over. An outage and a refused account do not count, since new records tell them from a few that
    make the vendor fail.
    """

    started: bool
    noted: Sequence[NotedRow] = ()
    used: int = 0
    again: int = 0
    paused_until: datetime | None = None


@dataclass(frozen=True)
class KnownRecord:
    """`skip`: why it is not opened: open_manual_task, in_flight, or SETTLED. `again`: this content was taken before.

    `opened_last`: no other content of the record was opened since.
    """

    skip: str | None = None
    again: bool = False
    opened_last: bool = False
    recent_failures: int = 0


SETTLED = ("recently_completed", "recently_failed", "decided_by_a_person")
"""Settled until its next turn, or until other content stood in its place and it came back."""


@dataclass(frozen=True)
class ManufacturerCounts:
    """The remaining weight of its finished automation tasks: each loses half of it with each half-life."""

    attempts: Fraction
    successes: Fraction


@dataclass(frozen=True)
class Known:
    """Unknown records and manufacturers are left out. `rejected_before` holds content hashes."""

    records: Mapping[str, KnownRecord]
    manufacturers: Mapping[str, ManufacturerCounts]
    rejected_before: frozenset[str]
    daily_used: int
    daily_again: int = 0


@dataclass(frozen=True)
class Identity:
    """The keys by which a record is looked up."""

    record_key: str
    manufacturer_key: str
    content_hash: str


@dataclass(frozen=True)
class Skipped:
    """A content that was read although it is not its turn: the source's ledger should know of it."""

    record_key: str
    content_hash: str


@dataclass(frozen=True)
class OpenedTask:
    id: UUID
    record_key: str
    priority: str


@dataclass(frozen=True)
class Opened:
    """The result of `open_tasks`. `automation` is in the order for the queue."""

    automation: Sequence[OpenedTask]
    manual: int
    rejected: int
    over_limit: int
    claimed_elsewhere: int


class OpeningStore(Protocol):
    """The part of the store that `orchestrate` uses."""

    def begin_batch(
        self,
        batch_id: str,
        *,
        run_id: UUID,
        trigger: str,
        request: JsonObject,
        policy: str,
        policy_version: str,
    ) -> Begun: ...

    def abandon_batch(self, batch_id: str, run_id: UUID) -> None:
        """Gives the name back, if the batch took nothing."""
        ...

    def note_ledgered(self, noted: Sequence[NotedRow]) -> Sequence[NotedRow]:
        """The source's ledger has these rows. Returns the next ones that it lacks."""
        ...

    def read_known(
        self,
        records: Sequence[Identity],
        rejected: Sequence[str],
        *,
        failed_after: datetime,
    ) -> Known: ...

    def open_tasks(
        self,
        batch_id: str,
        items: Sequence[JsonObject],
        rejected: Sequence[JsonObject],
        *,
        daily_limit: int,
        manual_batch_size: int,
        reprocess_after: timedelta,
    ) -> Opened:
        """Opens records in the given order until the day's quota is used. Raises Conflict when the batch is closed.

        What automation completes has its next turn after `reprocess_after`.
        """
        ...

    def note_progress(
        self,
        batch_id: str,
        *,
        enqueued: Sequence[UUID],
        counts: JsonObject,
        ledgered: Sequence[NotedRow],
        skipped: Sequence[Skipped],
        closed: bool,
    ) -> None: ...

    def batch_status(self, batch_id: str) -> Json: ...


class ClaimOutcome(StrEnum):
    CLAIMED = "claimed"  # work on it
    ENDED = "ended"  # completed or failed before
    LEASED = "leased"  # a live delivery works on it
    POSTPONED = "postponed"  # it waits for its vendor, as its queue task of the given generation
    SPENT = "spent"  # all attempts were made, and the last one left no result


@dataclass(frozen=True)
class Claim:
    """`answer` is the vendor's saved answer, if there is one. `attempts` includes the claimed one."""

    outcome: ClaimOutcome
    state: str
    pn: str
    manufacturer: str | None
    attempts: int
    generation: int
    renewed: int = 0
    answer: JsonObject | None = None
    dead_letter_due: bool = False
    not_before: datetime | None = None
    error_category: ErrorCategory | None = None
    error_message: str | None = None


class Standing(StrEnum):
    """The effect on a record of a failure that is not the record's."""

    WAITS = (
        "waits"  # nothing: it waits behind the vendor's breaker, as its queue task of the given generation
    )
    STANDS = "stands"  # it is an isolated one, and counts
    MOVED_ON = "moved_on"  # the task went on without this delivery


@dataclass(frozen=True)
class VendorFailure:
    standing: Standing
    generation: int = 0
    not_before: datetime | None = None


CATALOGUE = "digikey"
"""The vendor of parts, while there is one."""


class WorkerStore(Protocol):
    """The part of the store that `automate` uses. `owner` is one delivery; False: the task went on without it."""

    def claim_automation_task(self, task_id: UUID, owner: UUID, vendor: str = CATALOGUE) -> Claim:
        """`vendor` is the one that the owner will ask. Raises NotFound."""
        ...

    def save_vendor_answer(self, task_id: UUID, owner: UUID, answer: JsonObject) -> bool: ...

    def finish_automation_task(
        self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
    ) -> bool:
        """Stores `answer` with its product; None when it was saved before."""
        ...

    def note_vendor_failure(
        self,
        task_id: UUID,
        owner: UUID,
        cause: PauseCause,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,
        until: datetime | None = None,
    ) -> VendorFailure:
        """`until` is the end of the daily limit."""
        ...

    def release_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        answer: JsonObject | None = None,
        refund: bool = False,
    ) -> bool: ...

    def renew_automation_task(self, task_id: UUID, owner: UUID, message: str) -> int | None:
        """The generation of a new queue task, which begins at once; the attempt is not counted."""
        ...

    def note_enqueued(self, generations: Mapping[UUID, int]) -> None: ...

    def fail_automation_task(
        self,
        task_id: UUID,
        owner: UUID,
        category: ErrorCategory,
        message: str,
        *,
        to_manual: bool,
        answer: JsonObject | None = None,
        blame: Blame = Blame.RECORD,
    ) -> bool: ...


@dataclass(frozen=True)
class Handover:
    """`outcome` is created, exists, off or not_failed."""

    outcome: str
    manual_task_id: UUID | None = None


class Due(StrEnum):
    """The kinds of tasks that the sweep looks at, the most urgent first."""

    HAND_OVER = "hand_over"  # failed, and no person has it
    ENQUEUE = "enqueue"  # it has work left, and is not known to be in the queue
    SILENT = "silent"  # the queue had it, and nothing is heard of it


@dataclass(frozen=True)
class SweepCandidate:
    id: UUID
    state: str
    generation: int
    deliveries: int
    attempts: int
    answered: bool
    sweep_after: datetime
    not_before: datetime | None = None
    renewed: int = 0


class HandOverStore(Protocol):
    """The part of the store that `fallback` uses. None or False: the task has changed meanwhile."""

    def create_fallback_task(self, task_id: UUID) -> Handover:
        """Raises NotFound."""
        ...

    def sweep_candidates(
        self, due: Due, limit: int, after: SweepCandidate | None = None
    ) -> Sequence[SweepCandidate]:
        """The longest overdue first. `after` is the last one of the page before."""
        ...

    def extend_patience(self, task_ids: Sequence[UUID]) -> int:
        """The queue still holds these tasks."""
        ...

    def ask_again_soon(self, task_ids: Sequence[UUID]) -> int:
        """The queue did not say: the next sweeps ask about others first."""
        ...

    def renew_generation(self, task_id: UUID, generation: int) -> int | None: ...

    def note_enqueued(self, generations: Mapping[UUID, int]) -> None: ...

    def fail_lost_task(self, task_id: UUID, generation: int, message: str, *, to_manual: bool) -> bool: ...


class DeskStore(Protocol):
    """The part of the store for people's work. All raise NotFound, and Conflict naming another owner of the task."""

    def take_again(self, record_key: str, by: str, note: str) -> Json:
        """Gives a settled record its turn. Raises Conflict while it is being worked on."""
        ...

    def claim_manual_task(self, task_id: UUID, assignee: str) -> Json: ...

    def release_manual_task(self, task_id: UUID, assignee: str, note: str | None) -> Json: ...

    def complete_manual_task(
        self, task_id: UUID, assignee: str, fields: JsonObject, manufacturer_key: str | None, note: str | None
    ) -> Json: ...

    def fail_manual_task(self, task_id: UUID, assignee: str, note: str) -> Json: ...

    def vendors(self) -> list[Json]: ...

    def resume_vendor(self, vendor: str, by: str, note: str) -> Json: ...

    def redrive_dead_letters(
        self, batch_id: str, redrive_id: str, *, cause: ErrorCategory | None, limit: int, daily_limit: int
    ) -> Json:
        """Raises NotFound for an unknown batch, Conflict when `redrive_id` names another one."""
        ...


@dataclass(frozen=True)
class BulkAction:
    """A change to all manual tasks of the filter `wanted`. `kind` is assign, reprioritise, redrive or fail."""

    kind: str
    wanted: JsonObject
    assign_to: str | None = None
    priority: str | None = None


class JobStore(Protocol):
    """The part of the store for bulk jobs. What names a job raises NotFound."""

    def preview_job(self, action: BulkAction, by: str) -> Json:
        """The exact counts of what a job would do now, and refuse."""
        ...

    def create_job(self, job_id: UUID, action: BulkAction, by: str, note: str) -> int:
        """Fixes the members and returns their number. Raises Conflict when `job_id` is another job's."""
        ...

    def work_on_job(self, job_id: UUID, limit: int) -> int:
        """Works on the next members and returns their number: 0 when none can be worked on now."""
        ...

    def jobs_to_work_on(self, limit: int) -> Sequence[UUID]:
        """The jobs that can be worked on now, the longest unattended first."""
        ...

    def cancel_job(self, job_id: UUID, by: str, note: str) -> None:
        """Raises Conflict when nothing is left to cancel."""
        ...

    def job_status(self, job_id: UUID) -> Json: ...

    def list_jobs(self, limit: int, after: Json | None) -> Json: ...

    def list_job_items(self, job_id: UUID, stands: str | None, limit: int, after: int) -> Json: ...


class ReportStore(Protocol):
    def batch_status(self, batch_id: str) -> Json:
        """Raises NotFound."""
        ...

    def reconcile(self, batch_id: str | None, day: date | None) -> Json:
        """Raises NotFound for an unknown batch."""
        ...

    def recent_products(self, batch_id: str, limit: int) -> list[Json]: ...

    def product_report(self, record_key: str) -> Json:
        """The product of a record's part with its layers. Raises NotFound."""
        ...
