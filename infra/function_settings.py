"""Which environment variables each function reads, out of its code. Terraform gives a function these and no other.

`python -m infra.function_settings` writes them to infra/terraform/required_settings.json; a test fails while that file
is behind the code.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from infra.package.archive import functions
from shared import settings
from shared.workflow_config import WorkflowConfig, variable_of

ROOT = Path(__file__).parents[1]
FILE = ROOT / "infra" / "terraform" / "required_settings.json"

LOCAL_ONLY = frozenset({"BIGQUERY_API_ENDPOINT", "TASKS_API_ENDPOINT"})
"""For the laptop's stand-ins: never given to a deployed function."""


def settings_of(function: str, root: Path = ROOT) -> dict[str, list[str]]:
    """The function's variables as `required`, `secret` (required too) and `optional`, each in alphabetical order."""
    named = set(_names(root, function))
    told: dict[str, list[str]] = {"required": [], "secret": [], "optional": []}
    for group in settings.GROUPS:
        if group.__name__ in named:
            for field in group.model_fields.values():
                told[_kind(field)].append(str(field.alias))
    if WorkflowConfig.__name__ in named:
        told["optional"] += [variable_of(field) for field in WorkflowConfig.model_fields]
    return {kind: sorted(set(names) - LOCAL_ONLY) for kind, names in told.items()}


def written(root: Path = ROOT) -> str:
    """The file's content."""
    told = {
        "functions": {function: settings_of(function, root) for function in functions(root)},
        "workflow": WorkflowConfig().model_dump(),
    }
    return json.dumps(told, indent=2) + "\n"


def _kind(field: FieldInfo) -> str:
    if field.annotation is SecretStr:
        return "secret"
    return "required" if field.is_required() else "optional"


def _names(root: Path, function: str) -> Iterator[str]:
    """Every name in the function's file, and in the builders of the composition roots that it leads to."""
    builders = {
        (file.stem, node.name): node
        for file in root.glob("shared/wiring/*.py")
        for node in _tree(file).body
        if isinstance(node, ast.FunctionDef)
    }
    waiting: list[tuple[str, ast.AST]] = [
        ("", _tree(root / "functions" / f"{function.replace('-', '_')}.py"))
    ]
    while waiting:
        module, tree = waiting.pop()
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=name):
                    place = (owner, name)
                case ast.Name(id=name):
                    place = (module, name)
                case _:
                    continue
            yield name
            if builder := builders.pop(place, None):
                waiting.append((place[0], builder))


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)} is written\n")
