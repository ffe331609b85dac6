"""One delivery of an automation task, for every outcome of the vendor."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from shared.enrichment.automate import Delivery, product_json
from shared.enrichment.naming import MAX_RENEWALS
from shared.enrichment.ports import (
    Attribute,
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    Media,
    Product,
    Refused,
    Unavailable,
)
from shared.errors import NotFound
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import Enrichment
from tests.memory.record_store import TIMES, InMemoryRecordStore
from tests.memory.rows import Task

SLOW = Unavailable(ErrorCategory.TIMEOUT, "slow", {"status": 504})
TOO_FAST = BurstLimited("too fast", 2.5)


def handed_over(enrichment: Enrichment, task: Task) -> list[ErrorCategory | None]:
    """The causes of the manual tasks after the dead letter was delivered twice."""
    assert enrichment.dead_letters.task_ids == [str(task.id)]
    for _ in range(2):
        enrichment.store.create_fallback_task(task.id)
    return [manual.cause for manual in enrichment.manual]


def test_a_part_that_the_vendor_knows_is_completed() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    reply = enrichment.work(task)
    assert (reply.status, reply.outcome, task.state) == (200, "completed", "completed")
    assert enrichment.store.products["A|texas instruments"]["category"] == "Logic"
    assert enrichment.catalogue.asked == ["A"]


class Counted:
    """A store that lists the calls made to it."""

    def __init__(self, store: InMemoryRecordStore) -> None:
        self.calls: list[str] = []
        self._store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the store
        self.calls.append(name)
        return getattr(self._store, name)


def test_a_record_takes_two_database_calls() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    store: Any = Counted(enrichment.store)
    assert enrichment.worker(store).work(Delivery(task.id, 1, last=False)).outcome == "completed"
    assert store.calls == ["claim_automation_task", "finish_automation_task"]


def test_a_second_delivery_of_a_finished_task_changes_nothing() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    enrichment.work(task)
    reply = enrichment.work(task, 2)
    assert (reply.status, reply.outcome) == (200, "completed")
    assert (enrichment.catalogue.asked, task.attempts, task.deliveries) == (["A"], 1, 1)


@pytest.mark.parametrize(
    "category",
    [
        ErrorCategory.NOT_FOUND,
        ErrorCategory.AMBIGUOUS,
        ErrorCategory.INVALID_RESPONSE,
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_what_cannot_succeed_goes_to_a_person_at_once(*, category: ErrorCategory, last: bool) -> None:
    enrichment = Enrichment()
    task = enrichment.opened(Refused(category, "no such part"))
    reply = enrichment.work(task, last=last)
    assert (reply.status, reply.outcome, reply.detail) == (200, "dead_lettered", "no such part")
    assert (task.state, task.message) == ("failed", "no such part")
    assert handed_over(enrichment, task) == [category]


def test_a_dead_letter_is_sent_once_however_often_the_task_is_delivered() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(Refused(ErrorCategory.NOT_FOUND, "no such part"))
    for number in range(1, 4):
        assert enrichment.work(task, number).status == 200
    assert handed_over(enrichment, task) == [ErrorCategory.NOT_FOUND]
    assert enrichment.work(task, 4).outcome == "failed"


def test_a_passing_failure_is_left_to_the_queue_while_attempts_are_left() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(SLOW, SLOW)
    for number in (1, 2):
        reply = enrichment.work(task, number)
        assert (reply.status, reply.outcome, reply.retry_after) == (503, "retry", None)
        assert (task.state, task.attempts, task.lease_until) == ("processing", number, None)
        assert (task.category, task.message) == (ErrorCategory.TIMEOUT, "slow")
    assert enrichment.work(task, 3).outcome == "completed"


def test_spent_attempts_go_to_a_person() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(SLOW, SLOW, SLOW)
    statuses = [enrichment.work(task, number).status for number in (1, 2, 3)]
    assert (statuses, task.message) == ([503, 503, 200], "slow (attempt 3 of 3)")
    assert handed_over(enrichment, task) == [ErrorCategory.TIMEOUT]


def test_the_last_delivery_leaves_nothing_to_the_queue() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(SLOW)
    reply = enrichment.work(task, 10, last=True)
    assert (reply.status, reply.outcome) == (200, "dead_lettered")
    assert task.message == "slow (the queue's last delivery)"
    assert handed_over(enrichment, task) == [ErrorCategory.TIMEOUT]


def test_a_burst_limit_costs_no_attempt_and_slows_the_queue() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(*[TOO_FAST] * 7)
    for number in range(1, 8):
        reply = enrichment.work(task, number)
        assert (reply.status, reply.outcome, reply.retry_after) == (429, "slow_down", 2.5)
        assert (task.attempts, task.lease_until) == (0, None)
    assert enrichment.work(task, 8).outcome == "completed"
    assert task.attempts == 1


def test_a_burst_limit_on_the_last_delivery_makes_a_new_queue_task() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(TOO_FAST)
    enrichment.queue.tasks.clear()
    reply = enrichment.work(task, 10, last=True)
    assert (reply.status, reply.outcome) == (200, "postponed")
    (renewed,) = enrichment.queue.tasks.values()
    assert (renewed.schedule_time, renewed.body) == (None, {"automation_task_id": str(task.id)})
    assert (task.attempts, task.generation, task.enqueued) == (0, 1, True)
    assert enrichment.work(task).outcome == "completed"


def test_a_burst_limit_that_outlasts_all_new_queue_tasks_goes_to_a_person() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(*[TOO_FAST] * (MAX_RENEWALS + 1))
    for _ in range(MAX_RENEWALS):
        assert enrichment.work(task, 10, last=True).outcome == "postponed"
    assert enrichment.work(task, 10, last=True).outcome == "dead_lettered"
    assert handed_over(enrichment, task) == [ErrorCategory.RATE_LIMITED]


@pytest.mark.parametrize("last", [False, True])
def test_a_daily_limit_moves_the_task_to_after_the_reset(*, last: bool) -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    reset = enrichment.clock() + timedelta(hours=9)
    enrichment.catalogue.planned = [DailyLimited("enough for today", reset)]
    enrichment.queue.tasks.clear()
    reply = enrichment.work(task, 10 if last else 1, last=last)
    assert (reply.status, reply.outcome) == (200, "postponed")
    (waiting,) = enrichment.queue.tasks.values()
    assert (waiting.schedule_time, waiting.body) == (reset, {"automation_task_id": str(task.id)})
    assert (task.attempts, task.generation, task.enqueued) == (0, 1, True)
    enrichment.clock.now = reset
    assert enrichment.work(task).outcome == "completed"


def test_a_duplicate_of_a_postponed_task_waits_too() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    reset = enrichment.clock() + timedelta(hours=9)
    enrichment.catalogue.planned = [DailyLimited("enough for today", reset)]
    enrichment.queue.tasks.clear()
    enrichment.work(task)
    assert enrichment.work(task, 2).outcome == "postponed"
    assert len(enrichment.queue.tasks) == 1
    assert len(enrichment.catalogue.asked) == 1


def test_a_postponed_task_that_the_queue_delivers_too_early_stays_in_the_queue() -> None:
    """The queue's clock may be ahead of the database's, and a person can run a task by hand."""
    enrichment = Enrichment()
    task = enrichment.opened()
    reset = enrichment.clock() + timedelta(hours=9)
    enrichment.catalogue.planned = [DailyLimited("enough for today", reset)]
    enrichment.queue.tasks.clear()
    enrichment.work(task)
    (waiting,) = enrichment.queue.tasks
    early = enrichment.worker().work(Delivery(task.id, 1, last=False, queue_task=waiting))
    assert (early.status, early.outcome) == (409, "early")
    enrichment.clock.now = reset
    assert (
        enrichment.worker().work(Delivery(task.id, 2, last=False, queue_task=waiting)).outcome == "completed"
    )


def test_a_postponement_that_the_queue_does_not_take_is_tried_again_by_the_queue() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    reset = enrichment.clock() + timedelta(hours=9)
    enrichment.catalogue.planned = [DailyLimited("enough for today", reset)]
    enrichment.queue.down = True
    reply = enrichment.work(task)
    assert (reply.status, reply.outcome) == (503, "retry")
    enrichment.queue.down = False
    assert enrichment.work(task, 2).outcome == "postponed"
    assert len(enrichment.catalogue.asked) == 1


def test_a_delivery_during_another_is_asked_to_come_again() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    enrichment.store.claim_automation_task(task.id, uuid4())
    reply = enrichment.work(task, 2)
    assert (reply.status, reply.outcome, enrichment.catalogue.asked) == (409, "leased", [])


def test_a_delivery_after_a_crash_takes_over_when_the_lease_ends() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    enrichment.store.claim_automation_task(task.id, uuid4())
    enrichment.clock.advance(seconds=TIMES.lease + 1)
    assert enrichment.work(task, 2).outcome == "completed"
    assert task.attempts == 2, "the attempt that died counts"


def test_attempts_that_all_died_without_a_word_go_to_a_person_as_lost() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    for _ in range(3):
        enrichment.store.claim_automation_task(task.id, uuid4())
        enrichment.clock.advance(seconds=TIMES.lease + 1)
    reply = enrichment.work(task, 4)
    assert (reply.status, enrichment.catalogue.asked) == (200, [])
    assert task.message == "all 3 attempts are spent; the last attempt ended without a message"
    assert handed_over(enrichment, task) == [ErrorCategory.LOST]


def test_spent_attempts_keep_the_last_known_cause() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(SLOW, SLOW)
    enrichment.work(task)
    enrichment.work(task, 2)
    enrichment.store.claim_automation_task(task.id, uuid4())
    enrichment.clock.advance(seconds=TIMES.lease + 1)
    enrichment.work(task, 4)
    assert (task.category, task.message) == (ErrorCategory.TIMEOUT, "all 3 attempts are spent; slow")


def test_a_saved_answer_is_used_and_the_vendor_is_not_asked_again() -> None:
    enrichment = Enrichment()
    task = enrichment.opened()
    owner = uuid4()
    enrichment.store.claim_automation_task(task.id, owner)
    enrichment.store.save_vendor_answer(task.id, owner, {"category": "Saved"})
    enrichment.clock.advance(seconds=TIMES.lease + 1)
    assert enrichment.work(task, 2).outcome == "completed"
    assert (enrichment.store.products["A|texas instruments"]["category"], enrichment.catalogue.asked) == (
        "Saved",
        [],
    )


def test_an_answer_that_nothing_can_be_made_of_goes_to_a_person() -> None:
    enrichment = Enrichment()
    task = enrichment.opened(Found({"unexpected": True}))
    assert enrichment.work(task).outcome == "dead_lettered"
    assert handed_over(enrichment, task) == [ErrorCategory.INVALID_RESPONSE]


def test_an_unknown_task_is_not_found() -> None:
    with pytest.raises(NotFound):
        Enrichment().worker().work(Delivery(uuid4(), 1, last=False))


def test_without_hand_over_a_failure_stays_failed_and_no_dead_letter_is_sent() -> None:
    enrichment = Enrichment(config=WorkflowConfig(automation_failure_to_manual=False))
    task = enrichment.opened(Refused(ErrorCategory.NOT_FOUND, "no such part"))
    reply = enrichment.work(task)
    assert (reply.status, reply.outcome, task.state) == (200, "failed", "failed")
    assert (enrichment.dead_letters.tasks, enrichment.store.create_fallback_task(task.id).outcome) == (
        {},
        "off",
    )
    assert enrichment.work(task, 2).outcome == "failed"


def test_a_product_is_written_without_losing_a_digit() -> None:
    written = product_json(
        Product(
            pn="A",
            manufacturer="Texas  Instruments",
            unit_price=Decimal("0.10000000000000000001"),
            attributes=[Attribute("Voltage", "5 V", "14")],
            media=[Media("photo", "https://a/b.jpg")],
            extras={"rohs": True},
        )
    )
    assert written["unit_price"] == "0.10000000000000000001"
    assert written["attributes"] == [{"name": "Voltage", "value": "5 V", "vendor_id": "14"}]
    assert written["media"] == [{"kind": "photo", "url": "https://a/b.jpg", "title": None}]
    assert (written["extras"], written["manufacturer_key"]) == ({"rohs": True}, "texas instruments")
    assert written["part_key"] == "A|texas instruments"


def test_a_product_without_a_price_has_none() -> None:
    assert product_json(Product(pn="A", manufacturer="TI"))["unit_price"] is None
