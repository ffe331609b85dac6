"""The settings of enrichment, with their defaults and ranges. Each one is also an environment variable."""

import difflib
import os
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from shared.errors import SettingsInvalid

PREFIX = "WORKFLOW_"

Share = Annotated[float, Field(ge=0, le=1)]


class WorkflowConfig(BaseModel):
    """The constructor raises pydantic's ValidationError, `from_environment` raises SettingsInvalid."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    automation_priority_threshold: Share = Field(
        default=0.8, description="score from which an automation task is raised to high priority"
    )
    automation_max_concurrent: int = Field(
        default=5, ge=1, le=1000, description="automation tasks that run at the same time"
    )
    automation_retry_attempts: int = Field(
        default=3, ge=1, le=10, description="all attempts at the vendor for one record"
    )
    manual_priority_threshold: Share = Field(
        default=0.5, description="lowest score for a record to be fetched"
    )
    manual_batch_size: int = Field(default=50, ge=1, le=1000, description="manual tasks per insert")
    automation_failure_to_manual: bool = Field(
        default=True, description="whether a failed automation task becomes a manual task"
    )
    max_automation_failures: int = Field(
        default=3, ge=1, le=100, description="failures in 7 days after which a part goes to a person"
    )
    max_daily_tasks: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="tasks opened per UTC day, automation and manual together",
    )
    max_batch_size: int = Field(default=100, ge=1, le=1000, description="records in one chunk")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads every `WORKFLOW_*` variable. Raises SettingsInvalid naming each that is wrong."""
        environment = os.environ if environment is None else environment
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        known = {variable_of(field): field for field in cls.model_fields}
        problems = [_unknown(name, list(known)) for name in sorted(given.keys() - known.keys())]
        values = {known[name]: given[name].strip() for name in known if name in given}
        try:
            config = cls.model_validate_strings(values)
        except ValidationError as error:
            for refused in dict.fromkeys(str(found["loc"][0]) for found in error.errors()):
                variable = variable_of(refused)
                allowed = allowed_values(refused)
                problems.append(f"{variable} is {given[variable]!r}; allowed is {allowed}")
        else:
            if not problems:
                return config
        raise SettingsInvalid("; ".join(problems))

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        return tuple(variable_of(field) for field in cls.model_fields)


def variable_of(field: str) -> str:
    return PREFIX + field.upper()


def allowed_values(field: str) -> str:
    """Describes a field's range in words."""
    info = WorkflowConfig.model_fields[field]
    if info.annotation is bool:
        return "true or false"
    kind = "a whole number" if info.annotation is int else "a number"
    return f"{kind} from {_bound(info, 'ge')} to {_bound(info, 'le')}"


def numeric_fields() -> tuple[str, ...]:
    """The fields that a policy can use as a threshold."""
    return tuple(name for name, info in WorkflowConfig.model_fields.items() if info.annotation is not bool)


def _bound(info: FieldInfo, side: str) -> Any:  # noqa: ANN401 - an int or a float, as the field was declared
    return next(getattr(rule, side) for rule in info.metadata if hasattr(rule, side))


def _unknown(name: str, known: list[str]) -> str:
    [nearest] = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"{name} is not a setting; did you mean {nearest}?"
