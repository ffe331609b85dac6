"""Completes one record at the vendor: claim, look up, store the answer and its product. Two database calls."""

import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.enrichment.delivery import (
    Chances,
    DeadLetter,
    Finish,
    Renew,
    Retry,
    SlowDown,
    Wait,
    next_step,
)
from shared.enrichment.naming import MAX_RENEWALS, automation_task_name, dead_letter_name
from shared.enrichment.ports import (
    Blame,
    ErrorCategory,
    JsonObject,
    PartCatalogue,
    Product,
    QueueTask,
    Refused,
    TaskQueue,
)
from shared.enrichment.routing.identity import manufacturer_key, record_key
from shared.enrichment.store import Claim, ClaimOutcome, Standing, WorkerStore
from shared.errors import StoreMisconfigured, StoreRefused, StoreUnavailable
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
EARLY = Reply(409, "early", "nobody may call the vendor yet")
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
        claim = self.store.claim_automation_task(delivery.task_id, owner, self.catalogue.vendor)
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
                category = claim.error_category or ErrorCategory.LOST
                return self._dead_letter(
                    delivery, owner, DeadLetter(category, spent, blame=_blame_of_spent(category))
                )
            case ClaimOutcome.CLAIMED:  # pragma: no branch - the type checker knows no other
                return self._complete(delivery, owner, claim)

    def _complete(self, delivery: Delivery, owner: UUID, claim: Claim) -> Reply:
        if claim.answer is not None:
            return self._store(delivery, owner, claim, Finish(claim.answer), fresh=False)
        chances = Chances(
            attempt=claim.attempts,
            budget=self.config.automation_retry_attempts,
            last_delivery=delivery.last,
            renewable=claim.renewed < MAX_RENEWALS,
        )
        step = next_step(self.catalogue.look_up(claim.pn, claim.manufacturer), chances)
        if isinstance(step, Wait):
            return self._blame(delivery, owner, step)
        if isinstance(step, Finish):
            return self._store(delivery, owner, claim, step, fresh=True)
        return self._give_back(delivery, owner, step)

    def _blame(self, delivery: Delivery, owner: UUID, step: Wait) -> Reply:
        noted = self.store.note_vendor_failure(
            delivery.task_id,
            owner,
            step.cause,
            step.category,
            step.message,
            answer=step.answer,
            until=step.until,
        )
        match noted.standing:
            case Standing.WAITS:
                return self._wait(delivery.task_id, noted.generation, noted.not_before)
            case Standing.STANDS:
                return self._give_back(delivery, owner, step.otherwise)
            case Standing.MOVED_ON:  # pragma: no branch - the type checker knows no other
                return MOVED_ON

    def _give_back(
        self, delivery: Delivery, owner: UUID, step: Retry | SlowDown | Renew | DeadLetter
    ) -> Reply:
        match step:
            case Retry(category, message, answer):
                self.store.release_automation_task(delivery.task_id, owner, category, message, answer=answer)
                return Reply(503, "retry", message)
            case SlowDown(message, retry_after):
                self.store.release_automation_task(
                    delivery.task_id, owner, ErrorCategory.RATE_LIMITED, message, refund=True
                )
                return Reply(429, "slow_down", message, retry_after)
            case Renew(message):
                generation = self.store.renew_automation_task(delivery.task_id, owner, message)
                return MOVED_ON if generation is None else self._wait(delivery.task_id, generation, None)
            case DeadLetter():  # pragma: no branch - the type checker knows no other
                return self._dead_letter(delivery, owner, step)

    def _store(self, delivery: Delivery, owner: UUID, claim: Claim, found: Finish, *, fresh: bool) -> Reply:
        """`fresh`: the vendor has just been paid for the answer, and nothing has been saved yet."""
        product = found.product or self.catalogue.read(found.answer, claim.pn, claim.manufacturer)
        if isinstance(product, Refused):
            letter = DeadLetter(product.category, product.message, product.answer)
        else:
            try:
                finished = self.store.finish_automation_task(
                    delivery.task_id, owner, product_json(product), found.answer if fresh else None
                )
            except (StoreUnavailable, StoreMisconfigured):  # no fault of the record's
                if fresh:
                    self._keep(delivery, owner, found.answer)
                raise
            except StoreRefused as error:
                letter = DeadLetter(ErrorCategory.STORE_ERROR, error.detail, blame=Blame.US)
            else:
                return Reply(200, "completed") if finished else MOVED_ON
        if fresh:
            self._keep(delivery, owner, found.answer)
        return self._dead_letter(delivery, owner, letter)

    def _keep(self, delivery: Delivery, owner: UUID, answer: JsonObject) -> None:
        """Saves the answer without its product, so that it is not paid for again; the database may refuse that too."""
        with suppress(StoreRefused, StoreUnavailable):
            self.store.save_vendor_answer(delivery.task_id, owner, answer)

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
            blame=letter.blame,
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


def _blame_of_spent(category: ErrorCategory) -> Blame:
    """Attempts without a result are our fault when credentials or processes failed, else the vendor's."""
    ours = category in {ErrorCategory.AUTH, ErrorCategory.LOST, ErrorCategory.STORE_ERROR}
    return Blame.US if ours else Blame.VENDOR


def product_json(product: Product) -> dict[str, Any]:
    """The form that `write_product` reads. Money is text, so that no digit is lost. `part_key` is the vendor's part."""
    price = product.unit_price
    return asdict(product) | {
        "unit_price": None if price is None else str(price),
        "manufacturer_key": manufacturer_key(product.manufacturer),
        "part_key": record_key(product.pn, product.manufacturer),
        "extras": dict(product.extras),
    }
