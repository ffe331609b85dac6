"""The grammar of a policy file. A file that passes can be evaluated for any record and any configuration."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from shared.enrichment.routing.condition import NUMERIC_FEATURES, Condition, Grammar, exact_number
from shared.enrichment.routing.features import SHARES
from shared.enrichment.routing.route import TaskPriority
from shared.workflow_config import numeric_fields

RAISE = "raise_automation"
ERROR = "error"
RESERVED = (RAISE, ERROR)
"""The names by which a decision reports an outcome that is not a rule of the list."""

PLACEHOLDERS = (*NUMERIC_FEATURES, "route", *numeric_fields())


def _reason(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a sentence")
    for _, name, specification, conversion in Formatter().parse(value):
        if name is not None and (name not in PLACEHOLDERS or specification or conversion):
            raise ValueError(f"unknown placeholder {{{name}}}; known are {', '.join(PLACEHOLDERS)}")
    return value


Reason = Annotated[str, PlainValidator(_reason)]
Number = Annotated[Fraction, PlainValidator(exact_number)]


class Weights(Grammar):
    """A sum of shares, each times its weight, and a constant; it stays between 0 and 1 for every record."""

    constant: Number = Fraction(0)
    priority: Number = Fraction(0)
    completeness: Number = Fraction(0)
    reliability: Number = Fraction(0)
    combined: Number = Fraction(0)

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        weights = [weight for _, weight in self.weights()]
        lowest = self.constant + sum(weight for weight in weights if weight < 0)
        highest = self.constant + sum(weight for weight in weights if weight > 0)
        if lowest < 0 or highest > 1:
            raise ValueError(
                f"a confidence lies between 0 and 1, this between {float(lowest):g} and {float(highest):g}"
            )
        return self

    def weights(self) -> list[tuple[str, Fraction]]:
        found: list[tuple[str, Fraction]] = [(feature, getattr(self, feature)) for feature in SHARES]
        return [(feature, weight) for feature, weight in found if weight]


def _as_weights(value: object) -> object:
    if isinstance(value, str):
        if value not in SHARES:
            raise ValueError(f"unknown feature {value!r}; known are {', '.join(SHARES)}")
        return {value: 1}
    return value if isinstance(value, dict) else {"constant": value}


class PriorityChoice(Grammar):
    """`high` is short for `{then: high}`; with `if` there is an `else`."""

    condition: Condition | None = Field(None, alias="if")
    then: TaskPriority
    otherwise: TaskPriority | None = Field(None, alias="else")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.condition is None) != (self.otherwise is None):
            raise ValueError("`if` and `else` come together")
        return self


def _as_choice(value: object) -> object:
    return {"then": value} if isinstance(value, str) else value


class Rule(Grammar):
    """One rule of the list; without `when` it takes every record that reaches it."""

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]
    when: Condition | None = None
    route: Literal["automation", "manual", "forced"]
    priority: Annotated[PriorityChoice, BeforeValidator(_as_choice)]
    confidence: Annotated[Weights, BeforeValidator(_as_weights)]
    reason: Reason

    @model_validator(mode="after")
    def _forced_by_somebody(self) -> Self:
        if self.route == "forced" and not (self.when and self.when.implies_forced()):
            raise ValueError("route `forced` needs the condition `forced: {eq: true}`")
        return self


class Raise(Grammar):
    """The condition that makes an automation decision more urgent; `reason` is added to the rule's."""

    to: TaskPriority
    when: Condition
    reason: Reason


class Document(Grammar):
    """A whole policy file."""

    description: str
    rules: tuple[Rule, ...]
    raise_automation: Raise | None = None

    @model_validator(mode="after")
    def _one_way_through(self) -> Self:
        if not self.rules:
            raise ValueError("the rule list is empty")
        names = Counter(rule.name for rule in self.rules)
        for name, count in names.items():
            if count > 1:
                raise ValueError(f"rule {name!r} appears {count} times; names are unique")
            if name in RESERVED:
                raise ValueError(f"rule {name!r} takes a reserved name")
        for rule in self.rules[:-1]:
            if rule.when is None:
                raise ValueError(
                    f"rule {rule.name!r} takes every record, so no rule after it is ever reached"
                )
        if self.rules[-1].when is not None:
            raise ValueError(
                f"rule {self.rules[-1].name!r} is the last and has a `when`: no rule takes the rest"
            )
        return self


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy that can be used. `version` changes with its content, but not with its comments."""

    name: str
    version: str
    document: Document
