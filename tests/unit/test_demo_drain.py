import pytest

from cli.answers import Equation
from infra.local.demo.drain import Work, drain
from infra.local.errors import DemoFailed

NOTHING = {
    "looked_at": 0,
    "handed_over": 0,
    "enqueued": 0,
    "still_queued": 0,
    "renewed": 0,
    "dead_lettered": 0,
    "moved_on": 0,
}


def equation(in_flight: int) -> Equation:
    return Equation(
        taken=3,
        completed=3 - in_flight,
        with_a_person=0,
        in_flight=in_flight,
        failed=0,
        rejected=0,
        balanced=True,
    )


def test_it_ends_when_nothing_is_in_flight_and_the_queues_are_empty() -> None:
    flights, depths = iter([1, 0, 0]), iter([0, 1, 0])
    seen: list[int] = []

    swept = drain(
        Work(lambda: equation(next(flights)), lambda: next(depths), lambda: NOTHING),
        lambda shown: seen.append(shown.in_flight),
    )

    assert seen == [1, 0, 0]
    assert (swept.runs, swept.rescued) == (2, {})
    assert swept.in_words.endswith("ran 2 times and found nothing lost")


def test_what_the_sweep_rescues_is_counted() -> None:
    rescues = iter(
        [NOTHING | {"enqueued": 2, "still_queued": 5}, NOTHING | {"enqueued": 1, "handed_over": 1}]
    )

    swept = drain(Work(lambda: equation(0), lambda: 0, lambda: next(rescues)), lambda _shown: None)

    assert swept.rescued == {"enqueued": 3, "handed_over": 1}
    assert swept.in_words.endswith("ran 2 times: 3 enqueued, 1 handed over")


def test_a_batch_without_any_change_is_reported_as_stuck() -> None:
    work = Work(lambda: equation(2), lambda: 4, lambda: NOTHING)

    with pytest.raises(DemoFailed, match="2 records are in flight, 4 tasks in the queues"):
        drain(work, lambda _shown: None, stalled_after=0)
