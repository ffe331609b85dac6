"""Takes records in: read, decide, open, enqueue, chunk by chunk. A crash at any point loses and doubles nothing.

The insert that opens a record is its claim. A task that could not be enqueued stays `initialized` for the sweep.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock
from shared.enrichment.intake import Candidate, Intake, take_in
from shared.enrichment.naming import automation_task_name, batch_id_of, new_batch_id
from shared.enrichment.ports import FinishedRow, QueueTask, RecordSource, SourceRow, TaskQueue
from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy import Policy
from shared.enrichment.routing.route import Route
from shared.enrichment.store import Known, KnownRecord, OpenedTask, OpeningStore
from shared.errors import SourceUnavailable, SwitchyardError
from shared.workflow_config import WorkflowConfig

FAILURE_WINDOW = timedelta(days=7)
"""`recent_failures` counts failures of this period."""


@dataclass(frozen=True)
class OrchestrateRequest:
    """`trigger` is scheduler or manual; `threshold` is the least score of a record."""

    batch_id: str
    trigger: str
    limit: int
    threshold: float
    policy: Policy
    force: Route | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "limit": self.limit,
            "priority_threshold": self.threshold,
            "policy": self.policy.name,
            "force": self.force and str(self.force),
        }


@dataclass
class Tally:
    """The counts of one run of `orchestrate` so far.

    Every row read is opened, rejected or skipped for a reason: `read = automation + manual + rejected + sum(skipped)`.
    """

    read: int = 0
    automation: int = 0
    manual: int = 0
    rejected: int = 0
    not_enqueued: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    daily_limit_reached: bool = False
    source_exhausted: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def opened(self) -> int:
        return self.automation + self.manual

    def to_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "opened": self.opened,
            "automation": self.automation,
            "manual": self.manual,
            "rejected": self.rejected,
            "skipped": dict(self.skipped),
            "not_enqueued": self.not_enqueued,
            "daily_limit_reached": self.daily_limit_reached,
            "source_exhausted": self.source_exhausted,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Report:
    """`started` is false when the batch existed before, and `status` is then its state. Else `tally` is the run's."""

    batch_id: str
    started: bool
    tally: Tally | None = None
    status: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"batch_id": self.batch_id, "started": self.started}
        if self.tally:
            answer |= self.tally.to_json()
        if self.status:
            answer["status"] = self.status
        return answer


@dataclass(frozen=True)
class Chosen:
    """A chunk's records to open, with their decisions. `rest` holds the records beyond the limit."""

    items: Sequence[tuple[Candidate, Decision]]
    rest: Sequence[Candidate] = ()


@dataclass(frozen=True)
class Orchestrator:
    source: RecordSource
    store: OpeningStore
    queue: TaskQueue
    config: WorkflowConfig
    clock: Clock
    reprocess_after: timedelta

    def request(
        self,
        *,
        limit: int,
        policy: Policy,
        priority_threshold: float | None = None,
        force: Route | None = None,
        batch_id: str | None = None,
        firing: tuple[datetime, str] | None = None,
    ) -> OrchestrateRequest:
        """Fills in what a caller left out. `firing` is Scheduler's time and its text: all its tries share one batch."""
        return OrchestrateRequest(
            batch_id=batch_id or (batch_id_of(*firing) if firing else new_batch_id(self.clock())),
            trigger="scheduler" if firing else "manual",
            limit=limit,
            threshold=self.config.manual_priority_threshold
            if priority_threshold is None
            else priority_threshold,
            policy=policy,
            force=force,
        )

    def run(self, request: OrchestrateRequest) -> Report:
        """Raises SourceUnavailable, StoreUnavailable, StoreRefused. Records opened before then stay open."""
        pages = self._pages(request)
        first = next(
            pages, []
        )  # read before the batch takes its name, so that a source that is down does not use the name up
        begun = self.store.begin_batch(
            request.batch_id,
            run_id=uuid.uuid4(),
            trigger=request.trigger,
            request=request.to_json(),
            policy=request.policy.name,
            policy_version=request.policy.version,
        )
        if not begun.started:
            return Report(request.batch_id, started=False, status=self.store.batch_status(request.batch_id))
        tally = Tally()
        enqueued: list[uuid.UUID] = []
        try:
            for intake in self._intakes(first, pages, tally):
                enqueued = self._take(intake, request, tally)
                if tally.daily_limit_reached or tally.opened >= request.limit:
                    break
                if enqueued:
                    self._note(request, tally, enqueued)
                    enqueued = []
            else:
                tally.source_exhausted = True
        except SwitchyardError as error:
            tally.notes.append(error.detail)
            self._note(request, tally, enqueued, closed=True)
            raise
        ledgered = self._remember(begun.finished, tally)
        self._note(request, tally, enqueued, ledgered=ledgered, closed=True)
        return Report(request.batch_id, started=True, tally=tally)

    def preview(self, request: OrchestrateRequest) -> list[dict[str, Any]]:
        """The decisions that `run` would make now, for at most `limit` records; changes nothing."""
        decisions: list[dict[str, Any]] = []
        tally = Tally()
        pages = self._pages(request)
        for intake in self._intakes(next(pages, []), pages, tally):
            known = self._read_known(intake)
            for candidate, decision in self._choose(
                intake, known, request, request.limit - len(decisions), tally
            ).items:
                shown = {"pn": candidate.record.pn, "manufacturer": candidate.record.manufacturer}
                decisions.append(shown | decision.to_json())
            if len(decisions) >= request.limit:
                break
        return decisions

    def _pages(self, request: OrchestrateRequest) -> Iterator[Sequence[SourceRow]]:
        return self.source.pages(
            threshold=request.threshold,
            page_size=self.config.max_batch_size,
            finished_after=self._completed_after(),
        )

    def _intakes(
        self, first: Sequence[SourceRow], rest: Iterator[Sequence[SourceRow]], tally: Tally
    ) -> Iterator[Intake]:
        seen: set[str] = set()
        page: Sequence[SourceRow] | None = first
        while page:
            intake = take_in(page, seen)
            tally.skipped["repeated"] += intake.repeated
            tally.read += intake.repeated
            yield intake
            page = next(rest, None)

    def _take(self, intake: Intake, request: OrchestrateRequest, tally: Tally) -> list[uuid.UUID]:
        """Opens one chunk and enqueues it. Returns the tasks that are in the queue.

        Continues with the rest of the chunk when other runs claimed some of the chosen records.
        """
        known = self._read_known(intake)
        room = min(request.limit - tally.opened, self.config.max_daily_tasks - known.daily_used)
        chosen = self._choose(intake, known, request, room, tally)
        refusals = [
            refusal for refusal in intake.refusals if refusal.content_hash not in known.rejected_before
        ]
        tally.read += len(intake.refusals)
        tally.skipped["rejected_before"] += len(intake.refusals) - len(refusals)
        tally.daily_limit_reached = bool(chosen.rest) and len(chosen.items) < request.limit - tally.opened
        if not chosen.items and not refusals:
            return []
        opened = self.store.open_tasks(
            request.batch_id,
            [_item(candidate, decision) for candidate, decision in chosen.items],
            [refusal.to_json() for refusal in refusals],
            daily_limit=self.config.max_daily_tasks,
            manual_batch_size=self.config.manual_batch_size,
            completed_after=self._completed_after(),
        )
        tally.automation += len(opened.automation)
        tally.manual += opened.manual
        tally.rejected += opened.rejected
        tally.skipped["claimed_elsewhere"] += opened.claimed_elsewhere
        tally.read -= opened.over_limit  # not touched: a later run finds them again
        tally.daily_limit_reached |= opened.over_limit > 0
        enqueued = self._enqueue(opened.automation, tally)
        if chosen.rest and tally.opened < request.limit and not tally.daily_limit_reached:
            enqueued += self._take(Intake(chosen.rest, (), 0), request, tally)
        return enqueued

    def _read_known(self, intake: Intake) -> Known:
        return self.store.read_known(
            [candidate.identity for candidate in intake.candidates],
            [refusal.content_hash for refusal in intake.refusals],
            completed_after=self._completed_after(),
            failed_after=self.clock() - FAILURE_WINDOW,
        )

    def _choose(
        self, intake: Intake, known: Known, request: OrchestrateRequest, room: int, tally: Tally
    ) -> Chosen:
        items: list[tuple[Candidate, Decision]] = []
        for place, candidate in enumerate(intake.candidates):
            record = known.records.get(candidate.record.key, KnownRecord())
            if record.skip is None and len(items) >= room:
                return Chosen(items, intake.candidates[place:])
            tally.read += 1
            if record.skip is None:
                decision = decide(
                    candidate.record,
                    _history(candidate, record, known),
                    request.policy,
                    self.config,
                    request.force,
                )
                items.append((candidate, decision))
            else:
                tally.skipped[record.skip] += 1
        return Chosen(items)

    def _enqueue(self, opened: Sequence[OpenedTask], tally: Tally) -> list[uuid.UUID]:
        by_name = {automation_task_name(task.id, 0): task.id for task in opened}
        tasks = [QueueTask(name, {"automation_task_id": str(task_id)}) for name, task_id in by_name.items()]
        failures = self.queue.enqueue(tasks) if tasks else []
        for failure in failures:
            by_name.pop(failure.name)
        if failures:
            tally.not_enqueued += len(failures)
            tally.notes.append(f"{len(failures)} tasks wait for the sweep: {failures[0].message}")
        return list(by_name.values())

    def _remember(self, finished: Sequence[FinishedRow], tally: Tally) -> list[str]:
        """Tells the ledger, which only saves the source work: a run does not fail because of it."""
        if finished:
            try:
                self.source.remember(finished)
            except SourceUnavailable as error:
                tally.notes.append(
                    f"the source's ledger learns of {len(finished)} rows later: {error.detail}"
                )
                return []
        return [row.content_hash for row in finished]

    def _note(
        self,
        request: OrchestrateRequest,
        tally: Tally,
        enqueued: Sequence[uuid.UUID],
        *,
        ledgered: Sequence[str] = (),
        closed: bool = False,
    ) -> None:
        self.store.note_progress(
            request.batch_id, enqueued=enqueued, counts=tally.to_json(), ledgered=ledgered, closed=closed
        )

    def _completed_after(self) -> datetime:
        return self.clock() - self.reprocess_after


def _history(candidate: Candidate, record: KnownRecord, known: Known) -> History:
    counts = known.manufacturers.get(candidate.record.manufacturer_key)
    if counts is None:
        return History(recent_failures=record.recent_failures)
    return History(
        known=True,
        attempts=counts.attempts,
        successes=counts.successes,
        recent_failures=record.recent_failures,
    )


def _item(candidate: Candidate, decision: Decision) -> dict[str, Any]:
    return decision.to_json() | {
        "record_key": candidate.record.key,
        "pn": candidate.record.pn,
        "manufacturer": candidate.record.manufacturer,
        "manufacturer_key": candidate.record.manufacturer_key,
        "content_hash": candidate.content_hash,
        "source_record": candidate.record.source,
    }
