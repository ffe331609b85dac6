import ast
from pathlib import Path

import pytest

PRODUCT = {"shared", "infra", "cli", "functions", "run_workflow"}
FILES = sorted(Path(__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_tests_of_the_stand_ins_import_nothing_of_the_product(file: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert not imported & PRODUCT
