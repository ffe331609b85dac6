"""The default policy, rule by rule, at every boundary."""

from typing import Any

import pytest

from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.record import PartRecord, read_record
from shared.workflow_config import WorkflowConfig

# completeness: what a record of that many hundredths has
HAS = {
    30: "pn",
    45: "pn specs",  # 30 + 15
    50: "pn manufacturer",  # 30 + 20
    75: "pn manufacturer specs category",  # 30 + 20 + 15 + 10
    80: "pn manufacturer category description docs",  # 30 + 20 + 10 + 10 + 10: 0.7999999999999999 as floats
    100: "pn manufacturer specs category description docs images",
}
FILLED: dict[str, Any] = {"specs": {"a": "b"}, "docs": ["https://a/b"], "images": ["https://a/c"]}

UNKNOWN = History()  # reliability .5
TWO_FIFTHS = History(known=True, attempts=8, successes=3)  # (3 + 1) / (8 + 2) = .4
JUST_BELOW = History(known=True, attempts=998, successes=398)  # (398 + 1) / (998 + 2) = .399
NINE_TENTHS = History(known=True, attempts=8, successes=8)  # (8 + 1) / (8 + 2) = .9


def failed(times: int) -> History:
    return History(recent_failures=times)


def decided(
    completeness: int, score: float, history: History = UNKNOWN, force: str | None = None, **config: float
) -> Decision:
    fields = {field: FILLED.get(field, "x") for field in HAS[completeness].split()}
    record = read_record(fields | {"priority_score": {"score": score}})
    assert isinstance(record, PartRecord)
    return decide(record, history, load_policy("flow"), WorkflowConfig.model_validate(config), force)


@pytest.mark.parametrize(
    ("completeness", "score", "history", "expected"),
    [
        # 2 recent_failures: from 3 on, before any other rule
        (30, 0.9, failed(3), "recent_failures manual high 0.9"),
        (100, 0.9, failed(9), "recent_failures manual high 0.9"),
        (30, 0.5, failed(2), "sparse automation medium 0.8"),
        # 3 complete: from .80 on; the confidence is the completeness
        (80, 0.5, UNKNOWN, "complete manual high 0.8"),
        (100, 0.0, UNKNOWN, "complete manual high 1.0"),
        # 4 partial_weak: reliability below .4 or priority below .3
        (75, 0.299, UNKNOWN, "partial_weak manual medium 0.7"),
        (50, 0.299, NINE_TENTHS, "partial_weak manual medium 0.7"),
        (50, 0.9, JUST_BELOW, "partial_weak manual medium 0.7"),
        (50, 0.0, JUST_BELOW, "partial_weak manual medium 0.7"),
        # 5 partial_strong: .6 + .2 reliability + .2 priority
        (75, 0.3, UNKNOWN, "partial_strong automation medium 0.76"),  # .6 + .1 + .06
        (50, 0.3, TWO_FIFTHS, "partial_strong automation medium 0.74"),  # .6 + .08 + .06
        (50, 0.5, History(True, 1, 1), "partial_strong automation medium 0.8333"),  # .6 + .13333 + .1
        (50, 0.799, UNKNOWN, "partial_strong automation medium 0.8598"),  # combined .3995 + .15 + .1 = .6495
        # ... raised: priority from .8 on
        (50, 0.8, UNKNOWN, "partial_strong automation high 0.86"),  # .6 + .1 + .16
        # ... raised: combined .5 * .56 + .3 * .9 + .2 * .75 = .28 + .27 + .15 = .7
        (75, 0.56, NINE_TENTHS, "partial_strong automation high 0.892"),  # .6 + .18 + .112
        (75, 0.559, NINE_TENTHS, "partial_strong automation medium 0.8918"),  # combined .6995
        # so close below .7 that a sum of floats says .7
        (75, 0.5599999999999999, NINE_TENTHS, "partial_strong automation medium 0.892"),
        # 6 sparse_unimportant: priority below .2
        (45, 0.199, UNKNOWN, "sparse_unimportant manual low 0.6"),
        (30, 0.0, NINE_TENTHS, "sparse_unimportant manual low 0.6"),
        # 7 sparse: high from priority .6 on
        (45, 0.2, UNKNOWN, "sparse automation medium 0.8"),
        (30, 0.599, UNKNOWN, "sparse automation medium 0.8"),
        (30, 0.6, UNKNOWN, "sparse automation high 0.8"),
        (45, 1.0, UNKNOWN, "sparse automation high 0.8"),
    ],
)
def test_a_record_meets_its_rule(completeness: int, score: float, history: History, expected: str) -> None:
    found = decided(completeness, score, history)
    assert f"{found.rule} {found.route} {found.priority} {found.confidence}" == expected


def test_the_sum_of_floats_would_have_crossed_the_boundary() -> None:
    assert 0.5 * 0.5599999999999999 + 0.3 * 0.9 + 0.2 * 0.75 >= 0.7


@pytest.mark.parametrize(
    ("score", "force", "expected"),
    [
        (0.5, "manual", "forced manual medium 1.0"),
        (0.5, "automation", "forced automation medium 1.0"),
        (0.9, "manual", "forced manual medium 1.0"),
        # an automation decision is raised, whoever made it
        (0.9, "automation", "forced automation high 1.0"),
    ],
)
def test_a_forced_route_wins_over_every_rule(score: float, force: str, expected: str) -> None:
    found = decided(50, score, failed(9), force)
    assert f"{found.rule} {found.route} {found.priority} {found.confidence}" == expected
    assert found.features["forced"] == force


def test_the_limit_of_failures_is_the_configured_one() -> None:
    assert decided(30, 0.5, failed(1), max_automation_failures=1).rule == "recent_failures"
    assert decided(30, 0.5, failed(4), max_automation_failures=5).rule == "sparse"


def test_the_threshold_for_raising_is_the_configured_one() -> None:
    assert decided(50, 0.5, automation_priority_threshold=0.5).priority == "high"
    assert decided(50, 0.5, automation_priority_threshold=0.501).priority == "medium"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (decided(50, 0.5, force="manual"), "The caller forces the route manual."),
        (
            decided(30, 0.5, failed(3)),
            "Automation of this part failed repeatedly in the last 7 days (3 failures; a person takes over from 3).",
        ),
        (decided(80, 0.5), "Completeness 0.8 is at least 0.8, and complex data needs human review."),
        (
            decided(50, 0.25),
            (
                "Completeness 0.5 lies between 0.5 and 0.8, but automation promises little: "
                "reliability 0.5 (0.4 is wanted), priority 0.25 (0.3 is wanted)."
            ),
        ),
        (
            decided(75, 0.75, NINE_TENTHS),
            (
                "Completeness 0.75 lies between 0.5 and 0.8, and automation promises enough: "
                "reliability 0.9, priority 0.75. Raised to high: priority 0.75 (high from 0.8), "
                "combined score 0.795 (high from 0.7)."  # .375 + .27 + .15
            ),
        ),
        (decided(45, 0.1999), "Completeness 0.45 is below 0.5 and priority 0.199 is below 0.2."),
        (decided(30, 0.5), "Completeness 0.3 is below 0.5, and automation fills gaps well (priority 0.5)."),
    ],
)
def test_the_reason_is_a_sentence_with_the_numbers(found: Decision, reason: str) -> None:
    assert found.reason == reason


def test_every_comparison_up_to_the_decision_is_recorded() -> None:
    made = [tuple(comparison) for comparison in decided(75, 0.56, NINE_TENTHS).comparisons]
    assert made == [
        ("forced", "forced", "eq", True, False, False),
        ("recent_failures", "recent_failures", "gte", 3, 0, False),
        ("complete", "completeness", "gte", 0.8, 0.75, False),
        ("partial_weak", "completeness", "gte", 0.5, 0.75, True),
        ("partial_weak", "completeness", "lt", 0.8, 0.75, True),
        ("partial_weak", "reliability", "lt", 0.4, 0.9, False),
        ("partial_weak", "priority", "lt", 0.3, 0.56, False),
        ("partial_strong", "completeness", "gte", 0.5, 0.75, True),
        ("partial_strong", "completeness", "lt", 0.8, 0.75, True),
        ("raise_automation", "priority", "gte", 0.8, 0.56, False),
        ("raise_automation", "combined", "gte", 0.7, 0.7, True),
    ]


def test_a_rule_that_is_already_high_needs_no_raising() -> None:
    found = decided(30, 0.9)
    assert [made.rule for made in found.comparisons][-2:] == ["sparse_unimportant", "sparse"]
    assert "Raised" not in found.reason
