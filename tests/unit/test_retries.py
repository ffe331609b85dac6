from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.retries import Again, RetryPolicy, retry_after

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
POLICY = RetryPolicy(tries=5, first_pause=1.0, longest_pause=5.0)


def run(answers: Iterator[str | Again[str]]) -> tuple[str | Again[str], list[float], list[tuple[str, float]]]:
    waited: list[float] = []
    announced: list[tuple[str, float]] = []
    result = POLICY.run(
        lambda: next(answers), waited.append, lambda reason, wait: announced.append((reason, wait))
    )
    return result, waited, announced


def test_the_pauses_double_up_to_the_longest() -> None:
    assert list(POLICY.pauses()) == [1, 2, 4, 5]
    assert list(RetryPolicy(tries=1, first_pause=1).pauses()) == []


def test_the_pauses_are_spread() -> None:
    pauses = [*RetryPolicy(tries=200, first_pause=2, longest_pause=2, spread=(0.5, 1.5)).pauses()]

    assert all(1 <= pause <= 3 for pause in pauses)
    assert len(set(pauses)) > 100


def test_a_first_answer_needs_no_pause() -> None:
    assert run(iter(["done"])) == ("done", [], [])


def test_a_failure_is_announced_and_tried_again_after_a_pause() -> None:
    answers: list[str | Again[str]] = [Again("busy"), Again("gone", after=0), "done"]

    assert run(iter(answers)) == ("done", [1, 0], [("busy", 1), ("gone", 0)])


def test_the_last_failure_is_returned_when_the_tries_are_spent() -> None:
    answers = [Again(str(number)) for number in range(9)]

    assert run(iter(answers))[:2] == (Again("4"), [1, 2, 4, 5])


def test_a_wait_longer_than_the_longest_pause_ends_the_tries() -> None:
    assert run(iter([Again("soon", after=5), Again("later", after=5.5)]))[:2] == (Again("later", 5.5), [5])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        (" 17 ", 17),
        ("1.5", 1.5),
        ("999999999", 999_999_999),
        ("9999999999", None),
        ("Sun, 22 Nov 2026 09:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 09:01:00", 60),
        ("Sun, 22 Nov 2026 09:01:00 -0000", 60),
        ("Sun, 22 Nov 2026 08:00:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00", 0),
        ("soon", None),
        ("-3", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == seconds


def test_without_the_header_no_wait_is_known() -> None:
    assert retry_after({}, NOW) is None


def test_a_date_needs_the_present_time() -> None:
    assert retry_after({"retry-after": "Sun, 22 Nov 2026 09:01:00 GMT"}) is None
    assert retry_after({"retry-after": "60"}) == 60
