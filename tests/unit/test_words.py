"""Words that readers stumble over, kept out of the code. CONTRIBUTING.md states the style."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("cli", "functions", "infra", "laptop", "shared", "tests")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
NO_FACT_FIRST = re.compile(r"(What|Of|Who|Where|Which|Whose)\b")
OTHER_LINE = re.compile(r"\b(record line|the order line)\b", re.IGNORECASE)


def strings_that_document(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields docstrings, and the strings below a value that describe it."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_docstring_states_the_fact_first(folder: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text[:60]}"
        for file in SOURCES
        if file.relative_to(ROOT).parts[0] == folder
        for line, text in strings_that_document(ast.parse(file.read_text(encoding="utf-8")))
        if NO_FACT_FIRST.match(text)
    ]
    assert found == []


def test_a_line_is_a_row_of_an_order_and_never_a_flow_of_work() -> None:
    files = [*SOURCES, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "infra").rglob("*.sql")]
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in files
        if file != Path(__file__)
        for match in OTHER_LINE.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []
