"""The command line with the real functions, on a separate laptop cloud."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.local_stack import LocalStack
from tests.cli_support import PROJECT, CommandLine

FULL: dict[str, object] = {
    "manufacturer": "TI",
    "category": "Timers",
    "description": "a timer",
    "specs": {"pins": 8},
    "docs": ["https://x.y"],
}
SPARSE = [{"pn": f"SPARSE-{number}", "priority_score": {"score": 0.9}} for number in range(3)]
WHOLE = [FULL | {"pn": f"FULL-{number}", "priority_score": {"score": 0.8}} for number in range(2)]
ROWS = [*SPARSE, *WHOLE, {"pn": None, "priority_score": {"score": 0.7}}]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running stack. The sandbox has none of the parts, so each one goes to a person."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "intake.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "catalogue.jsonl").write_text(json.dumps({"pn": "ELSEWHERE", "manufacturer": "TI"}) + "\n")
    stack = LocalStack(
        folder / "state",
        intake=folder / "intake.jsonl",
        catalogue=folder / "catalogue.jsonl",
        environment={"LOCAL_POSTGRES_FAST": "true"},
    )
    try:
        stack.start()
        yield folder
    finally:
        stack.purge()


def answer(cli: CommandLine, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = cli.run(*arguments, "--output", "-")
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_batch_is_run_watched_worked_on_and_accounted_for(stack: Path) -> None:
    cli = CommandLine(stack)

    trial = answer(cli, "run", "--dry-run", "--limit", "10")
    assert {each["pn"]: each["route"] for each in trial["decisions"]} == {
        "SPARSE-0": "automation",
        "SPARSE-1": "automation",
        "SPARSE-2": "automation",
        "FULL-0": "manual",
        "FULL-1": "manual",
    }

    begun = answer(cli, "run", "--limit", "10", "--batch-id", "b1")
    assert (begun["automation"], begun["manual"], begun["rejected"]) == (3, 2, 1)
    assert not answer(cli, "run", "--batch-id", "b1")["started"]

    watched = answer(cli, "watch", "b1", "--interval", "0.1")
    assert watched["automation"] == {"failed": 3}
    assert answer(cli, "status", "b1")["manual"] == {"initialized": 2}

    task = answer(cli, "pending", "--priority", "high", "--limit", "1")["manual_tasks"][0]["id"]
    assert answer(cli, "claim", task, "--as", "ana")["assignee"] == "ana"
    refused = cli.run("claim", task, "--as", "bob")
    assert refused.returncode == 4
    assert "is claimed by ana until" in refused.stderr
    assert answer(cli, "release", task, "--as", "ana", "--note", "later")["note"] == "later"
    answer(cli, "claim", task, "--as", "bob")
    fields = (
        "--set",
        "category=Clocks",
        "--attribute",
        "pitch=1",
        "--doc",
        "https://x.y/z",
        "--image",
        "https://x.y/i",
    )
    completed = answer(cli, "complete", task, "--as", "bob", *fields)
    assert completed["state"] == "completed"
    assert completed["edited_fields"]["attributes"] == {"pitch": "1"}
    other = answer(cli, "pending", "--priority", "high", "--limit", "1")["manual_tasks"][0]["id"]
    answer(cli, "claim", other, "--as", "ana")
    assert answer(cli, "fail", other, "--as", "ana", "--note", "obsolete")["state"] == "failed"

    for which in (("--batch", "b1"), ()):
        accounted = answer(cli, "reconcile", *which)
        assert accounted["balanced"]
        assert (accounted["taken"], accounted["rejected"]) == (6, 1)

    assert answer(cli, "config", "--show")["settings"]["SUPABASE_SERVICE_ROLE_KEY"] == "********"


def test_a_refusal_is_shown_in_the_functions_words(stack: Path) -> None:
    cli = CommandLine(stack)

    unknown = cli.run("status", "nobody")
    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert "no batch nobody" in unknown.stderr

    policy = cli.run("run", "--policy", "unknown")
    assert policy.returncode == 4
    assert "there is no policy 'unknown'; there are flow, score" in policy.stderr


def test_smoke_finds_every_function_healthy_and_changes_nothing(stack: Path) -> None:
    before = counted(stack)
    done = subprocess.run(
        [sys.executable, "-m", "infra.smoke"],
        cwd=PROJECT,
        env=os.environ | {"LOCAL_STATE_DIR": str(stack / "state")},
        check=False,
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"GET /health +ok", done.stdout)) == 10
    assert counted(stack) == before


def counted(stack: Path) -> dict[str, Any]:
    """The account of today without its audit, which says when it looked. Its exit status may be 1: nothing ran."""
    found: dict[str, Any] = json.loads(CommandLine(stack).run("reconcile", "--output", "-").stdout)
    return {name: value for name, value in found.items() if name != "audit"}
