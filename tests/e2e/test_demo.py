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

ORDERS_EQUATION = re.compile(
    r"^(\d+) seen = (\d+) shipped \+ (\d+) in progress \+ (\d+) with a person \+ (\d+) cancelled \+ (\d+) refused$",
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
    "Orders come in",
    "Cycle 1: ",
    "The orders' paths",
    "Labels bought",
    "Orders that need a person, and why",
    "The account of the orders, compared with marketplace and carrier",
    "The marketplace corrects the order that cannot be read",
    "Stopping everything",
    "Everything took ",
)


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of a demo of 40 records."""
    folder = tmp_path_factory.mktemp("demo")
    output = demo(folder, "--limit", "40")
    assert left_behind(folder) == []
    return output


def test_forty_real_parts_are_accounted_for_and_nothing_is_left_behind(forty: str) -> None:
    sides, account = EQUATION.findall(forty)
    assert sides == account, "the state of the batch and its account are one"
    taken, *places = map(int, sides)
    assert taken == sum(places) == 40
    assert places[0] > 0
    assert "[ok] balanced: every record is accounted for" in forty
    places_of_headings = [forty.find(f"\n{heading}") for heading in HEADINGS]
    assert -1 not in places_of_headings
    assert places_of_headings == sorted(places_of_headings)
    assert "  parts looked up again once their answer had arrived: none" in forty
    assert max(map(len, forty.splitlines())) <= 100
    assert re.search(r"^  make up +keeps it running and opens the desk$", forty, re.MULTILINE)


@pytest.mark.parametrize(
    ("order_id", "reason"),
    [
        ("address-A", "the province and the postal code contradict each other"),
        ("cancelled-A", "a label is paid for and not needed"),
        ("elsewhere-A", "the marketplace shipped or closed it without our label"),
        ("refused-A", "refused: Mirakl answered 400"),
        ("suspended-A", "the label is bought: the carrier gave no label that can be used"),
        ("too-high-A", "not accepted: the parcel is 250.0 cm high, more than 200"),
        ("unreadable-A", "cannot be read (total_price: decimal_parsing)"),
    ],
)
def test_an_order_of_each_kind_that_needs_a_person_is_shown_with_its_reason(
    forty: str, order_id: str, reason: str
) -> None:
    assert re.search(rf"^  {order_id} +{re.escape(reason)}", forty, re.MULTILINE)


def test_the_account_of_the_orders_is_unbalanced_until_the_unreadable_order_can_be_read(forty: str) -> None:
    first, second = ([int(number) for number in sides] for sides in ORDERS_EQUATION.findall(forty))

    assert (first[0], second[0]) == (24, 25)
    assert [sum(sides[1:]) for sides in (first, second)] == [24, 25]
    assert "24 orders and 1 that cannot be read listed by the marketplace, 24 seen by us\n" in forty
    assert "] verdict: unbalanced: contradicted by unreadable-A\n" in forty
    assert "\n25 orders listed by the marketplace, 25 seen by us\n" in forty
    assert re.findall(r"^(\d+) labels listed by the carrier, (\d+) known to us$", forty, re.MULTILINE) == [
        ("20", "20"),
        ("21", "21"),
    ]
    assert "[ok] verdict: balanced: every order is accounted for, no label was bought twice\n" in forty


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
    assert "DigiKey's search has no part STRANGE-2" in output
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
