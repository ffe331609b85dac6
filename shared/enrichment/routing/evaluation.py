"""A policy prepared for one configuration: thresholds filled in, rules turned into plain functions.

Preparing happens once; only these functions run for each record.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

from shared.enrichment.routing.condition import NUMERIC_FEATURES, Condition
from shared.enrichment.routing.features import Features, Shown, exact
from shared.enrichment.routing.policy import RAISE, Policy, PriorityChoice, Raise, Rule, Weights
from shared.enrichment.routing.route import Route, TaskPriority
from shared.workflow_config import WorkflowConfig, numeric_fields


class Comparison(NamedTuple):
    """One comparison made on the way to a decision. A named tuple: half a dozen are built per record."""

    rule: str
    feature: str
    operator: str
    threshold: float
    actual: Shown
    outcome: bool


Trail = list[Comparison]
Check = Callable[[Features, Trail], bool]
Sentence = Callable[[Features, Route], str]
Thresholds = Mapping[str, Fraction]


@dataclass(frozen=True)
class ReadyRule:
    name: str
    applies: Check
    route: Route | None  # None: as the caller forces it
    priority: Callable[[Features, Trail], TaskPriority]
    confidence: Callable[[Features], float]
    reason: Sentence


@dataclass(frozen=True)
class ReadyRaise:
    to: TaskPriority
    applies: Check
    reason: Sentence


@dataclass(frozen=True)
class ReadyPolicy:
    rules: tuple[ReadyRule, ...]
    raising: ReadyRaise | None


@lru_cache(maxsize=64)
def ready(policy: Policy, config: WorkflowConfig) -> ReadyPolicy:
    thresholds = {name: exact(getattr(config, name)) for name in numeric_fields()}
    raising = policy.document.raise_automation
    return ReadyPolicy(
        rules=tuple(_rule(rule, thresholds) for rule in policy.document.rules),
        raising=None if raising is None else _raise(raising, thresholds),
    )


def _rule(rule: Rule, thresholds: Thresholds) -> ReadyRule:
    return ReadyRule(
        name=rule.name,
        applies=_always if rule.when is None else _condition(rule.name, rule.when, thresholds),
        route=None if rule.route == "forced" else Route(rule.route),
        priority=_priority(rule.name, rule.priority, thresholds),
        confidence=_confidence(rule.confidence),
        reason=_sentence(rule.reason, thresholds),
    )


def _raise(raising: Raise, thresholds: Thresholds) -> ReadyRaise:
    return ReadyRaise(
        to=raising.to,
        applies=_condition(RAISE, raising.when, thresholds),
        reason=_sentence(raising.reason, thresholds),
    )


def _always(_features: Features, _trail: Trail) -> bool:
    return True


def _condition(rule: str, condition: Condition, thresholds: Thresholds) -> Check:
    checks = []
    if condition.forced is not None:
        checks.append(_forced(rule, wanted=condition.forced.eq))
    for feature in NUMERIC_FEATURES:
        bounds = getattr(condition, feature)
        if bounds is not None:
            checks += [
                _comparison(rule, feature, name, thresholds[limit] if isinstance(limit, str) else limit)
                for name, limit in bounds.given()
            ]
    if condition.all is not None:
        checks += [_condition(rule, part, thresholds) for part in condition.all]
    if condition.any is not None:
        checks.append(_any([_condition(rule, part, thresholds) for part in condition.any]))
    if condition.none is not None:
        checks.append(_not(_condition(rule, condition.none, thresholds)))
    return _all(checks)


def _all(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(features: Features, trail: Trail) -> bool:
        for part in checks:  # noqa: SIM110 - a generator costs more than the comparisons in it
            if not part(features, trail):
                return False
        return True

    return check


def _any(checks: list[Check]) -> Check:
    def check(features: Features, trail: Trail) -> bool:
        for part in checks:  # noqa: SIM110 - as in _all
            if part(features, trail):
                return True
        return False

    return check


def _not(part: Check) -> Check:
    def check(features: Features, trail: Trail) -> bool:
        return not part(features, trail)

    return check


def _forced(rule: str, *, wanted: bool) -> Check:
    def check(features: Features, trail: Trail) -> bool:
        actual = features.forced is not None
        trail.append(Comparison(rule, "forced", "eq", wanted, actual, actual is wanted))
        return actual is wanted

    return check


_OPERATORS = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt, "eq": operator.eq}


def _comparison(rule: str, feature: str, name: str, threshold: Fraction) -> Check:
    holds = _OPERATORS[name]
    top, base = threshold.as_integer_ratio()
    shown = top if base == 1 else top / base

    def check(features: Features, trail: Trail) -> bool:
        value: Fraction | int = getattr(features, feature)
        # Cross-multiplied: exact like Fraction's own comparison, at a fraction of its cost.
        outcome: bool = holds(value.numerator * base, top * value.denominator)
        trail.append(Comparison(rule, feature, name, shown, features.shown[feature], outcome))
        return outcome

    return check


def _priority(
    rule: str, choice: PriorityChoice, thresholds: Thresholds
) -> Callable[[Features, Trail], TaskPriority]:
    then, otherwise = choice.then, choice.otherwise
    if choice.condition is None or otherwise is None:
        return lambda _features, _trail: then
    holds = _condition(rule, choice.condition, thresholds)
    return lambda features, trail: then if holds(features, trail) else otherwise


def _confidence(weights: Weights) -> Callable[[Features], float]:
    constant = float(weights.constant)
    parts = [(feature, float(weight)) for feature, weight in weights.weights()]

    def confidence(features: Features) -> float:
        total = constant
        for feature, weight in parts:
            total += weight * float(getattr(features, feature))
        return round(total, 4)

    return confidence


def _sentence(template: str, thresholds: Thresholds) -> Sentence:
    pieces: list[str | Callable[[Features, Route], str]] = []
    for text, name, _, _ in Formatter().parse(template):
        pieces.append(text)
        if name is None:
            continue
        if name == "route":
            pieces.append(lambda _features, route: route)
        elif name in thresholds:
            pieces.append(written(thresholds[name]))
        else:
            pieces.append(_written_feature(name))
    fixed = [(piece, None) if isinstance(piece, str) else ("", piece) for piece in pieces]

    def sentence(features: Features, route: Route) -> str:
        return "".join([text if fill is None else fill(features, route) for text, fill in fixed])

    return sentence


def _written_feature(name: str) -> Callable[[Features, Route], str]:
    return lambda features, _route: written(getattr(features, name))


def written(number: Fraction | int) -> str:
    """At most three decimals, the rest cut off and not rounded: 0.7996 must not be reported as 0.8."""
    return f"{number.numerator * 1000 // number.denominator / 1000:.10g}"
