"""The evaluation of policies, with small ones."""

import json

import pytest

from shared.enrichment.routing.decision import Decision, decide
from shared.enrichment.routing.features import History
from shared.enrichment.routing.policy import Policy
from shared.enrichment.routing.policy_file import load_policy, parse_policy
from shared.enrichment.routing.record import PartRecord, read_record
from shared.enrichment.routing.route import Route, TaskPriority
from shared.workflow_config import WorkflowConfig

SCORED = read_record({"pn": "LM317T", "priority_score": {"score": 0.5}})  # reliability .5, completeness .3
assert isinstance(SCORED, PartRecord)
RECORD: PartRecord = SCORED


def asking(condition: str) -> Policy:
    return parse_policy(
        "small",
        f"""
        description: Automation when the condition holds.
        rules:
          - {{name: asked, when: {condition}, route: automation, priority: low, confidence: 1, reason: Yes.}}
          - {{name: rest, route: manual, priority: low, confidence: 0, reason: No.}}
        """,
    )


def decided(condition: str, history: History | None = None, force: Route | str | None = None) -> Decision:
    return decide(RECORD, history or History(), asking(condition), WorkflowConfig(), force)


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [
        ("gte", True, True, False),
        ("gt", True, False, False),
        ("lte", False, True, True),
        ("lt", False, False, True),
        ("eq", False, True, False),
    ],
)
def test_an_operator_compares_the_feature_with_the_threshold(
    *, operator: str, below: bool, at: bool, above: bool
) -> None:
    for threshold, holds in ((0.499999999999, below), (0.5, at), (0.500000000001, above)):
        found = decided(f"{{priority: {{{operator}: {threshold!r}}}}}")
        assert (found.rule == "asked") is holds
        assert found.comparisons[0]._asdict() == {
            "rule": "asked",
            "feature": "priority",
            "operator": operator,
            "threshold": threshold,
            "actual": 0.5,
            "outcome": holds,
        }


@pytest.mark.parametrize(
    ("condition", "holds", "compared"),
    [
        ("{all: [{priority: {gt: 0}}, {reliability: {gt: 0}}]}", True, "priority reliability"),
        ("{all: [{priority: {gt: 1}}, {reliability: {gt: 0}}]}", False, "priority"),
        ("{any: [{priority: {gt: 0}}, {reliability: {gt: 0}}]}", True, "priority"),
        ("{any: [{priority: {gt: 1}}, {reliability: {gt: 0}}]}", True, "priority reliability"),
        ("{any: [{priority: {gt: 1}}, {reliability: {gt: 1}}]}", False, "priority reliability"),
        ("{not: {priority: {gt: 0}}}", False, "priority"),
        ("{not: {priority: {gt: 1}}}", True, "priority"),
        ("{not: {all: [{priority: {gt: 0}}, {not: {combined: {gt: 0}}}]}}", True, "priority combined"),
        ("{combined: {gt: 0}, priority: {gt: 0}}", True, "priority combined"),
        ("{priority: {gt: 0}, any: [{completeness: {eq: 0.3}}]}", True, "priority completeness"),
        ("{forced: {eq: false}}", True, "forced"),
        ("{all: [{forced: {eq: true}}, {priority: {gt: 0}}]}", False, "forced"),
    ],
)
def test_conditions_join_and_stop_where_the_outcome_is_known(
    *, condition: str, holds: bool, compared: str
) -> None:
    found = decided(condition)
    assert (found.rule == "asked") is holds
    assert [made.feature for made in found.comparisons] == compared.split()


@pytest.mark.parametrize(("threshold", "holds"), [("$max_automation_failures", True), ("4", False)])
def test_a_threshold_can_be_named_from_the_configuration(*, threshold: str, holds: bool) -> None:
    found = decided(f"{{recent_failures: {{gte: {threshold}}}}}", History(recent_failures=3))
    assert (found.rule == "asked") is holds


def test_a_forced_route_can_be_asked_for_within_an_all() -> None:
    policy = parse_policy(
        "small",
        """
        description: Only important records can be forced.
        rules:
          - name: forced
            when: {all: [{priority: {gte: 0.5}}, {forced: {eq: true}}]}
            route: forced
            priority: high
            confidence: 1
            reason: "{route} was asked for; {max_batch_size} at once."
          - {name: rest, route: manual, priority: low, confidence: 0, reason: "No {{braces}}."}
        """,
    )
    forced = decide(RECORD, History(), policy, WorkflowConfig(), Route.AUTOMATION)
    assert (forced.route, forced.reason) == (Route.AUTOMATION, "automation was asked for; 100 at once.")
    assert decide(RECORD, History(), policy, WorkflowConfig()).reason == "No {braces}."


@pytest.mark.parametrize("score", [0.0, 0.25, 0.5, 1.0])
def test_a_raise_never_lowers_a_priority(score: float) -> None:
    policy = parse_policy(
        "small",
        """
        description: Raised to medium at most.
        rules:
          - {name: much, when: {priority: {gte: 0.5}}, route: automation, priority: high, confidence: 1, reason: A.}
          - {name: some, when: {priority: {gte: 0.2}}, route: automation, priority: low, confidence: 1, reason: B.}
          - {name: rest, route: manual, priority: low, confidence: 1, reason: C.}
        raise_automation: {to: medium, when: {priority: {gte: 0.1}}, reason: Raised.}
        """,
    )
    record = read_record({"pn": "x", "priority_score": {"score": score}})
    assert isinstance(record, PartRecord)
    found = decide(record, History(), policy, WorkflowConfig())
    expected = {0.0: "low C.", 0.25: "medium B. Raised.", 0.5: "high A.", 1.0: "high A."}
    assert f"{found.priority} {found.reason}" == expected[score]


@pytest.mark.parametrize(
    ("history", "force", "reason"),
    [
        (History(attempts=1, successes=2), None, "Deciding failed: ValueError: impossible History("),
        (History(recent_failures=-1), "manual", "Deciding failed: ValueError: impossible History("),
        (History(), "robot\x00", "Deciding failed: ValueError: 'robot"),
    ],
)
def test_a_failure_routes_the_record_to_a_person_with_the_error_as_reason(
    history: History, force: str | None, reason: str
) -> None:
    found = decided("{priority: {gt: 0}}", history, force)
    assert found.reason.startswith(reason)
    assert "\x00" not in found.reason
    assert found.to_json() == {
        "route": "manual",
        "priority": "low",
        "rule": "error",
        "reason": found.reason,
        "confidence": 0.0,
        "features": {},
        "comparisons": [],
        "policy": "small",
        "policy_version": found.policy_version,
    }


def test_a_decision_is_json_with_all_that_it_rests_on() -> None:
    found = decide(RECORD, History(), load_policy("score"), WorkflowConfig(), "manual")
    assert json.loads(json.dumps(found.to_json(), allow_nan=False)) == {
        "route": "manual",
        "priority": "medium",
        "rule": "forced",
        "reason": "The caller forces the route manual.",
        "confidence": 1.0,
        "features": {
            "priority": 0.5,
            "completeness": 0.3,
            "reliability": 0.5,
            "recent_failures": 0,
            "combined": 0.46,  # .25 + .15 + .06
            "forced": "manual",
        },
        "comparisons": [
            {
                "rule": "forced",
                "feature": "forced",
                "operator": "eq",
                "threshold": True,
                "actual": True,
                "outcome": True,
            }
        ],
        "policy": "score",
        "policy_version": load_policy("score").version,
    }


def test_priorities_sort_by_urgency() -> None:
    assert sorted(TaskPriority, key=lambda priority: priority.rank) == ["high", "medium", "low"]


def test_the_reason_names_the_parts_of_the_row_that_could_not_be_used() -> None:
    odd = read_record({"pn": "LM317T", "docs": "https://a/b.pdf", "priority_score": {"score": "0.9"}})
    assert isinstance(odd, PartRecord)
    reason = decide(odd, History(), asking("{priority: {lt: 1}}"), WorkflowConfig()).reason
    assert reason == (
        "Yes. The row: docs: expected a list, got text, treated as empty; "
        "priority_score: expected a number, got text, counts as 0."
    )
