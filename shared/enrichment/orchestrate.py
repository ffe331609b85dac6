"""Takes records in: read, decide, open, enqueue, chunk by chunk. A crash at any point loses and doubles nothing.

The insert that opens a record is its claim. A task that could not be enqueued stays `initialized` for the sweep.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock
from shared.enrichment.intake import Candidate, Intake, take_in
from shared.enrichment.naming import automation_task_name, batch_id_of, new_batch_id
from shared.enrichment.ports import DayShare, NotedRow, QueueTask, RecordSource, SourceRow, TaskQueue
from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy import Policy
from shared.enrichment.routing.route import Route
from shared.enrichment.run_report import Report, Tally
from shared.enrichment.store import (
    LEDGER_PAGE,
    SETTLED,
    Begun,
    Known,
    KnownRecord,
    OpenedTask,
    OpeningStore,
    Skipped,
)
from shared.errors import SourceUnavailable, SwitchyardError
from shared.workflow_config import WorkflowConfig

FAILURE_WINDOW = timedelta(days=7)
"""`recent_failures` counts failures of this period."""

CHUNK_BYTES = 4_000_000
"""Source rows of one call of `open_tasks`, as JSON: the database has seconds for a call, whatever the rows hold."""

NOTES = 1_000
"""Skipped rows that wait for one call, which has seconds too: a lost ledger offers all that was ever taken."""

LEDGER_MOST = 200_000
"""Rows that one run notes in the ledger; the rest is for the next run."""


@dataclass(frozen=True)
class Reprocessing:
    """A completed record may be taken again `after` that time; `share`, 0 to 1, of the day is for such records."""

    after: timedelta = timedelta(days=30)
    share: float = 0.2


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
    reprocessing: Reprocessing

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
        run_id = uuid.uuid4()
        begun = self.store.begin_batch(
            request.batch_id,
            run_id=run_id,
            trigger=request.trigger,
            request=request.to_json(),
            policy=request.policy.name,
            policy_version=request.policy.version,
        )
        if not begun.started:
            return Report(request.batch_id, started=False, status=self.store.batch_status(request.batch_id))
        tally = Tally()
        try:
            ledgered = self._remember(begun.noted, tally)
            if self._nothing_to_do(begun, request, tally):  # noticed before a query is paid for
                self._note(request, tally, [], ledgered=ledgered, closed=True)
                return Report(request.batch_id, started=True, tally=tally)
            pages = self._pages(request, begun.used, begun.again)
            first = next(pages, [])
        except SwitchyardError:
            # a source that is down does not use the name up
            self.store.abandon_batch(request.batch_id, run_id)
            raise
        self._take_pages(first, pages, request, tally, ledgered)
        return Report(request.batch_id, started=True, tally=tally)

    def _nothing_to_do(self, begun: Begun, request: OrchestrateRequest, tally: Tally) -> bool:
        tally.daily_limit_reached = begun.used >= self.config.max_daily_tasks
        if begun.paused_until and request.force is not Route.MANUAL:
            tally.notes.append(f"nobody may call the vendor until {begun.paused_until}: nothing is taken")
            return True
        return tally.daily_limit_reached

    def _take_pages(
        self,
        first: Sequence[SourceRow],
        pages: Iterator[Sequence[SourceRow]],
        request: OrchestrateRequest,
        tally: Tally,
        ledgered: Sequence[NotedRow],
    ) -> None:
        enqueued: list[uuid.UUID] = []
        try:
            for intake in self._intakes(first, pages, tally):
                enqueued = self._take(intake, request, tally)
                if tally.daily_limit_reached or tally.opened >= request.limit:
                    break
                if enqueued or len(tally.to_note) >= NOTES:
                    self._note(request, tally, enqueued)
                    enqueued = []
            else:
                tally.source_exhausted = True
        except SwitchyardError as error:
            tally.notes.append(error.detail)
            self._note(request, tally, enqueued, closed=True)
            raise
        self._note(request, tally, enqueued, ledgered=ledgered, closed=True)

    def preview(self, request: OrchestrateRequest) -> list[dict[str, Any]]:
        """The decisions that `run` would make now, within the limit and the day's quota; changes nothing."""
        decisions: list[dict[str, Any]] = []
        tally = Tally()
        today = self._read_known(Intake((), (), 0))
        room = min(request.limit, self.config.max_daily_tasks - today.daily_used)
        pages = self._pages(request, today.daily_used, today.daily_again)
        for intake in self._intakes(next(pages, []), pages, tally) if room > 0 else ():
            known, rest = self._read_known(intake), intake
            while rest.candidates and len(decisions) < room:
                chosen = self._choose(rest, known, request, room - len(decisions), tally)
                for candidate, decision in chosen.items:
                    shown = {"pn": candidate.record.pn, "manufacturer": candidate.record.manufacturer}
                    decisions.append(shown | decision.to_json())
                rest = Intake(chosen.rest, (), 0)
            if len(decisions) >= room:
                break
        return decisions

    def _pages(self, request: OrchestrateRequest, used: int, again: int) -> Iterator[Sequence[SourceRow]]:
        return self.source.pages(
            threshold=request.threshold,
            page_size=self.config.max_batch_size,
            share=DayShare(self.clock(), self.reprocessing.share, used - again, again),
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
        of_the_day = self.config.max_daily_tasks - known.daily_used
        room = min(request.limit - tally.opened, of_the_day)
        chosen = self._choose(intake, known, request, room, tally)
        refusals = [
            refusal for refusal in intake.refusals if refusal.content_hash not in known.rejected_before
        ]
        tally.read += len(intake.refusals)
        tally.skipped["rejected_before"] += len(intake.refusals) - len(refusals)
        tally.to_note += [Skipped(each, each) for each in known.rejected_before]
        tally.daily_limit_reached = (
            bool(chosen.rest) and of_the_day <= len(chosen.items) < request.limit - tally.opened
        )
        if not chosen.items and not refusals:
            return []
        opened = self.store.open_tasks(
            request.batch_id,
            [_item(candidate, decision) for candidate, decision in chosen.items],
            [refusal.to_json() for refusal in refusals],
            daily_limit=self.config.max_daily_tasks,
            manual_batch_size=self.config.manual_batch_size,
            reprocess_after=self.reprocessing.after,
        )
        tally.automation += len(opened.automation)
        tally.manual += opened.manual
        tally.rejected += opened.rejected
        tally.skipped["rejected_before"] += len(refusals) - opened.rejected  # by another run, meanwhile
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
            failed_after=self.clock() - FAILURE_WINDOW,
        )

    def _choose(
        self, intake: Intake, known: Known, request: OrchestrateRequest, room: int, tally: Tally
    ) -> Chosen:
        items: list[tuple[Candidate, Decision]] = []
        size = 0
        for place, candidate in enumerate(intake.candidates):
            record = known.records.get(candidate.record.key, KnownRecord())
            skip = _skip(candidate, record)
            if skip is None and (len(items) >= room or size >= CHUNK_BYTES):
                return Chosen(items, intake.candidates[place:])
            tally.read += 1
            if skip is not None:
                tally.skipped[skip] += 1
                tally.to_note.append(Skipped(candidate.record.key, candidate.content_hash))
                continue
            decision = decide(
                candidate.record,
                _history(candidate, record, known),
                request.policy,
                self.config,
                request.force,
            )
            items.append((candidate, decision))
            size += len(json.dumps(candidate.record.source))
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

    def _remember(self, noted: Sequence[NotedRow], tally: Tally) -> Sequence[NotedRow]:
        """Tells the ledger, which only saves the source work: a run does not fail because of it.

        Returns the rows that the ledger has and the store does not know of yet.
        """
        seen = 0
        while noted:
            seen += len(noted)
            try:
                self.source.remember(noted)
            except SourceUnavailable as error:
                tally.notes.append(f"the source's ledger learns of {len(noted)} rows later: {error.detail}")
                return []
            if len(noted) < LEDGER_PAGE or seen >= LEDGER_MOST:
                return noted
            noted = self.store.note_ledgered(noted)
        return []

    def _note(
        self,
        request: OrchestrateRequest,
        tally: Tally,
        enqueued: Sequence[uuid.UUID],
        *,
        ledgered: Sequence[NotedRow] = (),
        closed: bool = False,
    ) -> None:
        skipped, tally.to_note = tally.to_note, []
        self.store.note_progress(
            request.batch_id,
            enqueued=enqueued,
            counts=tally.to_json(),
            ledgered=ledgered,
            skipped=skipped,
            closed=closed,
        )


def _skip(candidate: Candidate, record: KnownRecord) -> str | None:
    """The reason not to open it now. The store decides once more when it is opened."""
    returned = candidate.returned and not record.opened_last  # the ledger may lag: then it is still "back"
    if record.skip in SETTLED and returned:
        return None
    if record.skip is None and record.again and not candidate.again and not returned:
        return "not_its_turn"  # the ledger took it for fresh: it comes again with those of its age
    return record.skip


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
        "returned": candidate.returned,
    }
