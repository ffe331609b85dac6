from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from laptop.vendors.common.clock import ClockChange, SettableClock
from laptop.vendors.common.database import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
THEN = datetime(2030, 1, 1, tzinfo=UTC)


class Real:
    """The real time, as far as a test is concerned."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "clock.sqlite3", "") as opened:
        yield opened


@pytest.fixture
def real() -> Real:
    return Real()


@pytest.fixture
def clock(database: Database, real: Real) -> SettableClock:
    return SettableClock(database, real)


def test_the_clock_shows_the_real_time_until_it_is_set(clock: SettableClock, real: Real) -> None:
    real.now += timedelta(hours=1)
    assert clock() == NOON + timedelta(hours=1)


def test_a_clock_that_was_set_stands_until_it_is_moved(clock: SettableClock, real: Real) -> None:
    clock.set(ClockChange(now=THEN))
    real.now += timedelta(hours=1)
    assert clock() == THEN
    clock.set(ClockChange(advance=900))
    assert clock() == THEN + timedelta(minutes=15)


def test_a_clock_can_run_on_from_where_it_was_set(clock: SettableClock, real: Real) -> None:
    clock.set(ClockChange(now=THEN, running=True))
    real.now += timedelta(hours=1)
    assert clock() == THEN + timedelta(hours=1)
    clock.set(ClockChange(advance=60))
    assert clock() == THEN + timedelta(hours=1, minutes=1)
    assert clock.report() == {"now": "2030-01-01T01:01:00.000000Z", "running": True}


def test_a_running_clock_can_be_stopped_where_it_is(clock: SettableClock, real: Real) -> None:
    clock.set(ClockChange(running=False))
    real.now += timedelta(hours=1)
    assert clock() == NOON


def test_the_clocks_state_survives_a_restart(clock: SettableClock, database: Database, real: Real) -> None:
    clock.set(ClockChange(now=THEN))
    assert SettableClock(database, real)() == THEN
    clock.set(ClockChange(now=THEN, running=True))
    assert SettableClock(database, real)() == THEN
    clock.reset()
    assert SettableClock(database, real)() == NOON


@pytest.mark.parametrize(
    "order", [{"now": THEN, "advance": 1}, {"advance": -1}, {"now": "2030-01-01T00:00:00"}]
)
def test_an_order_that_makes_no_sense_is_refused(order: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ClockChange.model_validate(order)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail_on_the_way() -> None:
        with database.transaction():
            database.keep("a", 1)
            with database.transaction():
                database.keep("b", 2)
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_on_the_way()
    assert (database.kept("a"), database.kept("b")) == (None, None)
