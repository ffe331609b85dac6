"""A manufacturer's reliability is made of what says something about its parts, and of less of it with time."""

import uuid
from uuid import UUID

import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import HALF_LIFE, item

MAKER = "texas instruments"


def counts(enrichment: Enrichment) -> tuple[float, float]:
    known = enrichment.known(item("never seen"))["manufacturers"][MAKER]
    return known["attempts"], known["successes"]


def reliability(enrichment: Enrichment) -> float:
    attempts, successes = counts(enrichment)
    return round((successes + 1) / (attempts + 2), 3)


def eight_successes(enrichment: Enrichment) -> None:
    for number in range(8):
        enrichment.completed(f"GOOD{number}")
    assert reliability(enrichment) == 0.9


def test_twenty_refusals_of_our_account_leave_a_manufacturer_as_it_was(enrichment: Enrichment) -> None:
    """Seen: they took it from 0.9 to 0.3, unchanged 300 days later."""
    eight_successes(enrichment)
    for number in range(20):
        task = enrichment.automation(f"BAD{number}")
        enrichment.claim(task)
        assert enrichment.fail(task, category="auth", blame="us")
    assert reliability(enrichment) == 0.9


@pytest.mark.parametrize(
    ("category", "blame", "left"),
    [("vendor_error", "vendor", 0.9), ("not_found", "record", 0.818), ("invalid_response", "record", 0.818)],
)
def test_only_what_says_something_about_the_part_counts(
    enrichment: Enrichment, category: str, blame: str, left: float
) -> None:
    eight_successes(enrichment)
    task = enrichment.automation("BAD")
    enrichment.claim(task)
    assert enrichment.fail(task, category=category, blame=blame)
    assert reliability(enrichment) == left


def test_what_the_queue_lost_says_nothing_about_the_part(enrichment: Enrichment) -> None:
    eight_successes(enrichment)
    task = enrichment.automation("LOST")
    enrichment.claim(task)
    assert enrichment.later(hours=1).lose(task, 0)
    assert reliability(enrichment) == 0.9


def test_counts_lose_half_of_their_weight_with_each_half_life(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    enrichment.failed("P2")
    assert counts(enrichment) == (2, 1)
    assert counts(enrichment.later(days=HALF_LIFE)) == (1, 0.5)
    assert counts(enrichment.later(days=2 * HALF_LIFE)) == (0.5, 0.25)
    assert counts(enrichment.later(days=36_500)) == (0, 0)


def test_a_new_result_counts_whole_beside_what_is_left_of_the_old_ones(enrichment: Enrichment) -> None:
    enrichment.failed("P1")
    later = enrichment.later(days=HALF_LIFE)
    task = later.automation("P2", batch="b2")
    later.claim(task)
    later.finish(task, answer={"a": 1})
    assert counts(later) == (1.5, 1)


def redriven(enrichment: Enrichment, letter: UUID, batch: str = "again") -> UUID:
    """The letter's record in automation again."""
    enrichment.fall_back(letter)
    pn = enrichment.task(letter)["pn"]
    assert enrichment.redrive(enrichment.task(letter)["batch_id"], batch)["redriven"] == 1
    (task,) = enrichment.all("select id from automation_tasks where batch_id = %s and pn = %s", batch, pn)
    enrichment.connection.execute(
        b"update automation_tasks set redrives = %s where id = %s", [letter, task["id"]]
    )
    return UUID(str(task["id"]))


def finish(enrichment: Enrichment, task: UUID) -> None:
    owner = uuid.uuid4()
    enrichment.claim(task, owner)
    assert enrichment.finish(task, owner, answer={"a": 1})


def test_a_redriven_success_takes_its_failure_back(enrichment: Enrichment) -> None:
    enrichment.completed("P1")
    letter = enrichment.failed("P2")
    assert counts(enrichment) == (2, 1)
    later = enrichment.later(days=HALF_LIFE)
    finish(later, redriven(later, letter))
    assert counts(later) == (1.5, 1.5), "what was left of the failure is gone, and nothing else"


def test_a_success_after_several_redrives_takes_all_their_failures_back(enrichment: Enrichment) -> None:
    first = enrichment.failed("P1")
    second = redriven(enrichment, first)
    enrichment.claim(second)
    assert enrichment.fail(second)
    third = redriven(enrichment, second, "once-more")
    assert counts(enrichment) == (2, 0)
    finish(enrichment, third)
    assert counts(enrichment) == (1, 1)


def test_a_failure_that_never_counted_is_not_taken_back(enrichment: Enrichment) -> None:
    enrichment.failed("P1")
    lost = enrichment.automation("P2", batch="b2")
    enrichment.claim(lost)
    later = enrichment.later(hours=1)
    assert later.lose(lost, 0)
    finish(later, redriven(later, lost))
    assert counts(later) == (2, 1)
