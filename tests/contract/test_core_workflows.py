"""`run_core_workflows.sh` against functions whose answers the test scripts."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli_support import PROJECT, FunctionsStandIn, Scripted, problem

SCRIPT = str(PROJECT / "run_core_workflows.sh")
STAGES = [stage["name"] for stage in json.loads((PROJECT / "shared" / "pipeline.json").read_text())["stages"]]
DONE = {"cycle": "c", "out_of_order": False, "done": 3, "skipped": 0, "failed": 0, "left": 0, "errors": []}


def run(url: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("SWITCHYARD_", "LOCAL_"))
    }
    return subprocess.run(
        [SCRIPT, *arguments],
        env=own | {"SWITCHYARD_URL": url} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def stages(functions: FunctionsStandIn) -> FunctionsStandIn:
    for name in STAGES:
        functions.script(f"/{name}", DONE | {"stage": name})
    return functions


def test_every_stage_runs_in_order_and_has_one_line(stages: FunctionsStandIn) -> None:
    more = {"new": 2, "done": 4, "left": 1, "label_pending": 5, "out_of_order": True}
    stages.script("/create-labels", DONE | more)

    done = run(stages.url, "--cycle", "c-1", "--limit", "7", SWITCHYARD_TOKEN="a-token")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "accept-orders: 3 done, 0 failed, 0 left",
        "create-labels: 4 done, 0 failed, 1 left, 2 new, 5 label pending (the stage before it had not finished)",
        "update-tracking: 3 done, 0 failed, 0 left",
        "sync-messages: 3 done, 0 failed, 0 left",
        "reconcile-orders: 3 done, 0 failed, 0 left",
    ]
    assert [call.path for call in stages.asked] == [f"/{name}" for name in STAGES]
    assert {json.dumps(call.body) for call in stages.asked} == {'{"cycle": "c-1", "limit": 7}'}
    assert {call.headers["Authorization"] for call in stages.asked} == {"Bearer a-token"}


@pytest.mark.parametrize(
    ("answer", "line", "status"),
    [
        (
            DONE | {"failed": 1, "errors": [{"order_id": "A", "message": "no"}]},
            "create-labels: 3 done, 1 failed, 0 left",
            1,
        ),
        (problem(503, "retry_later", "create-labels waits"), "create-labels: FAILED: create-labels waits", 1),
        (Scripted(500, b"<html>"), "create-labels: FAILED: no answer of the stage", 1),
        (Scripted(fault="hang up"), "create-labels: FAILED: no answer of the stage", 1),
        (
            {"held": {"cause": "account", "reason": "401", "retry_at": "2026-11-22T11:00:00+00:00"}},
            "create-labels: held until 2026-11-22T11:00:00+00:00: 401",
            0,
        ),
        ({"skipped": "already ran", "result": DONE}, "create-labels: already ran in this cycle", 0),
        ({"dry_run": True, "preview": ["A", "B"]}, "create-labels: would handle 2", 0),
    ],
)
def test_a_stage_says_how_it_ended_and_the_others_run(
    stages: FunctionsStandIn, answer: object, line: str, status: int
) -> None:
    stages.script("/create-labels", answer)

    done = run(stages.url)

    assert done.returncode == status
    assert done.stdout.splitlines()[1] == line
    assert len(done.stdout.splitlines()) == len(STAGES)
    assert [call.path for call in stages.asked] == [f"/{name}" for name in STAGES]


def test_the_whole_answers_are_printed_as_json(stages: FunctionsStandIn) -> None:
    stages.script("/update-tracking", problem(409, "conflict", "update-tracking is running"))
    stages.script("/sync-messages", Scripted(fault="hang up"))

    done = run(stages.url, "--json", "--dry-run")

    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("stage", answer.get("code")) for answer in answers] == [
        *("accept-orders", "create-labels", "conflict", "reconcile-orders")
    ]
    assert "update-tracking: FAILED: update-tracking is running\n" in done.stderr
    assert all(call.body["dry_run"] for call in stages.asked)


def test_the_stages_of_the_laptop_cloud_are_found_in_its_state(
    stages: FunctionsStandIn, tmp_path: Path
) -> None:
    parts = {name: {"url": f"{stages.url}/{name}"} for name in STAGES}
    (tmp_path / "state.json").write_text(json.dumps({"parts": parts}))

    assert run("", LOCAL_STATE_DIR=str(tmp_path)).returncode == 0
    assert len(stages.asked) == len(STAGES)


def test_without_anything_to_call_the_script_says_so(tmp_path: Path) -> None:
    done = run("", LOCAL_STATE_DIR=str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert "`make up`" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("--fast",), ("--cycle", "a b"), ("--cycle",), ("--limit", "0"), ("--limit", "10001x")]
)
def test_wrong_usage_is_refused(stages: FunctionsStandIn, arguments: tuple[str, ...]) -> None:
    done = run(stages.url, *arguments)

    assert (done.returncode, stages.asked) == (2, [])


def test_help_names_every_option_and_exit_status() -> None:
    text = run("", "--help").stdout

    for word in ("--cycle NAME", "--limit N", "--dry-run", "--json", "SWITCHYARD_URL", "SWITCHYARD_TOKEN"):
        assert word in text
    assert (
        "Exit status: 0 every stage worked, 1 a stage failed or an order failed in one, 2 wrong usage" in text
    )
