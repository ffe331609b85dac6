"""A sweep has time for each kind of lost work, keeps what it found, and is stopped by nothing that fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.enrichment.naming import automation_task_name
from shared.enrichment.ports import ErrorCategory, Refused
from shared.enrichment.store import Due, SweepCandidate
from shared.enrichment.sweep import PAGE, Swept
from shared.errors import QueueUnavailable, SettingsInvalid, StoreRefused, StoreUnavailable
from tests.enrichment_support import NOTHING_SWEPT, Enrichment, parts
from tests.memory.clock import SettableClock
from tests.memory.record_store import TIMES, InMemoryRecordStore

UNKNOWN = Refused(ErrorCategory.NOT_FOUND, "no such part")


def waiting(count: int, dead: int = 1) -> Enrichment:
    """`count` tasks are silent in the queue, and `dead` others have failed and lost their dead letters after that."""
    enrichment = Enrichment(parts(count + dead))
    enrichment.run(limit=count + dead)
    enrichment.clock.advance(seconds=TIMES.patience)
    for task in list(enrichment.store.tasks.values())[count:]:
        enrichment.catalogue.planned = [UNKNOWN]
        enrichment.work(task)
    enrichment.dead_letters.tasks.clear()
    enrichment.clock.advance(seconds=TIMES.grace)
    return enrichment


class TickingClock:
    """Each look at it takes a second."""

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock

    def __call__(self) -> datetime:
        self.clock.advance(seconds=1)
        return self.clock()


def test_a_lost_dead_letter_reaches_a_person_in_one_sweep_whatever_else_is_silent() -> None:
    enrichment = waiting(300)
    swept = enrichment.sweep(limit=20)
    assert (swept["handed_over"], swept["still_queued"]) == (1, 20)
    assert len(enrichment.manual) == 1


def test_a_sweep_goes_on_page_by_page_until_nothing_is_due() -> None:
    enrichment = waiting(3 * PAGE + 5)
    assert enrichment.sweep() == NOTHING_SWEPT | {
        "looked_at": 3 * PAGE + 6,
        "handed_over": 1,
        "still_queued": 3 * PAGE + 5,
    }
    assert enrichment.sweep() == NOTHING_SWEPT


def test_a_sweep_keeps_to_its_time_and_the_next_one_goes_on() -> None:
    enrichment = waiting(500, dead=300)
    ticking = TickingClock(enrichment.clock)
    first = enrichment.swept(clock=ticking).to_json()
    assert first["out_of_time"] == 1
    assert 64 <= first["handed_over"] < 300, "half of the time is for dead letters"
    assert first["still_queued"] == 500, "and they leave time for what is silent"
    assert enrichment.swept(clock=ticking).to_json()["handed_over"] > 0
    seen = len(enrichment.manual)
    assert seen > first["handed_over"]


def test_what_a_page_found_is_kept_when_the_next_page_fails() -> None:
    enrichment = waiting(2 * PAGE, dead=0)
    enrichment.queue.mute = lambda _: enrichment.queue.asked > PAGE
    swept = enrichment.swept()
    assert isinstance(swept.fault, QueueUnavailable)
    assert swept.to_json() == NOTHING_SWEPT | {
        "looked_at": 2 * PAGE,
        "still_queued": PAGE,
        "unanswered": PAGE,
    }
    enrichment.queue.mute = lambda _: False
    enrichment.clock.advance(seconds=TIMES.grace)
    assert enrichment.sweep() == NOTHING_SWEPT | {"looked_at": PAGE, "still_queued": PAGE}


def test_a_question_that_fails_stops_nothing_else() -> None:
    """Every fifth question fails, in every sweep; each still reaches its turn, and creates and hand-overs go on."""
    enrichment = waiting(500)
    names = list(enrichment.queue.tasks)[:500]
    dumb = set(names[::5])
    for name in names[1::5]:
        enrichment.queue.drop(name)
    enrichment.queue.mute = dumb.__contains__
    assert enrichment.sweep() == NOTHING_SWEPT | {
        "looked_at": 501,
        "handed_over": 1,
        "unanswered": 100,
        "renewed": 100,
        "still_queued": 300,
    }


def test_tasks_that_the_queue_never_answers_for_do_not_keep_others_from_their_turn() -> None:
    enrichment = waiting(2 * PAGE, dead=0)
    by_age = sorted(
        enrichment.store.tasks.values(), key=lambda task: (task.sweep_after or SettableClock().now, task.id)
    )
    dumb = {automation_task_name(task.id, 0) for task in by_age[:PAGE]}
    enrichment.queue.mute = dumb.__contains__
    assert enrichment.swept(limit=PAGE).to_json()["unanswered"] == PAGE
    assert enrichment.swept(limit=PAGE).to_json()["still_queued"] == PAGE


def test_a_missing_queue_is_a_fault_of_ours_and_no_task_is_lost_by_it() -> None:
    enrichment = waiting(10)
    enrichment.queue.missing = True
    enrichment.queue.tasks.clear()
    before = [(task.state, task.generation) for task in enrichment.store.tasks.values()]
    swept = enrichment.swept()
    assert isinstance(swept.fault, SettingsInvalid)
    assert swept.to_json() == NOTHING_SWEPT | {"looked_at": 11, "handed_over": 1}
    assert [(task.state, task.generation) for task in enrichment.store.tasks.values()] == before
    enrichment.queue.missing = False
    assert enrichment.sweep()["renewed"] == 10


def test_a_missing_queue_is_named_when_it_takes_no_task() -> None:
    enrichment = Enrichment()
    enrichment.queue.down = True
    enrichment.opened()
    enrichment.queue.down, enrichment.queue.missing = False, True
    enrichment.clock.advance(seconds=TIMES.grace)
    assert isinstance(enrichment.swept().fault, SettingsInvalid)


def test_a_queue_that_takes_nothing_is_tried_with_one_page() -> None:
    enrichment = Enrichment(parts(5 * PAGE))
    enrichment.queue.capacity = 0
    enrichment.run(limit=5 * PAGE)
    enrichment.clock.advance(seconds=TIMES.grace)
    swept = enrichment.swept()
    assert swept.to_json() == NOTHING_SWEPT | {"looked_at": PAGE, "not_enqueued": PAGE}
    assert isinstance(swept.fault, QueueUnavailable)
    enrichment.queue.capacity = None
    assert enrichment.sweep()["enqueued"] == 5 * PAGE


@dataclass
class Faltering(InMemoryRecordStore):
    """The database is away for the questions about one kind."""

    away: Due | None = None

    def sweep_candidates(
        self, due: Due, limit: int, after: SweepCandidate | None = None
    ) -> Sequence[SweepCandidate]:
        if due is self.away:
            raise StoreUnavailable("the database did not answer")
        return super().sweep_candidates(due, limit, after)


def test_a_kind_that_the_database_does_not_answer_for_does_not_stop_the_others() -> None:
    enrichment = waiting(5)
    enrichment.store = Faltering(**vars(enrichment.store), away=Due.HAND_OVER)
    swept = enrichment.swept()
    assert isinstance(swept.fault, StoreUnavailable)
    assert swept.to_json()["still_queued"] == 5


def test_a_fault_of_ours_is_reported_before_one_that_ends_by_itself() -> None:
    swept = Swept(faults=[QueueUnavailable("away"), SettingsInvalid("no queue"), StoreRefused("no")])
    assert isinstance(swept.fault, SettingsInvalid)
    assert Swept().fault is None
