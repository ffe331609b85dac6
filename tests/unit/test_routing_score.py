"""The policy `score`, at every boundary."""

import pytest

from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.record import PartRecord, read_record
from shared.workflow_config import WorkflowConfig

NINE_TENTHS = History(known=True, attempts=8, successes=8)  # (8 + 1) / (8 + 2) = .9
PARTIAL = {"pn": "x", "manufacturer": "x", "specs": {"a": "b"}, "category": "x"}  # 30 + 20 + 15 + 10 = 75


def decided(score: float, history: History, force: str | None = None, threshold: float = 0.8) -> Decision:
    record = read_record(PARTIAL | {"priority_score": {"score": score}})
    assert isinstance(record, PartRecord)
    config = WorkflowConfig(automation_priority_threshold=threshold)
    return decide(record, history, load_policy("score"), config, force)


@pytest.mark.parametrize(
    ("score", "history", "force", "expected"),
    [
        (0.1, NINE_TENTHS, "automation", "forced automation medium 1.0"),  # combined .05 + .27 + .15 = .47
        (0.9, NINE_TENTHS, "automation", "forced automation high 1.0"),
        (0.9, NINE_TENTHS, "manual", "forced manual medium 1.0"),
        (0.9, History(recent_failures=3), None, "recent_failures manual high 0.9"),
        (0.9, History(recent_failures=2), None, "high_score automation high 0.8"),
        (0.8, History(), None, "high_score automation high 0.8"),
        (0.799, History(), None, "low_score manual medium 0.6"),  # combined .3995 + .15 + .15 = .6995
        (0.56, NINE_TENTHS, None, "high_score automation high 0.8"),  # combined .28 + .27 + .15 = .7
        (0.559, NINE_TENTHS, None, "low_score manual medium 0.6"),  # combined .2795 + .27 + .15 = .6995
        (0.0, History(), None, "low_score manual medium 0.6"),
    ],
)
def test_automation_takes_exactly_what_scores_high(
    score: float, history: History, force: str | None, expected: str
) -> None:
    found = decided(score, history, force)
    assert f"{found.rule} {found.route} {found.priority} {found.confidence}" == expected


def test_the_threshold_is_the_configured_one() -> None:
    assert decided(0.3, History(), threshold=0.3).rule == "high_score"
    assert decided(0.3, History(), threshold=0.31).rule == "low_score"


def test_the_reasons_give_the_numbers_and_what_was_wanted() -> None:
    assert decided(0.8, History()).reason == (
        "Worth automating: priority 0.8 (enough from 0.8), combined score 0.7 (enough from 0.7)."
    )
    assert decided(0.5, History()).reason == (
        "Priority 0.5 is below 0.8 and the combined score 0.55 is below 0.7."  # .25 + .15 + .15
    )


def test_every_comparison_is_recorded() -> None:
    assert [tuple(made) for made in decided(0.5, History()).comparisons] == [
        ("forced", "forced", "eq", True, False, False),
        ("recent_failures", "recent_failures", "gte", 3, 0, False),
        ("high_score", "priority", "gte", 0.8, 0.5, False),
        ("high_score", "combined", "gte", 0.7, 0.55, False),
    ]
