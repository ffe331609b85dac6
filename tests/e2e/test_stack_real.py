import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infra.local.errors import InputUnreadable
from infra.local.functions import PARTS, STAGES, Line
from infra.local.local_stack import LocalStack
from infra.local.settings import PORT_OFFSETS, port_variable
from laptop.supabase.postgres.place import place_for
from laptop.supervisor.overview import PartState, look
from tests.laptop.supervisor.stack_support import PROJECT

FAST = {"LOCAL_POSTGRES_FAST": "true"}
ROWS = [{"pn": f"PART-{number}", "priority_score": {"score": 0.9}} for number in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    LocalStack(tmp_path / "state").purge()


@pytest.fixture
def intake(tmp_path: Path) -> Path:
    file = tmp_path / "intake.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return file


def decisions(stack: LocalStack) -> list[str]:
    """The part numbers in a dry run of the running stack."""
    request = urllib.request.Request(
        stack.url("orchestrate"),
        data=b'{"dry_run": true}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return sorted(decision["pn"] for decision in json.load(response)["decisions"])


@pytest.mark.slow
def test_the_whole_stack_decides_on_the_given_records_and_survives_the_death_of_any_part(
    folder: Path, intake: Path
) -> None:
    with LocalStack(folder / "state", intake=intake, environment=FAST) as stack:
        assert decisions(stack) == ["PART-0", "PART-1", "PART-2"]
        assert stack.environment["TASKS_API_ENDPOINT"] == stack.url("tasks")

        for name in list(stack.state.names):
            stack.kill(name)
            assert {p.name for p in look(stack.state).parts if p.state is PartState.DEAD} == {name}
            stack.restart(name)
        assert look(stack.state).exit_status == 0
        assert decisions(stack) == ["PART-0", "PART-1", "PART-2"]

        intake.write_text(intake.read_text() + '{"pn": "PART-3", "priority_score": {"score": 0.9}}\n')
        assert stack.start() == []
        assert decisions(stack) == ["PART-0", "PART-1", "PART-2", "PART-3"]

    assert look(stack.state).exit_status == 3


@pytest.mark.slow
def test_one_half_starts_alone_and_the_other_is_added_later(folder: Path, intake: Path) -> None:
    orders = LocalStack(folder / "state", intake=intake, environment=FAST, lines=[Line.ORDERS])
    try:
        assert set(orders.start()) == PARTS[Line.ORDERS]
        orders.restart("rest")
        assert set(orders.state.names) == PARTS[Line.ORDERS]
        assert look(orders.state).exit_status == 0

        both = LocalStack(folder / "state", intake=intake, environment=FAST)
        assert set(both.start()) == PARTS[Line.RECORDS] - PARTS[Line.ORDERS]
        assert decisions(both) == ["PART-0", "PART-1", "PART-2"]

        records = LocalStack(folder / "state", intake=intake, environment=FAST, lines=[Line.RECORDS])
        assert records.start() == []
        assert set(records.state.names) == PARTS[Line.RECORDS] | PARTS[Line.ORDERS]
    finally:
        orders.purge()


def test_a_missing_input_is_named_before_anything_starts(folder: Path) -> None:
    stack = LocalStack(folder / "state", catalogue=folder / "nowhere.jsonl")

    with pytest.raises(InputUnreadable, match=r"The catalogue file .*/nowhere\.jsonl cannot be read"):
        stack.start()

    assert stack.stop() == []


def test_the_command_line_from_up_to_purge(folder: Path, intake: Path) -> None:
    state_dir = folder / "state"
    ports = {port_variable(name): "0" for name in PORT_OFFSETS}
    environment = {**os.environ, **FAST, **ports, "LOCAL_STATE_DIR": str(state_dir), "INTAKE": str(intake)}

    def local(*arguments: str, status: int = 0) -> str:
        return run([sys.executable, "-m", "infra.local", *arguments], environment, status)

    assert "The stack is not running" in local("status", status=3)
    assert "Nothing was running" in local("down")

    assert "mirakl does not run. `make up`" in local("seed-orders", status=1)

    intake.write_text(intake.read_text() + "no JSON\n")
    first = local("up")
    assert "Started postgres, bigquery" in first
    assert "warning: 1 line is no record. intake.jsonl line 4: unreadable JSON" in first
    assert "`make seed-orders` puts 25 orders into it." in first
    assert f"The jobs of the stages ({', '.join(STAGES)}) are made paused" in first
    for line in first.splitlines():
        if line.startswith("    curl "):
            json.loads(run(shlex.split(line), environment))

    assert "The stack runs already." in local("up")
    assert json.loads(local("status", "--json"))["running"] is True
    assert "SUPABASE_URL=http://127.0.0.1:" in local("env")
    assert "rest ready" in local("logs", "rest", "-n", "5")

    shown = python_face(environment)
    assert "taken 3 waiting 0 status 3" in shown
    assert "Traceback" not in shown
    orders = local("seed-orders", "--cycle")
    assert "25 orders and 10 message threads are new at the Mirakl sandbox, 0 were there." in orders
    assert re.search(r"^  create-labels +18 done, 1 skipped, 2 failed", orders, re.MULTILINE)
    assert "25 were there." in local("seed-orders")
    looked_at = json.loads(run([sys.executable, "run_workflow.py", "orders", "--output", "-"], environment))
    assert {"elsewhere-A", "cancelled-A"} <= {order["order_id"] for order in looked_at["orders"]}

    local("kill", "digikey")
    assert "digikey is dead: `python -m infra.local restart digikey` starts it" in local("status", status=1)
    assert "Started digikey in" in local("up")
    local("restart", "digikey")
    assert "running" in local("status")

    assert "No part is called 'nothing'" in local("restart", "nothing", status=1)
    environment["LOCAL_PORT_BASE"] = "high"
    assert "LOCAL_PORT_BASE" in local("status", status=2)
    del environment["LOCAL_PORT_BASE"]

    purged = local("down", "--purge")
    assert "Stopped postgres, bigquery" in purged
    assert not state_dir.exists()
    assert not place_for(state_dir / "postgres").folder.exists()


def python_face(environment: Mapping[str, str]) -> str:
    """The output of the example in docs/cli.md, which is given no setting but the folder of the stack."""
    page = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```python\n(from shared.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = "print('taken', equation['taken'], 'waiting', len(waiting), 'status', status['taken'])\n"
    return run([sys.executable, "-m", "asyncio"], environment, typed=f"{example}\n{shown}")


def run(command: list[str], environment: Mapping[str, str], status: int = 0, typed: str = "") -> str:
    done = subprocess.run(
        command,
        input=typed,
        cwd=PROJECT,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    assert done.returncode == status, done.stdout
    return done.stdout
