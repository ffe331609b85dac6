"""Finds lost work: tasks that never reached the queue, that the queue lost, or whose dead letter was lost.

Cloud Tasks deletes an exhausted task silently, so the sweep asks the queue about each task that is silent for too long.
What failed and what was never enqueued comes first; each kind has its share of the time, so that none hides another.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.clock import Clock
from shared.enrichment.naming import MAX_RENEWALS, automation_task_name
from shared.enrichment.ports import EnqueueFailure, QueueTask, TaskQueue
from shared.enrichment.store import Due, HandOverStore, SweepCandidate
from shared.errors import QueueUnavailable, SwitchyardError
from shared.workflow_config import WorkflowConfig

PAGE = 64
"""Tasks that are read, asked about and helped together. What one page found is stored before the next one is read."""

SHARES = {Due.HAND_OVER: 0.5, Due.ENQUEUE: 0.75, Due.SILENT: 1.0}
"""The kinds in their order, each with the part of the sweep's time at whose end it begins nothing more."""


class Rescue(StrEnum):
    HAND_OVER = "handed_over"  # the dead letter never became a manual task
    ENQUEUE = "enqueued"  # it had not reached the queue, or waited for a new generation
    WAIT = "still_queued"  # the queue has it: look again later
    RENEW = "renewed"  # the queue lost it, and no attempt was made
    DEAD_LETTER = "dead_lettered"  # the queue lost it after an attempt
    LEAVE = "moved_on"  # it changed between the look and the rescue


def rescue_of(candidate: SweepCandidate, *, queued: bool) -> Rescue:
    """The rescue of a silent task; `queued`: the queue still holds it. Pure."""
    if queued:
        return Rescue.WAIT
    # a call that the vendor's limit refused is no attempt, so a task that waits for the reset has deliveries
    unspent = candidate.attempts == 0 or candidate.answered
    return Rescue.RENEW if unspent and candidate.renewed < MAX_RENEWALS else Rescue.DEAD_LETTER


@dataclass
class Swept:
    """The counts of one sweep, and what stopped a part of it."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[SwitchyardError] = field(default_factory=list)

    @property
    def fault(self) -> SwitchyardError | None:
        """The one to report: one that only people can mend before one that ends by itself."""
        return min(self.faults, key=lambda fault: fault.retriable, default=None)

    def to_json(self) -> dict[str, int]:
        """Tasks per rescue; `unanswered` and `not_enqueued` are tried again, `out_of_time` counts kinds cut short."""
        names = ("looked_at", "not_enqueued", "unanswered", "out_of_time", *Rescue)
        return {str(name): self.counts[name] for name in names}


@dataclass(frozen=True)
class Turn:
    """One kind's share of a sweep."""

    due: Due
    clock: Clock
    until: datetime
    swept: Swept

    @property
    def over(self) -> bool:
        return self.clock() >= self.until

    def one_by_one(self, tasks: Sequence[SweepCandidate], act: Callable[[SweepCandidate], Rescue]) -> None:
        """Counts what `act` did for each task, until the turn is over. One that fails stops no other."""
        for task in tasks:
            if self.over:
                return
            try:
                self.swept.counts[act(task)] += 1
            except SwitchyardError as fault:
                self.swept.counts["unanswered"] += 1
                self.swept.faults.append(fault)


@dataclass(frozen=True)
class Sweeper:
    """`budget`: after it a sweep begins nothing more; the page at hand is finished."""

    store: HandOverStore
    queue: TaskQueue
    config: WorkflowConfig
    clock: Clock
    budget: timedelta

    def sweep(self, limit: int) -> Swept:
        """Looks at `limit` tasks of each kind at most, the longest overdue first.

        What the database or the queue raises ends the turn of that kind, is kept, and stops no other.
        """
        begun, swept = self.clock(), Swept()
        help_page = {Due.HAND_OVER: self._hand_over, Due.ENQUEUE: self._enqueue, Due.SILENT: self._ask}
        for due, share in SHARES.items():
            turn = Turn(due, self.clock, begun + share * self.budget, swept)
            try:
                for page in self._pages(turn, limit):
                    help_page[due](turn, page)
            except SwitchyardError as fault:
                swept.faults.append(fault)
        return swept

    def _pages(self, turn: Turn, limit: int) -> Iterator[Sequence[SweepCandidate]]:
        after: SweepCandidate | None = None
        while limit > 0:
            if turn.over:
                turn.swept.counts["out_of_time"] += 1
                return
            size = min(PAGE, limit)
            page = self.store.sweep_candidates(turn.due, size, after)
            turn.swept.counts["looked_at"] += len(page)
            if page:
                yield page
            if len(page) < size:
                return
            limit, after = limit - size, page[-1]

    def _hand_over(self, turn: Turn, page: Sequence[SweepCandidate]) -> None:
        def hand_over(candidate: SweepCandidate) -> Rescue:
            outcome = self.store.create_fallback_task(candidate.id).outcome
            return Rescue.HAND_OVER if outcome in {"created", "exists"} else Rescue.LEAVE

        turn.one_by_one(page, hand_over)

    def _enqueue(self, turn: Turn, page: Sequence[SweepCandidate]) -> None:
        """Raises QueueUnavailable when the queue takes none of them, SettingsInvalid when it is missing."""
        failures = self._create({candidate: candidate.generation for candidate in page}, turn.swept)
        turn.swept.counts[Rescue.ENQUEUE] += len(page) - len(failures)
        if len(failures) == len(page):
            self.queue.check()
            raise QueueUnavailable(f"the queue takes no tasks: {failures[0].message}")

    def _ask(self, turn: Turn, page: Sequence[SweepCandidate]) -> None:
        """Raises QueueUnavailable when no question was answered, SettingsInvalid when the queue is missing."""
        names = {candidate: automation_task_name(candidate.id, candidate.generation) for candidate in page}
        try:
            held = self.queue.held(list(names.values()))
        except QueueUnavailable:
            self._put_off(page, turn.swept)
            raise
        plan: dict[Rescue, list[SweepCandidate]] = {rescue: [] for rescue in Rescue}
        for candidate, name in names.items():
            if name in held:
                plan[rescue_of(candidate, queued=held[name])].append(candidate)
        self._put_off([candidate for candidate, name in names.items() if name not in held], turn.swept)
        if waiting := plan[Rescue.WAIT]:
            extended = self.store.extend_patience([candidate.id for candidate in waiting])
            turn.swept.counts.update({Rescue.WAIT: extended, Rescue.LEAVE: len(waiting) - extended})
        turn.one_by_one(plan[Rescue.DEAD_LETTER], self._dead_letter)
        self._renew(turn, plan[Rescue.RENEW])

    def _put_off(self, unanswered: Sequence[SweepCandidate], swept: Swept) -> None:
        """So that tasks about which the queue never answers do not stay at the head of the list."""
        if unanswered:
            swept.counts["unanswered"] += len(unanswered)
            self.store.ask_again_soon([candidate.id for candidate in unanswered])

    def _dead_letter(self, candidate: SweepCandidate) -> Rescue:
        to_manual = self.config.automation_failure_to_manual
        message = f"the queue lost the task after delivery {candidate.deliveries}"
        if not self.store.fail_lost_task(candidate.id, candidate.generation, message, to_manual=to_manual):
            return Rescue.LEAVE
        if to_manual:
            self.store.create_fallback_task(candidate.id)
        return Rescue.DEAD_LETTER

    def _renew(self, turn: Turn, lost: Sequence[SweepCandidate]) -> None:
        """Those that the queue does not take now wait as tasks that were never enqueued."""
        renewed: dict[SweepCandidate, int] = {}

        def renew(candidate: SweepCandidate) -> Rescue:
            generation = self.store.renew_generation(candidate.id, candidate.generation)
            if generation is None:
                return Rescue.LEAVE
            renewed[candidate] = generation
            return Rescue.RENEW

        turn.one_by_one(lost, renew)
        self._create(renewed, turn.swept)

    def _create(self, due: Mapping[SweepCandidate, int], swept: Swept) -> Sequence[EnqueueFailure]:
        """Puts tasks of these generations into the queue. Returns the failures; the next sweep tries them again."""
        by_name = {
            automation_task_name(each.id, generation): (each, generation) for each, generation in due.items()
        }
        failures = self.queue.enqueue(
            [
                QueueTask(name, {"automation_task_id": str(candidate.id)}, candidate.not_before)
                for name, (candidate, _) in by_name.items()
            ]
        )
        for failure in failures:
            by_name.pop(failure.name)
        swept.counts["not_enqueued"] += len(failures)
        if by_name:
            self.store.note_enqueued({each.id: generation for each, generation in by_name.values()})
        return failures
