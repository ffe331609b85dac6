"""Finds lost work: tasks that never reached the queue, that the queue lost, or whose dead letter was lost.

Cloud Tasks deletes an exhausted task silently, so the sweep asks the queue about each task that is silent for too long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.enrichment.naming import MAX_RENEWALS, automation_task_name
from shared.enrichment.ports import QueueTask, TaskQueue
from shared.enrichment.store import HandOverStore, SweepCandidate
from shared.errors import StoreRefused
from shared.workflow_config import WorkflowConfig


class Rescue(StrEnum):
    HAND_OVER = "handed_over"  # the dead letter never became a manual task
    ENQUEUE = "enqueued"  # it never reached the queue, or waits for a new generation
    WAIT = "still_queued"  # the queue has it: look again later
    RENEW = "renewed"  # the queue lost it, and no attempt was made
    DEAD_LETTER = "dead_lettered"  # the queue lost it after an attempt
    LEAVE = "moved_on"  # it changed between the look and the rescue


def rescue_of(candidate: SweepCandidate, *, queued: bool) -> Rescue:
    """`queued`: the queue still holds the task. Pure."""
    if candidate.state == "failed":
        return Rescue.HAND_OVER
    if not candidate.enqueued:
        return Rescue.ENQUEUE
    if queued:
        return Rescue.WAIT
    # a call that the vendor's limit refused is no attempt, so a task that waits for the reset has deliveries
    unspent = candidate.attempts == 0 or candidate.answered
    return Rescue.RENEW if unspent and candidate.renewed < MAX_RENEWALS else Rescue.DEAD_LETTER


def _needs_the_queue(candidate: SweepCandidate) -> bool:
    return candidate.state != "failed"


@dataclass(frozen=True)
class Sweeper:
    store: HandOverStore
    queue: TaskQueue
    config: WorkflowConfig

    def sweep(self, limit: int) -> dict[str, int]:
        """Looks at `limit` tasks at most, the longest overdue first. Returns the number of tasks for each rescue.

        Raises StoreUnavailable and QueueUnavailable; earlier rescues stay done. A StoreRefused is raised at the end,
        so that one refused task does not delay the others.
        """
        candidates = self.store.sweep_candidates(limit)
        plan: dict[Rescue, list[SweepCandidate]] = {rescue: [] for rescue in Rescue}
        refusals: list[StoreRefused] = []
        for candidate in sorted(candidates, key=_needs_the_queue):
            rescue = self._rescue(candidate)
            try:
                if not self._give_to_person(candidate, rescue):
                    rescue = Rescue.LEAVE
            except StoreRefused as refusal:
                refusals.append(refusal)
            plan[rescue].append(candidate)
        if waiting := plan[Rescue.WAIT]:
            self.store.extend_patience([candidate.id for candidate in waiting])
        renewed = self._renew(plan[Rescue.RENEW])
        plan[Rescue.LEAVE] += [candidate for candidate in plan[Rescue.RENEW] if candidate not in renewed]
        plan[Rescue.RENEW] = list(renewed)
        never_enqueued = {candidate: candidate.generation for candidate in plan[Rescue.ENQUEUE]}
        not_enqueued = self._enqueue(never_enqueued | renewed)
        if refusals:
            raise refusals[0]
        return {"looked_at": len(candidates), "not_enqueued": not_enqueued} | {
            str(rescue): len(found) for rescue, found in plan.items()
        }

    def _rescue(self, candidate: SweepCandidate) -> Rescue:
        asked = candidate.enqueued and candidate.state != "failed"
        name = automation_task_name(candidate.id, candidate.generation)
        return rescue_of(candidate, queued=asked and self.queue.exists(name))

    def _give_to_person(self, candidate: SweepCandidate, rescue: Rescue) -> bool:
        """Gives the task to a person if that is its rescue. False: the task has changed meanwhile."""
        if rescue is Rescue.HAND_OVER:
            self.store.create_fallback_task(candidate.id)
        return rescue is not Rescue.DEAD_LETTER or self._dead_letter(candidate)

    def _dead_letter(self, candidate: SweepCandidate) -> bool:
        to_manual = self.config.automation_failure_to_manual
        message = f"the queue lost the task after delivery {candidate.deliveries}"
        failed = self.store.fail_lost_task(candidate.id, candidate.generation, message, to_manual=to_manual)
        if failed and to_manual:
            self.store.create_fallback_task(candidate.id)
        return failed

    def _renew(self, lost: Sequence[SweepCandidate]) -> dict[SweepCandidate, int]:
        """The tasks that have not changed meanwhile, each with its new generation."""
        renewed: dict[SweepCandidate, int] = {}
        for candidate in lost:
            generation = self.store.renew_generation(candidate.id, candidate.generation)
            if generation is not None:
                renewed[candidate] = generation
        return renewed

    def _enqueue(self, due: Mapping[SweepCandidate, int]) -> int:
        """Returns the number that the queue did not take; the next sweep tries them again."""
        if not due:
            return 0
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
        self.store.note_enqueued({candidate.id: generation for candidate, generation in by_name.values()})
        return len(failures)
