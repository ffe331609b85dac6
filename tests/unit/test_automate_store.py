"""The worker when the store refuses, is away, or has another owner for the task."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.enrichment.automate import Delivery
from shared.enrichment.ports import (
    Blame,
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    JsonObject,
    LookUp,
    Refused,
    Unavailable,
)
from shared.errors import StoreMisconfigured, StoreRefused, StoreUnavailable
from tests.enrichment_support import ANSWER, Enrichment
from tests.memory.catalogue import InMemoryCatalogue
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES, InMemoryRecordStore

REFUSED = Refused(ErrorCategory.NOT_FOUND, "no such part")
SLOW = Unavailable(ErrorCategory.TIMEOUT, "slow")
TOO_FAST = BurstLimited("too fast", 1)
ENOUGH = DailyLimited("enough", SettableClock().now + timedelta(days=1))

UNSUPPORTED = StoreRefused("22P05: unsupported text")


@dataclass
class Faulty(InMemoryRecordStore):
    """Raises `error` instead of the named calls, `times` times."""

    call: str = ""
    error: Exception = UNSUPPORTED
    times: int = 1000

    def _fault(self, call: str) -> None:
        if call in self.call.split() and self.times > 0:
            self.times -= 1
            raise self.error

    def save_vendor_answer(self, task_id: UUID, owner: UUID, answer: JsonObject) -> bool:
        self._fault("save")
        return super().save_vendor_answer(task_id, owner, answer)

    def finish_automation_task(
        self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
    ) -> bool:
        self._fault("finish")
        return super().finish_automation_task(task_id, owner, product, answer)

    def fail_automation_task(self, *arguments: Any, **more: Any) -> bool:  # noqa: ANN401 - passed on
        self._fault("fail")
        return super().fail_automation_task(*arguments, **more)


def enrichment_with(call: str, error: Exception = UNSUPPORTED, times: int = 1000) -> Enrichment:
    enrichment = Enrichment()
    enrichment.store = Faulty(enrichment.clock, call=call, error=error, times=times)
    return enrichment


def test_a_product_that_the_store_refuses_goes_to_a_person_and_its_answer_is_kept() -> None:
    enrichment = enrichment_with("finish")
    task = enrichment.opened()
    reply = enrichment.work(task)
    assert (reply.status, reply.outcome) == (200, "dead_lettered")
    assert (task.state, task.category, task.message) == (
        "failed",
        ErrorCategory.STORE_ERROR,
        "22P05: unsupported text",
    )
    assert task.answer == ANSWER, "it is paid for, and a redrive takes it over"
    assert enrichment.dead_letters.task_ids == [str(task.id)]
    assert task.blame is Blame.US, "its manufacturer has no part in a defect of ours"


def test_an_answer_that_the_store_refuses_too_goes_to_a_person_without_it() -> None:
    enrichment = enrichment_with("finish save")
    task = enrichment.opened()
    assert enrichment.work(task).outcome == "dead_lettered"
    assert (task.category, task.answer) == (ErrorCategory.STORE_ERROR, None)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreMisconfigured("42P01: no table products")])
@pytest.mark.parametrize(
    ("calls", "asked"),
    [
        ("finish", 1),  # the answer alone could be saved
        ("finish save", 2),
        ("fail", 2),
    ],
)
def test_a_store_that_is_away_or_unfit_leaves_the_task_to_the_queue(
    error: Exception, calls: str, asked: int
) -> None:
    enrichment = enrichment_with(calls, error, times=len(calls.split()))
    task = enrichment.opened(*([REFUSED] if calls == "fail" else []))
    with pytest.raises(type(error)):
        enrichment.work(task)
    assert not task.ended
    enrichment.clock.advance(seconds=TIMES.lease + 1)
    assert enrichment.work(task, 2).outcome == "completed"
    assert len(enrichment.catalogue.asked) == asked
    assert task.attempts == asked


def test_a_dead_letter_queue_that_is_down_is_tried_again_by_the_queue() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(REFUSED)
    enrichment.dead_letters.down = True
    reply = enrichment.work(task)
    assert (reply.status, reply.outcome) == (503, "retry")
    assert reply.detail == "the dead letter could not be sent: the queue is down"
    assert task.state == "failed"
    enrichment.dead_letters.down = False
    assert enrichment.work(task, 2).outcome == "dead_lettered"
    assert enrichment.dead_letters.task_ids == [str(task.id)]


def test_a_dead_letter_that_was_never_sent_is_found_by_the_sweep() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(REFUSED)
    enrichment.dead_letters.down = True
    enrichment.work(task, 10, last=True)
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep()["handed_over"] == 1
    assert [manual.automation for manual in enrichment.manual] == [task]


@dataclass
class Slow(InMemoryCatalogue):
    """The lease ends and something else happens while the vendor is asked."""

    meanwhile: Callable[[], object] = lambda: None

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        outcome = super().look_up(pn, manufacturer)
        happen, self.meanwhile = self.meanwhile, lambda: None
        happen()
        return outcome


def slow_line(*outcomes: LookUp) -> tuple[Enrichment, Delivery, list[str]]:
    """A delivery that is overtaken by a second one, whose outcome is the list's only member."""
    enrichment = Enrichment()
    enrichment.catalogue = slow = Slow()
    task = enrichment.opened(*outcomes)
    overtaking: list[str] = []

    def overtake() -> None:
        enrichment.clock.advance(seconds=TIMES.lease + 1)
        overtaking.append(enrichment.work(task, 2).outcome)

    slow.meanwhile = overtake
    return enrichment, Delivery(task.id, 1, last=False), overtaking


@pytest.mark.parametrize("late", [None, REFUSED, ENOUGH])
def test_a_late_end_after_another_delivery_completed_it_changes_nothing(late: LookUp | None) -> None:
    enrichment, delivery, overtaking = slow_line(*([late] if late else []))
    reply = enrichment.worker().work(delivery)
    repeated = (200, "completed")  # the product is there, whoever stored it
    assert overtaking == ["completed"]
    assert (reply.status, reply.outcome) == (repeated if late is None else (409, "moved_on"))
    task = enrichment.task_named(delivery.task_id)
    assert (task.state, task.hand_over, enrichment.manual, enrichment.dead_letters.tasks) == (
        "completed",
        "none",
        [],
        {},
    )


@pytest.mark.parametrize("late", [SLOW, TOO_FAST])
def test_a_late_failure_after_another_delivery_completed_it_is_for_the_queue_to_repeat(late: LookUp) -> None:
    enrichment, delivery, overtaking = slow_line(late)
    assert enrichment.worker().work(delivery).status in (409, 429)
    task = enrichment.task_named(delivery.task_id)
    assert (overtaking, task.state) == (["completed"], "completed")
    assert enrichment.work(task, 3).status == 200


def test_a_late_success_after_the_dead_letter_changes_nothing() -> None:
    enrichment, delivery, overtaking = slow_line()
    enrichment.catalogue.planned = []
    task = enrichment.task_named(delivery.task_id)
    catalogue = enrichment.catalogue
    assert isinstance(catalogue, Slow)
    overtake = catalogue.meanwhile

    def refuse() -> None:
        catalogue.planned = [REFUSED]
        overtake()

    catalogue.meanwhile = refuse
    reply = enrichment.worker().work(delivery)
    assert (overtaking, reply.status, reply.outcome) == (["dead_lettered"], 409, "moved_on")
    assert (task.state, enrichment.store.products) == ("failed", {})


def test_a_product_that_comes_after_the_lease_was_taken_over_is_not_written_twice() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    store, finish = enrichment.store, enrichment.store.finish_automation_task
    late: list[str] = []

    @dataclass
    class Overtaken(InMemoryRecordStore):
        def finish_automation_task(
            self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
        ) -> bool:
            if not late:
                late.append("overtaken")
                enrichment.clock.advance(seconds=TIMES.lease + 1)
                assert enrichment.work(task, 2).outcome == "completed"
            return finish(task_id, owner, product, answer)

    overtaken = Overtaken(enrichment.clock)
    overtaken.__dict__.update(store.__dict__)
    enrichment.store = overtaken
    assert enrichment.work(task).outcome == "completed", "it is, by the other delivery"
    assert (len(enrichment.catalogue.asked), task.attempts) == (2, 2)
    counts = enrichment.store.manufacturers["texas instruments"]
    assert (counts.attempts, counts.successes) == (1, 1)
