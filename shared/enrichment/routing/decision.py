from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.enrichment.routing.evaluation import Comparison, ReadyPolicy, Trail, ready
from shared.enrichment.routing.features import Features, History, Shown, features_of
from shared.enrichment.routing.policy import ERROR, Policy
from shared.enrichment.routing.record import PartRecord
from shared.enrichment.routing.route import Route, TaskPriority
from shared.storable import storable_text
from shared.workflow_config import WorkflowConfig

_REASON_LIMIT = 500
_LONGEST_REASON = 2_000


@dataclass(frozen=True)
class Decision:
    """The route of a record and everything that led to it. Stored whole, so that a person can follow it.

    `comparisons` holds the comparisons made, in order. One that cannot change the outcome is not made.
    """

    route: Route
    priority: TaskPriority
    rule: str
    reason: str
    confidence: float
    features: dict[str, Shown]
    comparisons: tuple[Comparison, ...]
    policy: str
    policy_version: str

    def to_json(self) -> dict[str, Any]:
        return {
            "route": str(self.route),
            "priority": str(self.priority),
            "rule": self.rule,
            "reason": self.reason,
            "confidence": self.confidence,
            "features": dict(self.features),
            "comparisons": [comparison._asdict() for comparison in self.comparisons],
            "policy": self.policy,
            "policy_version": self.policy_version,
        }


def decide(
    record: PartRecord,
    history: History,
    policy: Policy,
    config: WorkflowConfig,
    force: Route | str | None = None,
) -> Decision:
    """Routes one record; pure.

    A failure is a Decision too, so that one record never disturbs the others: manual, low, by rule `error`, with
    the error as the reason.
    """
    prepared = ready(policy, config)
    try:
        features = features_of(record, history, None if force is None else Route(force))
        decision = _decide(features, prepared, policy)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong with one record, it must reach a person
        decision = Decision(
            route=Route.MANUAL,
            priority=TaskPriority.LOW,
            rule=ERROR,
            reason=storable_text(f"Deciding failed: {type(error).__name__}: {error}"[:_REASON_LIMIT]),
            confidence=0.0,
            features={},
            comparisons=(),
            policy=policy.name,
            policy_version=policy.version,
        )
    return _with_problems(decision, record.problems)


def _with_problems(decision: Decision, problems: Sequence[str]) -> Decision:
    """Adds the parts of the row that could not be used to the reason, because no other field shows them."""
    if not problems:
        return decision
    reason = storable_text(f"{decision.reason} The row: {'; '.join(problems)}."[:_LONGEST_REASON])
    return replace(decision, reason=reason)


def _decide(features: Features, prepared: ReadyPolicy, policy: Policy) -> Decision:
    trail: Trail = []
    rule = next(rule for rule in prepared.rules if rule.applies(features, trail))
    route = rule.route or features.forced
    assert route is not None, "the grammar lets a rule route as forced only where a route is forced"
    priority = rule.priority(features, trail)
    reason = rule.reason(features, route)
    raising = prepared.raising
    if (
        raising is not None
        and route is Route.AUTOMATION
        and raising.to.rank < priority.rank
        and raising.applies(features, trail)
    ):
        priority = raising.to
        reason = f"{reason} {raising.reason(features, route)}"
    return Decision(
        route=route,
        priority=priority,
        rule=rule.name,
        reason=reason,
        confidence=rule.confidence(features),
        features=features.shown,
        comparisons=tuple(trail),
        policy=policy.name,
        policy_version=policy.version,
    )
