import json
import re
import signal
from pathlib import Path

import psycopg
import pytest

from infra.local.local_stack import LocalStack
from laptop.supervisor.lock import stack_lock
from tests.demo_support import PATIENCE_S, demo, left_behind, running_demo

EQUATION = re.compile(
    r"^(\d+) taken = (\d+) completed \+ (\d+) with a person \+ 0 in flight \+ (\d+) failed \+ (\d+) rejected$",
    re.MULTILINE,
)

HEADINGS = (
    "Starting the laptop cloud",
    "Taking records in",
    "Working through the queue",
    "The batch",
    "Decisions",
    "Completed by automation: the record before -> the product after",
    "Waiting for a person: ",
    "The vendor's own books",
    "The account",
    "Stopping everything",
    "Everything took ",
)


def test_forty_real_parts_are_accounted_for_and_nothing_is_left_behind(tmp_path: Path) -> None:
    output = demo(tmp_path, "--limit", "40")

    [sides] = EQUATION.findall(output)
    taken, *places = map(int, sides)
    assert taken == sum(places) == 40
    assert places[0] > 0
    assert "[ok] balanced: every record is accounted for" in output
    places_of_headings = [output.find(f"\n{heading}") for heading in HEADINGS]
    assert -1 not in places_of_headings
    assert places_of_headings == sorted(places_of_headings)
    assert "  parts looked up again once their answer had arrived: none" in output
    assert max(map(len, output.splitlines())) <= 100
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("  automate", signal.SIGINT),
        ("Taking records in", signal.SIGINT),
        ("  every 20th look-up", signal.SIGINT),
        ("The batch", signal.SIGTERM),
    ],
)
def test_an_interrupted_demo_stops_everything_and_leaves_nothing(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    with running_demo(tmp_path) as running:
        assert running.stdout is not None
        assert any(line.startswith(moment) for line in running.stdout)
        running.send_signal(number)
        _, complaints = running.communicate(timeout=PATIENCE_S)

    assert complaints == f"Interrupted by {number.name}: all that was started is stopped again.\n"
    assert running.returncode == 128 + number
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_a_part_that_dies_fails_the_demo_which_stops_and_keeps_the_logs(tmp_path: Path) -> None:
    state_dir = tmp_path / "state" / "demo" / "stack"
    with running_demo(tmp_path) as running:
        assert running.stdout is not None
        assert any(line.startswith("Taking records in") for line in running.stdout)
        LocalStack(state_dir).kill("workflow")
        _, complaints = running.communicate(timeout=PATIENCE_S)

    assert running.returncode == 1
    assert "could not reach workflow at http://127.0.0.1:" in complaints
    assert f"The logs: {state_dir}/logs" in complaints
    assert (state_dir / "logs" / "workflow.log").stat().st_size > 0
    assert left_behind(tmp_path) == [str(tmp_path / "state")]


@pytest.mark.slow
def test_a_record_that_vanishes_fails_the_demo(tmp_path: Path) -> None:
    state_dir = tmp_path / "state" / "demo" / "stack"
    with running_demo(tmp_path) as running:
        assert running.stdout is not None
        assert any("40 records read" in line for line in running.stdout)
        with psycopg.connect(LocalStack(state_dir).url("postgres")) as database:
            gone = database.execute(
                "DELETE FROM manual_tasks WHERE id IN (SELECT id FROM manual_tasks LIMIT 1)"
            )
            assert gone.rowcount == 1
        output, complaints = running.communicate(timeout=PATIENCE_S)

    assert running.returncode == 1
    assert "NOT balanced: 1 of the records taken have no place (1 lost)" in output
    assert "The equation does not balance: this is a defect." in complaints
    assert f"The logs: {state_dir}/logs" in complaints


@pytest.mark.slow
def test_the_demo_ends_quietly_when_its_reader_has_gone(tmp_path: Path) -> None:
    with running_demo(tmp_path) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr is not None
        complaints = running.stderr.read()
        running.wait(timeout=PATIENCE_S)

    assert (running.returncode, complaints) == (141, "")
    assert left_behind(tmp_path) in ([], [str(tmp_path / "state")])  # the logs


def test_a_missing_intake_file_is_named_before_anything_is_started(tmp_path: Path) -> None:
    output = demo(tmp_path, status=1, INTAKE=str(tmp_path / "nowhere.jsonl"))

    assert output == f"The intake file {tmp_path}/nowhere.jsonl cannot be read: No such file or directory.\n"
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_other_records_and_another_catalogue_are_used_and_bad_lines_are_named(tmp_path: Path) -> None:
    score = {"priority_score": {"score": 0.9}}
    intake = tmp_path / "records.jsonl"
    rows = [
        {"pn": "KNOWN-1", "docs": "none", **score},
        {"pn": "STRANGE-2", "description": "<b>';--</b>\U0001f600", **score},
        {"manufacturer": "Nobody", **score},
    ]
    intake.write_text("not JSON\n" + "".join(json.dumps(row) + "\n" for row in rows))
    catalogue = tmp_path / "parts.jsonl"
    catalogue.write_text(json.dumps({"pn": "KNOWN-1", "manufacturer": "Acme", "category": "Things"}) + "\n")

    output = demo(tmp_path, "--intake", str(intake), "--catalogue", str(catalogue), "--limit", "10")

    assert f"{intake} line 1: unreadable JSON (Expecting value at column 1): rejected, and 1 more" in output
    assert "3 taken = 1 completed + 1 with a person + 0 in flight + 0 failed + 1 rejected" in output
    assert re.search(r"manufacturer +- +-> Acme", output)
    assert "DigiKey answered 404: Not Found: Requested Product STRANGE-2 Not Found" in output
    assert left_behind(tmp_path) == []


def test_a_second_demo_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with stack_lock(tmp_path / "state" / "demo", "demo"):
        output = demo(tmp_path, status=1)

    assert "is being changed by `demo` (pid " in output


@pytest.mark.slow
def test_a_kept_demo_runs_on_until_the_next_one(tmp_path: Path) -> None:
    output = demo(tmp_path, "--limit", "1", "--keep")
    state_dir = tmp_path / "state" / "demo" / "stack"

    assert f"LOCAL_STATE_DIR={state_dir} .venv/bin/python -m infra.local" in output
    stack = LocalStack(state_dir)
    assert stack.url("workflow")

    demo(tmp_path, "--limit", "1")
    assert left_behind(tmp_path) == []
