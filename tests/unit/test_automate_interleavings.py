"""All of enrichment under random interleavings: nothing is lost, nothing is doubled, whatever fails."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.enrichment.automate import Delivery, Reply
from shared.enrichment.ports import (
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    JsonObject,
    LookUp,
    QueueTask,
    Refused,
    Unavailable,
)
from shared.enrichment.store import Due
from shared.enrichment.sweep import Sweeper
from shared.workflow_config import WorkflowConfig
from tests.enrichment_support import ANSWER, Enrichment, order, part
from tests.memory.catalogue import InMemoryCatalogue
from tests.memory.record_store import TIMES, InMemoryRecordStore

T = TypeVar("T")

MAX_DELIVERIES = 4
OUTCOMES: dict[str, LookUp] = {
    "well": Found(ANSWER),
    "unknown": Refused(ErrorCategory.NOT_FOUND, "no such part"),
    "slow": Unavailable(ErrorCategory.TIMEOUT, "slow"),
    "unreadable": Found({"unexpected": True}),
    "locked out": Refused(ErrorCategory.AUTH, "no token"),
    "too fast": BurstLimited("too fast", 1),
}
ANSWERS = {"well", "unknown", "unreadable"}
"""The outcomes that the vendor is paid for, and that nobody gives back."""
outcomes = st.sampled_from([*OUTCOMES, "enough for today"])
crashes = st.one_of(st.none(), st.tuples(st.integers(1, 5), st.booleans()))
"""None, or the number of the store call at which the process dies, and whether it dies after the call."""


picks = st.integers(0, 4)


def picked(things: Sequence[T], pick: int) -> Sequence[T]:
    """At most one of the things."""
    return things[pick % len(things) :][:1] if things else ()


class Crash(Exception):
    """The process dies."""


class Crashing:
    """A store whose caller dies at its n-th call."""

    def __init__(self, store: InMemoryRecordStore, crash: tuple[int, bool] | None) -> None:
        self._store = store
        self._crash_at, self._after = crash or (0, False)
        self._calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the store
        method = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
            self._calls += 1
            now = self._calls == self._crash_at
            if now and not self._after:
                raise Crash
            answer = method(*args, **kwargs)
            if now:
                raise Crash
            return answer

        return call


@dataclass
class Counting(InMemoryRecordStore):
    """Counts product writes per task."""

    writes: Counter[UUID] = field(default_factory=Counter)

    def finish_automation_task(
        self, task_id: UUID, owner: UUID, product: JsonObject, answer: JsonObject | None = None
    ) -> bool:
        before = self.tasks[task_id].state
        finished = super().finish_automation_task(task_id, owner, product, answer)
        self.writes[task_id] += finished and before != "completed"
        return finished


@dataclass
class Vendor(InMemoryCatalogue):
    """A catalogue during whose answer something may happen."""

    meanwhile: Callable[[], object] | None = None

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        outcome = super().look_up(pn, manufacturer)
        happen, self.meanwhile = self.meanwhile, None
        if happen:
            happen()
        return outcome


class RandomEnrichment(RuleBasedStateMachine):
    @initialize(to_manual=st.booleans(), budget=st.integers(1, 3))
    def begin(self, *, to_manual: bool, budget: int) -> None:
        config = WorkflowConfig(
            automation_failure_to_manual=to_manual,
            automation_retry_attempts=budget,
            max_batch_size=2,
            max_automation_failures=100,
        )
        self.enrichment = Enrichment([part(name, manufacturer=None) for name in "ABCDE"], config)
        self.store = Counting(self.enrichment.clock, budget)
        self.enrichment.store = self.store
        self.vendor = Vendor()
        self.enrichment.catalogue = self.vendor
        self.batches = 0
        self.delivered: Counter[str] = Counter()
        self.answers: Counter[UUID] = Counter()
        self.enrichment.run("b0", limit=3)

    # --- what happens

    @rule(
        limit=st.integers(1, 5), again=st.booleans(), crash=crashes, room=st.sampled_from([None, None, 0, 1])
    )
    def orchestrate(
        self, *, limit: int, again: bool, crash: tuple[int, bool] | None, room: int | None
    ) -> None:
        """`again` fires the last batch once more; `room` is how many tasks the queue takes."""
        self.batches += not again
        self.enrichment.queue.capacity = room
        orchestrator = replace(self.enrichment.orchestrator, store=Crashing(self.store, crash))
        with suppress(Crash):
            orchestrator.run(order(f"b{self.batches}", limit=limit))
        self.enrichment.queue.capacity = None

    @rule(
        pick=picks,
        wait=st.sampled_from([0, TIMES.lease + 1]),
        outcome=outcomes,
        crash=crashes,
        overtaken=st.sampled_from([None, None, *OUTCOMES]),
    )
    def deliver(
        self, *, pick: int, wait: float, outcome: str, crash: tuple[int, bool] | None, overtaken: str | None
    ) -> None:
        """`overtaken` is the outcome of a second delivery, made after the lease has ended under the first."""
        self.enrichment.clock.advance(seconds=wait)
        for task in picked(self.due(), pick):
            task_id = UUID(task.body["automation_task_id"])
            if overtaken:
                self.vendor.meanwhile = partial(self.overtake, task_id, overtaken)
            self.deliver_task(task, outcome, crash)
            self.vendor.meanwhile = None

    @rule(pick=picks, wait=st.sampled_from([0, TIMES.lease + 1]), outcome=outcomes)
    def deliver_once_more(self, *, pick: int, wait: float, outcome: str) -> None:
        """Delivers a duplicate at any time."""
        self.enrichment.clock.advance(seconds=wait)
        for task_id in picked(list(self.store.tasks), pick):
            self.ask(task_id, outcome, None)

    @rule(pick=picks)
    def lose_a_task(self, *, pick: int) -> None:
        for name in picked(list(self.enrichment.queue.tasks), pick):
            self.enrichment.queue.drop(name)

    @rule(pick=picks, lost=st.booleans(), crash=crashes)
    def take_a_dead_letter(self, *, pick: int, lost: bool, crash: tuple[int, bool] | None) -> None:
        for task in picked(list(self.enrichment.dead_letters.tasks.values()), pick):
            if not lost:
                try:
                    Crashing(self.store, crash).create_fallback_task(UUID(task.body["automation_task_id"]))
                except Crash:
                    return
            self.enrichment.dead_letters.drop(task.name)

    @rule(down=st.booleans(), dead_letters_down=st.booleans())
    def break_or_mend_the_queues(self, *, down: bool, dead_letters_down: bool) -> None:
        self.enrichment.queue.down = down
        self.enrichment.dead_letters.down = dead_letters_down

    @rule(seconds=st.sampled_from([1, TIMES.lease + 1, TIMES.grace, TIMES.patience, 86_400, 31 * 86_400]))
    def let_time_pass(self, *, seconds: float) -> None:
        self.enrichment.clock.advance(seconds=seconds)

    @rule()
    def resume(self) -> None:
        """A person closes the breaker, whether or not the vendor answers."""
        if self.store.breakers:
            self.store.resume_vendor(self.vendor.vendor, "ana", "mended")

    @rule(limit=st.integers(1, 3), crash=crashes)
    def sweep(self, *, limit: int, crash: tuple[int, bool] | None) -> None:
        here = self.enrichment
        with suppress(Crash):
            Sweeper(
                Crashing(self.store, crash), here.queue, here.config, here.clock, timedelta(seconds=200)
            ).sweep(limit)

    # --- how

    def overtake(self, task_id: UUID, outcome: str) -> None:
        self.enrichment.clock.advance(seconds=TIMES.lease + 1)
        self.ask(task_id, outcome, None)

    def due(self) -> list[QueueTask]:
        now = self.enrichment.clock()
        return [task for task in self.enrichment.queue.tasks.values() if (task.schedule_time or now) <= now]

    def deliver_task(self, task: QueueTask, outcome: str, crash: tuple[int, bool] | None) -> None:
        """As Cloud Tasks does: 200 ends the task, and its last delivery ends it silently."""
        self.delivered[task.name] += 1
        last = self.delivered[task.name] >= MAX_DELIVERIES
        task_id = UUID(task.body["automation_task_id"])
        reply = self.ask(task_id, outcome, crash, last=last, queue_task=task.name)
        if (last or (reply and reply.status == 200)) and task.name in self.enrichment.queue.tasks:
            self.enrichment.queue.drop(task.name)

    def ask(
        self,
        task_id: UUID,
        outcome: str,
        crash: tuple[int, bool] | None,
        *,
        last: bool = False,
        queue_task: str = "",
    ) -> Reply | None:
        tomorrow = DailyLimited("enough for today", self.enrichment.clock() + timedelta(days=1))
        self.vendor.planned = [OUTCOMES.get(outcome, tomorrow)]
        asked = len(self.vendor.asked)
        inner = sum(self.answers.values())
        try:
            return self.enrichment.worker(Crashing(self.store, crash)).work(
                Delivery(task_id, 1, last, queue_task)
            )
        except Crash:
            return None
        finally:
            # of the calls made, those of a delivery that overtook this one are counted already
            if len(self.vendor.asked) - asked > sum(self.answers.values()) - inner and outcome in ANSWERS:
                self.answers[task_id] += 1

    # --- what must hold

    @invariant()
    def a_product_is_written_once_for_a_task(self) -> None:
        assert all(count <= 1 for count in self.store.writes.values())

    @invariant()
    def a_record_has_one_open_task(self) -> None:
        open_ones = Counter(work.item["record_key"] for work in self.enrichment.work_items if not work.ended)
        assert all(count == 1 for count in open_ones.values())

    @invariant()
    def an_automation_task_has_one_manual_task_at_most(self) -> None:
        owners = [manual.automation.id for manual in self.enrichment.manual if manual.automation]
        assert len(owners) == len(set(owners))

    @invariant()
    def an_answer_costs_an_attempt_and_attempts_are_within_the_budget(self) -> None:
        budget = self.enrichment.config.automation_retry_attempts
        assert all(self.answers[task.id] <= task.attempts <= budget for task in self.store.tasks.values())

    @invariant()
    def a_record_that_nobody_works_on_is_known_to_the_queue_or_due_for_the_sweep(self) -> None:
        for task in self.store.tasks.values():
            assert task.ended or task.sweep_after

    def teardown(self) -> None:
        """When everything works again, every record ends."""
        if not hasattr(self, "enrichment"):
            return
        self.enrichment.queue.down = self.enrichment.dead_letters.down = False
        for _ in range(60):  # more than a day, for what waits until tomorrow
            while due := self.due():
                self.deliver_task(due[0], "well", None)
            for name, task in list(self.enrichment.dead_letters.tasks.items()):
                self.store.create_fallback_task(UUID(task.body["automation_task_id"]))
                self.enrichment.dead_letters.drop(name)
            self.enrichment.clock.advance(seconds=TIMES.patience + TIMES.lease)
            self.enrichment.sweep()
        self.everything_has_ended()

    def everything_has_ended(self) -> None:
        to_manual = self.enrichment.config.automation_failure_to_manual
        manual_of = Counter(manual.automation.id for manual in self.enrichment.manual if manual.automation)
        assert [self.store.sweep_candidates(due, 100) for due in Due] == [[], [], []]
        for task in self.store.tasks.values():
            ends = (task.state, self.store.writes[task.id], manual_of[task.id])
            assert ends in [("completed", 1, 0), ("failed", 0, int(to_manual))]


TestRandomEnrichment = RandomEnrichment.TestCase
TestRandomEnrichment.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)
