"""Completes one record at the vendor: claim, look up, save, store the product. At most three database calls."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.enrichment.delivery import DeadLetter, Postpone, Retry, Save, SlowDown, next_step
from shared.enrichment.naming import MAX_GENERATIONS, automation_task_name, dead_letter_name
from shared.enrichment.ports import (
    ErrorCategory,
    JsonObject,
    PartCatalogue,
    Product,
    QueueTask,
    Refused,
    TaskQueue,
)
from shared.enrichment.routing.identity import manufacturer_key
from shared.enrichment.store import Claim, ClaimOutcome, WorkerStore
from shared.errors import StoreRefused
from shared.workflow_config import WorkflowConfig


@dataclass(frozen=True)
class Delivery:
    """`last`: the queue deletes the task when this delivery fails. `queue_task` is that task's short name."""

    task_id: UUID
    number: int
    last: bool
    queue_task: str = ""


@dataclass(frozen=True)
class Reply:
    """The answer to the queue: 200 ends its task, 409, 429 and 503 repeat it. `retry_after` in seconds."""

    status: int
    outcome: str
    detail: str = ""
    retry_after: float | None = None


LEASED = Reply(409, "leased", "another delivery works on this record")
EARLY = Reply(409, "early", "the vendor's limit has not ended yet")
MOVED_ON = Reply(409, "moved_on", "the record went on without this delivery")


@dataclass(frozen=True)
class Worker:
    store: WorkerStore
    catalogue: PartCatalogue
    queue: TaskQueue
    dead_letters: TaskQueue
    config: WorkflowConfig

    def work(self, delivery: Delivery) -> Reply:
        """Raises NotFound for an unknown task, and StoreUnavailable: the queue then delivers again."""
        owner = uuid.uuid4()
        claim = self.store.claim_automation_task(delivery.task_id, owner)
        match claim.outcome:
            case ClaimOutcome.ENDED:
                return (
                    self._send_dead_letter(delivery.task_id)
                    if claim.dead_letter_due
                    else Reply(200, claim.state)
                )
            case ClaimOutcome.LEASED:
                return LEASED
            case ClaimOutcome.POSTPONED:
                waiting = automation_task_name(delivery.task_id, claim.generation)
                if delivery.queue_task == waiting:  # after a 200 no queue task would be left for the record
                    return EARLY
                return self._wait(delivery.task_id, claim.generation, claim.not_before)
            case ClaimOutcome.SPENT:
                last = claim.error_message or "the last attempt ended without a message"
                spent = f"all {claim.attempts} attempts are spent; {last}"
                return self._dead_letter(
                    delivery, owner, DeadLetter(claim.error_category or ErrorCategory.LOST, spent)
                )
            case ClaimOutcome.CLAIMED:  # pragma: no branch - the type checker knows no other
                return self._complete(delivery, owner, claim)

    def _complete(self, delivery: Delivery, owner: UUID, claim: Claim) -> Reply:
        if claim.answer is not None:
            return self._store(delivery, owner, claim, claim.answer)
        outcome = self.catalogue.look_up(claim.pn, claim.manufacturer)
        budget = self.config.automation_retry_attempts
        step = next_step(
            outcome,
            attempt=claim.attempts,
            budget=budget,
            last_delivery=delivery.last,
            renewable=claim.generation < MAX_GENERATIONS,
        )
        match step:
            case Save(answer):
                try:
                    saved = self.store.save_vendor_answer(delivery.task_id, owner, answer)
                except StoreRefused as error:
                    return self._dead_letter(
                        delivery, owner, DeadLetter(ErrorCategory.STORE_ERROR, error.detail)
                    )
                return self._store(delivery, owner, claim, answer) if saved else MOVED_ON
            case Retry(category, message, answer):
                self.store.release_automation_task(delivery.task_id, owner, category, message, answer=answer)
                return Reply(503, "retry", message)
            case SlowDown(message, retry_after):
                self.store.release_automation_task(
                    delivery.task_id, owner, ErrorCategory.RATE_LIMITED, message, refund=True
                )
                return Reply(429, "slow_down", message, retry_after)
            case Postpone(message, until):
                generation = self.store.postpone_automation_task(
                    delivery.task_id, owner, until, message, refund=True
                )
                if generation is None:
                    return MOVED_ON
                return self._wait(delivery.task_id, generation, until)
            case DeadLetter():  # pragma: no branch - the type checker knows no other
                return self._dead_letter(delivery, owner, step)

    def _store(self, delivery: Delivery, owner: UUID, claim: Claim, answer: JsonObject) -> Reply:
        product = self.catalogue.read(answer, claim.pn, claim.manufacturer)
        if isinstance(product, Refused):
            return self._dead_letter(
                delivery, owner, DeadLetter(product.category, product.message, product.answer)
            )
        try:
            finished = self.store.finish_automation_task(delivery.task_id, owner, product_json(product))
        except StoreRefused as error:
            return self._dead_letter(delivery, owner, DeadLetter(ErrorCategory.STORE_ERROR, error.detail))
        return Reply(200, "completed") if finished else MOVED_ON

    def _wait(self, task_id: UUID, generation: int, until: datetime | None) -> Reply:
        task = QueueTask(
            automation_task_name(task_id, generation), {"automation_task_id": str(task_id)}, until
        )
        if failures := self.queue.enqueue([task]):
            return Reply(503, "retry", f"could not be put back into the queue: {failures[0].message}")
        self.store.note_enqueued({task_id: generation})
        return Reply(200, "postponed", f"waits until {until}" if until else "begins again as a new task")

    def _dead_letter(self, delivery: Delivery, owner: UUID, letter: DeadLetter) -> Reply:
        to_manual = self.config.automation_failure_to_manual
        failed = self.store.fail_automation_task(
            delivery.task_id,
            owner,
            letter.category,
            letter.message,
            to_manual=to_manual,
            answer=letter.answer,
        )
        if not failed:
            return MOVED_ON
        return (
            self._send_dead_letter(delivery.task_id, letter.message)
            if to_manual
            else Reply(200, "failed", letter.message)
        )

    def _send_dead_letter(self, task_id: UUID, reason: str = "") -> Reply:
        task = QueueTask(dead_letter_name(task_id), {"automation_task_id": str(task_id)})
        if failures := self.dead_letters.enqueue([task]):
            return Reply(503, "retry", f"the dead letter could not be sent: {failures[0].message}")
        return Reply(200, "dead_lettered", reason)


def product_json(product: Product) -> dict[str, Any]:
    """The form that `write_product` reads. Money is text, so that no digit is lost."""
    price = product.unit_price
    return asdict(product) | {
        "unit_price": None if price is None else str(price),
        "manufacturer_key": manufacturer_key(product.manufacturer),
        "extras": dict(product.extras),
    }
