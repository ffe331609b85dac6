import re
from pathlib import Path

import pytest

from laptop.google.tasks.__main__ import options
from laptop.google.tasks.faults import FaultKind
from laptop.google.tasks.rpc import NOT_IMITATED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cloud-tasks.md").read_text()


def test_every_option_is_documented_and_every_documented_option_exists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        options(["--help"])
    existing = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert existing == set(re.findall(r"`(--[a-z-]+)`", PAGE))


def test_every_fault_is_documented() -> None:
    assert {kind for kind in FaultKind if f"| `{kind}` |" in PAGE} == set(FaultKind)


def test_every_file_of_the_conformance_suite_is_listed() -> None:
    files = {path.name for path in (ROOT / "tests" / "contract").glob("test_cloud_tasks_*.py")}
    assert files == set(re.findall(r"^\| `(test_cloud_tasks_\w+\.py)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("method", NOT_IMITATED)
def test_every_method_that_is_not_served_is_said(method: str) -> None:
    assert method in PAGE or any(
        topic in PAGE for topic in ("IAM", "CMEK") if topic.lower() in method.lower()
    )
