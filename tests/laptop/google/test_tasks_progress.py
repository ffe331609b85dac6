import json
from datetime import UTC, datetime

import pytest

from laptop.google.common.calls import DEADLINE_PASSED, UNREACHABLE, Outcome, retry_after, rpc_code
from laptop.google.tasks.progress import (
    Attempt,
    Progress,
    dispatched,
    failed,
    from_row,
    rescheduled,
    to_row,
)

NEW = Progress(created=10, scheduled=10)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_an_answer_from_200_to_299_is_a_success(status: int) -> None:
    assert Outcome(status).succeeded


@pytest.mark.parametrize("outcome", [Outcome(199), Outcome(300), Outcome(500), DEADLINE_PASSED, UNREACHABLE])
def test_everything_else_is_a_failure(outcome: Outcome) -> None:
    assert not outcome.succeeded


def test_a_dispatch_is_counted_and_its_times_are_kept() -> None:
    first = dispatched(NEW, 11)
    assert first == Progress(10, 10, dispatches=1, first_dispatched=11, last=Attempt(10, 11))
    second = dispatched(rescheduled(first, 20), 21)
    assert (second.dispatches, second.first_dispatched, second.last) == (2, 11, Attempt(20, 21))


# outcome: failures, executions, responses after it
@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Outcome(404), (1, 1, 1)),
        (Outcome(429), (1, 1, 1)),
        (Outcome(302), (1, 1, 1)),
        (Outcome(500), (1, 0, 1)),
        (Outcome(503), (1, 0, 1)),
        (DEADLINE_PASSED, (1, 0, 0)),
        (UNREACHABLE, (1, 0, 0)),
    ],
)
def test_server_errors_and_silence_are_failures_but_no_executions(
    outcome: Outcome, counts: tuple[int, int, int]
) -> None:
    after = failed(dispatched(NEW, 11), outcome, 12)
    assert (after.failures, after.executions, after.responses) == counts
    assert after.last == Attempt(10, 11, 12, outcome.status)
    assert after.previous_response == outcome.status


def test_a_failure_without_a_recorded_dispatch_is_counted() -> None:
    assert failed(NEW, Outcome(500), 12).last == Attempt(10, 12, 12, 500)


def test_the_previous_response_is_kept_during_the_next_delivery() -> None:
    assert dispatched(NEW, 11).previous_response is None
    again = dispatched(failed(dispatched(NEW, 11), Outcome(404), 12), 13)
    assert again.previous_response == 404
    assert again.last == Attempt(10, 13, None, 404)


@pytest.mark.parametrize("progress", [NEW, failed(dispatched(NEW, 11), Outcome(500), 12)])
def test_progress_survives_the_data_file(progress: Progress) -> None:
    assert from_row(json.loads(json.dumps(to_row(progress)))) == progress


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, ("OK", 0)),
        (302, ("UNKNOWN", 2)),
        (400, ("INVALID_ARGUMENT", 3)),
        (418, ("FAILED_PRECONDITION", 9)),
        (429, ("RESOURCE_EXHAUSTED", 8)),
        (502, ("INTERNAL", 13)),
        (504, ("DEADLINE_EXCEEDED", 4)),
    ],
)
def test_an_http_status_has_its_rpc_code(status: int, code: tuple[str, int]) -> None:
    assert rpc_code(status) == code


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-7", 0),
        ("7.5", 0),
        ("soon", 0),
        ("99999999", 3600),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float) -> None:
    assert retry_after(value, NOON) == seconds
