"""The settings that the code requires, that Terraform gives, and that the documentation lists are the same."""

import ast
import json
import re
from pathlib import Path

import pytest

from infra.function_settings import LOCAL_ONLY
from infra.package.archive import functions
from shared import settings
from shared.workflow_config import WorkflowConfig, variable_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
GIVEN = json.loads((ROOT / "infra/terraform/required_settings.json").read_text(encoding="utf-8"))["functions"]
FUNCTIONS_TF = (ROOT / "infra/terraform/functions.tf").read_text(encoding="utf-8")
NAMES = functions(ROOT)
WORKFLOW = {variable_of(name) for name in WorkflowConfig.model_fields}


def groups_required(function: str) -> set[type[settings.Settings]]:
    """Those that the function's module hands to `wiring.require`, which stops a start without them."""
    source = (ROOT / "functions" / f"{function.replace('-', '_')}.py").read_text(encoding="utf-8")
    [call] = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "common.require"
    ]
    return {getattr(settings, ast.unparse(argument).removeprefix("settings.")) for argument in call.args}


def required(groups: set[type[settings.Settings]]) -> set[str]:
    return {
        info.alias or "" for group in groups for info in group.model_fields.values() if info.is_required()
    }


def documented() -> dict[str, str]:
    """Variable to its default."""
    return dict(re.findall(r"^\| `([A-Z][A-Z_]+)` \| ([^|]+?) \|", PAGE, re.MULTILINE))


def own_settings() -> set[str]:
    """Keys of Terraform's map of the values that it knows."""
    [block] = re.findall(r"own_settings = merge\(\n(.*?)\n  \)\n", FUNCTIONS_TF, re.DOTALL)
    return set(re.findall(r"^ +([A-Z][A-Z_]+) += ", block, re.MULTILINE))


def test_terraform_knows_exactly_the_functions_that_are_packaged() -> None:
    assert set(GIVEN) == set(NAMES)


@pytest.mark.parametrize("function", NAMES)
def test_a_function_is_given_all_that_its_start_requires(function: str) -> None:
    given = GIVEN[function]
    assert required(groups_required(function)) == {*given["required"], *given["secret"]}


@pytest.mark.parametrize("function", NAMES)
def test_terraform_has_a_value_for_what_is_required_and_is_no_secret(function: str) -> None:
    assert set(GIVEN[function]["required"]) <= own_settings()


@pytest.mark.parametrize("function", NAMES)
def test_what_a_function_is_given_is_documented(function: str) -> None:
    given = GIVEN[function]
    assert {name for kind in ("required", "secret", "optional") for name in given[kind]} <= set(documented())


def test_code_terraform_and_documentation_have_the_same_settings() -> None:
    code = {name for group in settings.GROUPS for name in group.variables()} | WORKFLOW
    terraform = {name for given in GIVEN.values() for kind in given.values() for name in kind} | LOCAL_ONLY
    assert code == terraform == set(documented())


def test_code_terraform_and_documentation_require_the_same_settings() -> None:
    code = required(set(settings.GROUPS))
    terraform = {name for given in GIVEN.values() for kind in ("required", "secret") for name in given[kind]}
    assert code == terraform == {name for name, default in documented().items() if default == "required"}
