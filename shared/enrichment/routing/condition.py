"""The conditions of a rule: comparisons of features with thresholds, joined by `all`, `any` and `not`."""

import math
from fractions import Fraction
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, model_validator

from shared.enrichment.routing.features import exact
from shared.workflow_config import numeric_fields

NUMERIC_FEATURES = ("priority", "completeness", "reliability", "recent_failures", "combined")
OPERATORS = ("gte", "gt", "lte", "lt", "eq")


class Grammar(BaseModel):
    """A part of a policy file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def exact_number(value: object) -> Fraction:
    """The decimal as it is written in the file."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"expected a number, got {value!r}")
    return exact(value)


def _threshold(value: object) -> Fraction | str:
    if not isinstance(value, str):
        return exact_number(value)
    if not value.startswith("$") or value[1:] not in numeric_fields():
        known = ", ".join(f"${name}" for name in numeric_fields())
        raise ValueError(f"unknown threshold {value!r}; known are numbers and {known}")
    return value[1:]


Threshold = Annotated[Fraction | str, PlainValidator(_threshold)]
"""A number, or the name of a WorkflowConfig field, written `$name`."""


class Bounds(Grammar):
    """The comparisons of one feature; all must hold."""

    gte: Threshold | None = None
    gt: Threshold | None = None
    lte: Threshold | None = None
    lt: Threshold | None = None
    eq: Threshold | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.given():
            raise ValueError(f"no comparison; known operators are {', '.join(OPERATORS)}")
        return self

    def given(self) -> list[tuple[str, Fraction | str]]:
        found = [(operator, getattr(self, operator)) for operator in OPERATORS]
        return [(operator, threshold) for operator, threshold in found if threshold is not None]


class Forced(Grammar):
    """True when the caller forces a route."""

    eq: StrictBool


class Condition(Grammar):
    """Every key must hold; several keys in one mapping are an `all`."""

    forced: Forced | None = None
    recent_failures: Bounds | None = None
    completeness: Bounds | None = None
    reliability: Bounds | None = None
    priority: Bounds | None = None
    combined: Bounds | None = None
    all: tuple["Condition", ...] | None = None
    any: tuple["Condition", ...] | None = None
    none: "Condition | None" = Field(None, alias="not")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if all(getattr(self, field) is None for field in type(self).model_fields):
            raise ValueError("an empty condition; only the last rule goes without one, by leaving out `when`")
        for joint in ("all", "any"):
            if getattr(self, joint) == ():
                raise ValueError(f"`{joint}` joins no conditions")
        return self

    def implies_forced(self) -> bool:
        """True when it can hold only for a caller who forces a route."""
        if self.forced is not None and self.forced.eq:
            return True
        return any(part.implies_forced() for part in self.all or ())
