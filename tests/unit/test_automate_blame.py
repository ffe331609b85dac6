"""A failure costs the one whose fault it is: the record an attempt, the vendor and us a pause for all. Virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from shared.enrichment.ports import (
    DailyLimited,
    ErrorCategory,
    Found,
    LookUp,
    PauseCause,
    Refused,
    Unavailable,
)
from shared.enrichment.store import CATALOGUE
from tests.enrichment_support import ANSWER, Enrichment, part, parts
from tests.memory.catalogue import InMemoryCatalogue
from tests.memory.queue_driver import QueueDriver
from tests.memory.rows import Breaker, Task

DOWN = Unavailable(ErrorCategory.VENDOR_ERROR, "DigiKey answered 503")
LOCKED_OUT = Refused(ErrorCategory.AUTH, "DigiKey gave no token")
PAGE = Refused(ErrorCategory.INVALID_RESPONSE, "DigiKey answered 200 with a body that is no JSON object")


@dataclass
class Vendor(InMemoryCatalogue):
    """Answers by part number and time; keeps the time of each call."""

    answer: Callable[[str], LookUp] = lambda _: Found(ANSWER)
    now: Callable[[], datetime] = datetime.now
    calls: list[tuple[str, datetime]] = field(default_factory=list)

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:  # noqa: ARG002 - the port's signature
        self.calls.append((pn, self.now()))
        return self.answer(pn)


class Line:
    """`number` records in the queue, and a vendor that fails as a test says."""

    def __init__(self, number: int) -> None:
        self.enrichment = Enrichment(parts(number))
        self.vendor = Vendor(now=self.enrichment.clock)
        self.enrichment.catalogue = self.vendor
        self.enrichment.run(limit=number)
        self.driver = QueueDriver(self.enrichment)
        self.began = self.enrichment.clock()

    def failing(self, failure: LookUp, hours: float) -> datetime:
        """The vendor fails everybody for so long. Returns when it is mended."""
        mended = self.began + timedelta(hours=hours)
        self.vendor.answer = lambda _: failure if self.enrichment.clock() < mended else Found(ANSWER)
        return mended

    def poisoned(self, *pns: str, failure: LookUp = DOWN) -> None:
        self.vendor.answer = lambda pn: failure if pn in pns else Found(ANSWER)

    def arrive(self, number: int, batch: int) -> None:
        """So many new records come."""
        self.enrichment.source.rows[:] = [part(f"N{batch}-{each}") for each in range(number)]
        self.enrichment.run(f"later-{batch}", limit=number)

    @property
    def tasks(self) -> list[Task]:
        return list(self.enrichment.store.tasks.values())

    @property
    def breaker(self) -> Breaker:
        return self.enrichment.store.breakers[CATALOGUE]

    def calls_before(self, moment: datetime) -> int:
        return sum(at < moment for _, at in self.vendor.calls)

    def ends(self) -> set[tuple[str, int]]:
        return {(task.state, task.attempts) for task in self.tasks}

    def end_of(self, pn: str) -> tuple[str, ErrorCategory | None, int]:
        (task,) = [each for each in self.tasks if each.item["pn"] == pn]
        return task.state, task.category, task.attempts

    def nobody_has_lost_anything(self) -> bool:
        spent = [
            task for task in self.tasks if (task.state, task.attempts, task.renewed) != ("completed", 1, 0)
        ]
        return spent == [] and self.enrichment.manual == []


def test_an_outage_of_two_hours_costs_nobody_an_attempt_and_the_vendor_few_calls() -> None:
    line = Line(50)
    mended = line.failing(DOWN, hours=2)
    line.driver.run(hours=4)
    assert line.nobody_has_lost_anything()
    # three to find out; then a probe after 30, 60, 120, 240, 480 seconds, and seven more, 15 minutes apart
    assert line.calls_before(mended) <= 3 + 5 + 7
    assert len(line.vendor.calls) - line.calls_before(mended) == 50
    last = max(task.finished for task in line.tasks if task.finished)
    assert last - mended < timedelta(minutes=20)
    assert line.breaker.cause is None


def test_a_refused_account_pauses_the_line_and_spends_nothing() -> None:
    line = Line(50)
    mended = line.failing(LOCKED_OUT, hours=3)
    line.driver.run(hours=2)
    assert line.enrichment.dead_letters.tasks == {}
    assert {(task.attempts, task.ended) for task in line.tasks} == {(0, False)}
    assert (line.breaker.cause, line.breaker.reason) == (PauseCause.ACCOUNT, LOCKED_OUT.message)
    assert len(line.vendor.calls) <= 8, "one, and a probe after 5, 10, 20 and then every 30 minutes"
    line.driver.run(hours=3)
    assert line.nobody_has_lost_anything()
    assert line.calls_before(mended) <= 10


def test_one_record_that_makes_the_vendor_fail_stops_nobody_else() -> None:
    line = Line(21)
    line.poisoned("P007")
    line.driver.run(hours=1)
    assert line.end_of("P007") == ("failed", ErrorCategory.VENDOR_ERROR, 3)
    assert sorted(line.ends()) == [("completed", 1), ("failed", 3)]
    assert len(line.vendor.calls) == 20 + 3
    assert line.breaker.opened_at is None


@pytest.mark.parametrize("number", [1, 2])
def test_few_records_that_make_the_vendor_fail_reach_a_person_after_their_attempts(number: int) -> None:
    line = Line(number)
    line.poisoned("P000", "P001")
    line.driver.run(hours=1)
    assert line.ends() == {("failed", 3)}
    assert line.breaker.opened_at is None


def test_records_that_make_the_vendor_fail_do_not_keep_its_breaker_open() -> None:
    """Alone in the line they look like an outage; each record that comes later tells them from one."""
    line = Line(6)
    bad = [f"P{number:03}" for number in range(6)]
    line.poisoned(*bad)
    for hour in range(24):
        line.driver.run(hours=1)
        line.arrive(3, hour)
    line.driver.run(hours=1)
    assert {line.end_of(pn) for pn in bad} == {("failed", ErrorCategory.VENDOR_ERROR, 3)}
    assert sorted(line.ends()) == [("completed", 1), ("failed", 3)]
    assert line.breaker.cause is None


def test_a_failed_probe_waits_behind_the_others_so_the_next_one_is_another_record() -> None:
    line = Line(5)
    mended = line.failing(DOWN, hours=0.01)
    healthy = line.vendor.answer
    line.vendor.answer = lambda pn: DOWN if pn == "P000" else healthy(pn)
    line.driver.run(hours=2)
    assert line.end_of("P000") == ("failed", ErrorCategory.VENDOR_ERROR, 3)
    completed = [task for task in line.tasks if task.state == "completed"]
    assert len(completed) == 4
    assert max(task.finished or mended for task in completed) - mended < timedelta(minutes=4)


def test_one_record_for_which_the_vendor_refuses_our_credentials_reaches_a_person() -> None:
    """A gateway before the vendor may answer 403 to a part number that it takes for an attack."""
    line = Line(21)
    line.poisoned("P007", failure=LOCKED_OUT)
    for hour in range(5):
        line.driver.run(hours=1)
        line.arrive(3, hour)
    line.driver.run(hours=1)
    assert line.end_of("P007") == ("failed", ErrorCategory.AUTH, 3)
    assert sorted(line.ends()) == [("completed", 1), ("failed", 3)]


def test_an_unreadable_answer_is_the_record_s_end_and_many_in_a_row_are_an_outage() -> None:
    line = Line(1)
    line.poisoned("P000", failure=PAGE)
    line.driver.run(hours=1)
    assert line.end_of("P000") == ("failed", ErrorCategory.INVALID_RESPONSE, 1)

    line = Line(50)
    line.failing(PAGE, hours=2)
    line.driver.run(hours=4)
    assert sum(task.state == "completed" for task in line.tasks) == 48, "but for the two before it was clear"


def test_a_vendor_that_is_down_for_days_lets_its_records_go_to_people_in_the_end() -> None:
    line = Line(3)
    line.failing(DOWN, hours=24 * 30)
    line.driver.run(hours=23)
    assert {(task.attempts, task.ended) for task in line.tasks} == {(0, False)}
    line.driver.run(hours=24 * 3)
    assert line.ends() == {("failed", 3)}


def test_daily_limits_on_many_days_spend_neither_attempts_nor_renewals() -> None:
    line = Line(1)
    day = timedelta(days=1)
    free = line.began + 7 * day

    def limited(_: str) -> LookUp:
        now = line.enrichment.clock()
        return Found(ANSWER) if now >= free else DailyLimited("enough for today", now + day)

    line.vendor.answer = limited
    line.driver.run(hours=24 * 8)
    assert line.nobody_has_lost_anything()
    assert len(line.vendor.calls) == 8
    assert line.tasks[0].generation == 7


def test_on_a_day_whose_calls_are_spent_one_call_finds_out_for_all() -> None:
    line = Line(200)
    reset = line.began + timedelta(hours=9)
    line.vendor.answer = lambda _: (
        Found(ANSWER) if line.enrichment.clock() >= reset else DailyLimited("enough for today", reset)
    )
    line.driver.run(hours=8)
    assert len(line.vendor.calls) == 1
    assert {(task.attempts, task.deliveries) for task in line.tasks} <= {(0, 0), (0, 1)}
    line.driver.run(hours=2)
    assert line.nobody_has_lost_anything()
    assert len(line.vendor.calls) == 1 + 200


def test_what_waits_is_due_at_once_when_a_person_closes_the_breaker() -> None:
    line = Line(10)
    line.failing(LOCKED_OUT, hours=0.1)
    line.driver.run(hours=0.11)
    resumed = line.enrichment.store.resume_vendor(CATALOGUE, "ana", "new secret")
    assert (resumed["state"], resumed["closed_by"], resumed["waiting"]) == ("closed", "ana", 0)
    line.driver.run(hours=0.25)
    assert line.nobody_has_lost_anything()
