"""Writes which environment variables each function could read, as the parts that it uses declare (`shared/wiring`).

`python -m infra.function_settings` writes infra/terraform/required_settings.json, from which Terraform gives a function
its variables, and the tables of docs/configuration.md. A test fails while one of them is behind the code.
"""

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from infra.local.functions import function_environment
from infra.local.settings import PORT_OFFSETS
from infra.package.archive import functions
from shared.settings import GROUPS, Allowed
from shared.web.function import HttpFunction
from shared.wiring.part import Group
from shared.workflow_config import WorkflowConfig, allowed_values, variable_of

ROOT = Path(__file__).parents[1]
FILE = ROOT / "infra" / "terraform" / "required_settings.json"
PAGE = ROOT / "docs" / "configuration.md"

LOCAL_ONLY = frozenset({"BIGQUERY_API_ENDPOINT", "SCHEDULER_API_ENDPOINT", "TASKS_API_ENDPOINT"})
"""For the laptop's stand-ins: never given to a deployed function."""

FIELDS: Mapping[str, FieldInfo] = {
    str(field.alias): field for group in GROUPS for field in group.model_fields.values()
} | {variable_of(name): field for name, field in WorkflowConfig.model_fields.items()}


@cache
def started(function: str) -> HttpFunction:
    """The function. It starts, in this process, with the laptop's settings."""
    name = function.replace("-", "_")
    with _environment(function_environment(PORT_OFFSETS, "-" * 32, {}, {})):
        loaded: HttpFunction = getattr(import_module(f"functions.{name}"), name)
    return loaded


def groups_of(function: str) -> tuple[type[Group], ...]:
    """The groups of settings that the function could read."""
    return tuple(started(function).settings)


def settings_of(function: str) -> dict[str, list[str]]:
    """The function's variables by kind, in alphabetical order. `secret` is required, `optional_secret` is not."""
    kinds: dict[str, list[str]] = {"required": [], "secret": [], "optional": [], "optional_secret": []}
    for variable in sorted(
        {name for group in groups_of(function) for name in group.variables()} - LOCAL_ONLY
    ):
        kinds[_kind(FIELDS[variable])].append(variable)
    return kinds


def written() -> str:
    """The file's content."""
    content = {
        "functions": {function: settings_of(function) for function in functions(ROOT)},
        "workflow": WorkflowConfig().model_dump(),
    }
    return json.dumps(content, indent=2) + "\n"


def page(text: str) -> str:
    """The page with its tables as the code has them. A table holds the group that its first variable belongs to."""
    readers: dict[type[Group], list[str]] = defaultdict(list)
    for function in functions(ROOT):
        for group in groups_of(function):
            readers[group].append(f"`{function}`")
    groups: tuple[type[Group], ...] = (*GROUPS, WorkflowConfig)
    listed: set[str] = set()

    def table(found: re.Match[str]) -> str:
        group = next(each for each in groups if found[1] in each.variables())
        rows = [_row(variable) for variable in group.variables() if variable not in listed]
        listed.update(group.variables())
        every = len(readers[group]) == len(functions(ROOT))
        names = "every function" if every else ", ".join(readers[group])
        return f"Read by {names}.\n\n{HEAD}{''.join(rows)}"

    return re.sub(rf"^Read by .*\n\n{re.escape(HEAD)}\| `(\w+)`(?:.*\|\n)+", table, text, flags=re.MULTILINE)


HEAD = "| variable | default | range | meaning |\n|---|---|---|---|\n"


def _row(variable: str) -> str:
    field = FIELDS[variable]
    if variable.startswith("WORKFLOW_"):
        default, allowed = str(field.default).lower(), allowed_values(variable[len("WORKFLOW_") :].lower())
    else:
        default, allowed = _default(field), _allowed(field)
    return f"| `{variable}` | {default} | {allowed} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None:
        return "none"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def _allowed(field: FieldInfo) -> str:
    kind: Any = field.annotation
    rules = list(field.metadata)
    kind = (
        next((each for each in get_args(kind) if each is not type(None)), kind) if _optional(kind) else kind
    )
    rules += getattr(kind, "__metadata__", ())
    words = [rule.words for rule in rules if isinstance(rule, Allowed)]
    if words:
        return words[-1]
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    least = next(
        f"from {r.ge}" if isinstance(r, Ge) else f"above {r.gt}" for r in rules if isinstance(r, Ge | Gt)
    )
    most = next(rule.le for rule in rules if isinstance(rule, Le))
    return f"{'a whole number' if kind is int else 'a number'} {least} to {most}"


def _optional(kind: object) -> bool:
    return type(None) in get_args(kind)


def _kind(field: FieldInfo) -> str:
    kind = "required" if field.is_required() else "optional"
    if SecretStr not in _within(field.annotation):
        return kind
    return "secret" if kind == "required" else "optional_secret"


def _within(kind: object) -> set[object]:
    """The type and all that it is made of."""
    return {kind}.union(
        *(_within(part) for part in get_args(kind) if isinstance(part, type) or get_args(part))
    )


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)} and {PAGE.relative_to(ROOT)} are written\n")
