"""The stand-ins' tests know nothing of the product, not even through another module of the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.processes import PROJECT

PRODUCT = {"shared", "infra", "cli", "functions"}


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_stand_ins_tests_import_nothing_of_the_product() -> None:
    waiting = list((PROJECT / "tests" / "laptop").rglob("*.py"))
    assert waiting
    seen: set[Path] = set()
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        for name in imported(source):
            assert name.split(".")[0] not in PRODUCT, f"{source} imports {name}"
            module = PROJECT / f"{name.replace('.', '/')}.py"
            if name.startswith("tests.") and module.is_file():
                waiting.append(module)
