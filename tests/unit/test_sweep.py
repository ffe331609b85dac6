"""The sweep finds lost tasks and leaves all others alone."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.enrichment.automate import Delivery
from shared.enrichment.naming import MAX_RENEWALS
from shared.enrichment.ports import DailyLimited, ErrorCategory, Refused, Unavailable
from shared.enrichment.store import Due, Handover, SweepCandidate
from shared.enrichment.sweep import Rescue, rescue_of
from shared.errors import QueueUnavailable, StoreRefused
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import NOTHING_SWEPT, Enrichment, parts
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES, InMemoryRecordStore

UNKNOWN = Refused(ErrorCategory.NOT_FOUND, "no such part")


@pytest.mark.parametrize(
    ("state", "queued", "attempts", "answered", "renewed", "rescue"),
    [
        ("initialized",   True,  0, False, 0,               Rescue.WAIT),
        ("processing",    True,  3, False, 0,               Rescue.WAIT),
        ("initialized",   False, 0, False, 0,               Rescue.RENEW),
        ("initialized",   False, 0, False, MAX_RENEWALS, Rescue.DEAD_LETTER),
        ("data_finished", False, 3, True,  0,               Rescue.RENEW),
        ("data_finished", False, 3, True,  MAX_RENEWALS, Rescue.DEAD_LETTER),
        ("processing",    False, 1, False, 0,               Rescue.DEAD_LETTER),
        ("processing",    False, 0, False, 3,               Rescue.RENEW),  # refused by a limit each time
    ],
)  # fmt: skip
def test_each_silent_task_has_its_rescue(
    *, state: str, queued: bool, attempts: int, answered: bool, renewed: int, rescue: Rescue
) -> None:
    candidate = SweepCandidate(
        uuid4(), state, 9, attempts + 1, attempts, answered, SettableClock().now, renewed=renewed
    )
    assert rescue_of(candidate, queued=queued) is rescue


def test_a_line_in_good_order_needs_no_sweep() -> None:
    enrichment = Enrichment()
    enrichment.work(enrichment.opened())
    enrichment.clock.advance(days=1)
    assert enrichment.sweep() == NOTHING_SWEPT


def test_a_task_that_the_queue_did_not_take_is_enqueued_later() -> None:
    enrichment = Enrichment()
    enrichment.queue.down = True
    task = enrichment.opened()
    enrichment.clock.advance(seconds=TIMES.grace)
    swept = enrichment.swept()
    assert swept.to_json() == NOTHING_SWEPT | {"looked_at": 1, "not_enqueued": 1}
    assert isinstance(swept.fault, QueueUnavailable)
    enrichment.queue.down = False
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "enqueued": 1}
    assert enrichment.queue.task_ids == [str(task.id)]
    assert enrichment.sweep() == NOTHING_SWEPT
    assert enrichment.work(task).outcome == "completed"


def test_a_task_that_the_queue_still_has_is_left_to_it() -> None:
    enrichment = Enrichment()
    enrichment.opened()
    enrichment.clock.advance(seconds=TIMES.patience)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "still_queued": 1}
    assert enrichment.sweep() == NOTHING_SWEPT
    assert len(enrichment.queue.tasks) == 1


def test_a_task_that_the_queue_lost_undelivered_gets_a_new_generation() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    (lost,) = enrichment.queue.tasks
    enrichment.queue.drop(lost)
    enrichment.clock.advance(seconds=TIMES.patience)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "renewed": 1}
    assert enrichment.queue.tasks.keys() != {lost}
    assert enrichment.queue.task_ids == [str(task.id)]
    assert task.state == "initialized"


def test_a_task_that_is_lost_again_and_again_goes_to_a_person() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    for _ in range(MAX_RENEWALS):
        enrichment.queue.tasks.clear()
        enrichment.clock.advance(seconds=TIMES.patience)
        assert enrichment.sweep()["renewed"] == 1
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.patience)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "dead_lettered": 1}
    assert (task.state, task.category) == ("failed", ErrorCategory.LOST)
    assert [manual.automation for manual in enrichment.manual] == [task]


def test_a_task_lost_after_a_delivery_goes_to_a_person_with_its_last_error() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(Unavailable(ErrorCategory.TIMEOUT, "slow"))
    assert enrichment.work(task).status == 503
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.patience)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "dead_lettered": 1}
    assert (task.category, [manual.cause for manual in enrichment.manual]) == (
        ErrorCategory.TIMEOUT,
        [ErrorCategory.TIMEOUT],
    )


def test_a_saved_answer_is_not_lost_with_the_queue_task() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    owner = uuid4()
    enrichment.store.claim_automation_task(task.id, owner)
    enrichment.store.save_vendor_answer(task.id, owner, {"category": "Logic"})
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.lease + TIMES.patience)
    assert enrichment.sweep()["renewed"] == 1
    assert enrichment.work(task).outcome == "completed"
    assert enrichment.catalogue.asked == [], "the vendor was asked before the crash"


def test_a_postponed_task_is_enqueued_for_its_time() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    until = enrichment.clock() + timedelta(hours=5)
    enrichment.catalogue.planned = [DailyLimited("enough", until)]
    enrichment.queue.tasks.clear()
    enrichment.queue.capacity = 0
    assert enrichment.work(task).status == 503
    enrichment.queue.capacity = None
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep()["enqueued"] == 1
    assert [queued.schedule_time for queued in enrichment.queue.tasks.values()] == [until]


def test_a_dead_letter_that_got_lost_becomes_a_manual_task() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(UNKNOWN)
    assert enrichment.work(task).outcome == "dead_lettered"
    enrichment.dead_letters.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "handed_over": 1}
    assert [manual.automation for manual in enrichment.manual] == [task]
    assert enrichment.sweep() == NOTHING_SWEPT


def test_dead_letters_are_handed_over_while_the_queue_is_down() -> None:
    enrichment = Enrichment(parts(2))
    enrichment.catalogue.planned = [UNKNOWN]
    enrichment.run()
    dead, alive = enrichment.store.tasks.values()
    enrichment.work(dead)
    enrichment.clock.advance(seconds=TIMES.patience)
    enrichment.queue.down = True
    assert isinstance(enrichment.swept().fault, QueueUnavailable)
    assert [manual.automation for manual in enrichment.manual] == [dead]
    assert alive.state == "initialized"


def test_without_hand_over_a_lost_task_stays_failed() -> None:
    enrichment = Enrichment(config=WorkflowConfig(automation_failure_to_manual=False))
    task = enrichment.opened()
    enrichment.store.claim_automation_task(task.id, uuid4())
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.lease + TIMES.patience)
    assert enrichment.sweep()["dead_lettered"] == 1
    assert (task.state, enrichment.manual) == ("failed", [])
    assert enrichment.sweep() == NOTHING_SWEPT


def test_a_sweep_is_bounded() -> None:
    enrichment = Enrichment(parts(5))
    enrichment.queue.down = True
    enrichment.run()
    enrichment.queue.down = False
    enrichment.clock.advance(seconds=TIMES.grace)
    assert [enrichment.sweep(2)["enqueued"] for _ in range(4)] == [2, 2, 1, 0]
    assert len(enrichment.queue.tasks) == 5


@dataclass
class Meanwhile(InMemoryRecordStore):
    """A worker works on each task between the sweep's look and its action."""

    enrichment: Enrichment | None = None

    def sweep_candidates(
        self, due: Due, limit: int, after: SweepCandidate | None = None
    ) -> list[SweepCandidate]:
        found = list(super().sweep_candidates(due, limit, after))
        assert self.enrichment is not None
        for each in found:
            self.enrichment.worker(self).work(Delivery(each.id, 1, last=False))
        return found


@pytest.mark.parametrize("delivered", [False, True])
def test_a_task_that_moves_while_it_is_swept_is_left_alone(*, delivered: bool) -> None:
    enrichment = Enrichment()
    enrichment.store = Meanwhile(enrichment.clock, enrichment=enrichment)
    task = enrichment.opened()
    if delivered:
        enrichment.store.claim_automation_task(task.id, uuid4())
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.lease + TIMES.patience)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": 1, "moved_on": 1}
    assert (task.state, enrichment.manual, enrichment.queue.tasks) == ("completed", [], {})


@dataclass
class Picky(InMemoryRecordStore):
    refused: UUID | None = None

    def create_fallback_task(self, task_id: UUID) -> Handover:
        if task_id == self.refused:
            raise StoreRefused("create_fallback_task: 22P05: no such text")
        return super().create_fallback_task(task_id)


def test_one_task_that_the_store_refuses_does_not_hold_up_the_others() -> None:
    enrichment = Enrichment(parts(3))
    enrichment.store = store = Picky(enrichment.clock)
    enrichment.catalogue.planned = [UNKNOWN, UNKNOWN]
    enrichment.run()
    first, second, third = enrichment.store.tasks.values()
    store.refused = first.id
    enrichment.work(first)
    enrichment.work(second)
    enrichment.queue.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.patience)
    swept = enrichment.swept()
    assert isinstance(swept.fault, StoreRefused)
    assert swept.to_json() == NOTHING_SWEPT | {
        "looked_at": 3,
        "handed_over": 1,
        "unanswered": 1,
        "renewed": 1,
    }
    assert [manual.automation for manual in enrichment.manual] == [second]
    assert enrichment.queue.task_ids == [str(third.id)]
