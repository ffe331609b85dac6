"""`make plan`, `make deploy` and `make logs`, with scripts instead of terraform and gcloud that record their calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOTE = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0") $*" >> "$CALLS"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project without anything to install or to package."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "requirements-dev.txt").write_text("")
    for program in (".venv/bin/python", "programs/terraform", "programs/gcloud"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text(NOTE)
        (tmp_path / program).chmod(0o755)
    (tmp_path / ".venv" / ".complete").touch()
    return tmp_path


def make(checkout: Path, *arguments: str, typed: str = "") -> tuple[int, list[str]]:
    """Returns the exit status and the recorded calls."""
    calls = checkout / "calls"
    calls.unlink(missing_ok=True)
    done = subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory", *arguments],
        cwd=checkout,
        env={"PATH": f"{checkout / 'programs'}:{os.environ['PATH']}", "CALLS": str(calls)},
        input=typed,
        check=False,
        text=True,
        capture_output=True,
        timeout=60,
    )
    return done.returncode, calls.read_text().splitlines()


def test_a_plan_packages_first_and_applies_nothing(checkout: Path) -> None:
    status, calls = make(checkout, "plan", "STATE_BUCKET=states")
    assert status == 0
    assert calls == [
        "python -m infra.package --output build",
        "terraform -chdir=infra/terraform init -input=false -backend-config=bucket=states",
        f"terraform -chdir=infra/terraform plan -input=false -out={checkout}/build/terraform.plan",
    ]


def test_a_deployment_applies_the_plan_that_was_shown_after_a_yes(checkout: Path) -> None:
    status, calls = make(checkout, "deploy", typed="yes\n")
    assert status == 0
    assert calls[-1] == f"terraform -chdir=infra/terraform apply -input=false {checkout}/build/terraform.plan"


@pytest.mark.parametrize("typed", ["", "no\n", "y\n", "YES\n"])
def test_anything_but_yes_changes_nothing(checkout: Path, typed: str) -> None:
    status, calls = make(checkout, "deploy", typed=typed)
    assert status != 0
    assert [call.split()[2] for call in calls if call.startswith("terraform")] == ["init", "plan"]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ((), "jsonPayload.function:* --freshness=1h --limit=100"),
        (
            ("FUNCTION=automate", "SINCE=2d", "LIMIT=5"),
            'resource.labels.service_name="automate" --freshness=2d --limit=5',
        ),
    ],
)
def test_logs_are_those_of_the_functions_or_of_one(
    checkout: Path, arguments: tuple[str, ...], asked: str
) -> None:
    status, calls = make(checkout, "logs", *arguments)
    assert status == 0
    assert calls[0].startswith(
        f'gcloud logging read resource.type="cloud_run_revision" AND {asked} --format='
    )
