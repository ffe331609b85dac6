import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli_support import (
    COMMAND,
    TASK,
    CommandLine,
    FunctionsStandIn,
    batch,
    equation,
    known_part,
    manual_task,
    order,
    problem,
    redriven,
    report,
    vendor,
    whole_task,
)
from tests.processes import started

STATUS = "/workflow/batches/b1"
PART = {
    "record_key": "LM317T|ti",
    "pn": "LM317T",
    "manufacturer": "TI",
    "open": True,
    "openings": 2,
    "history": [],
}


@pytest.mark.parametrize(
    ("path", "answer", "arguments"),
    [
        ("/orchestrate", report(), ["run"]),
        (STATUS, batch(), ["status", "b1"]),
        (STATUS, batch("completed"), ["watch", "b1"]),
        ("/workflow/manual-tasks", {"total": 1, "manual_tasks": [manual_task()], "next": None}, ["pending"]),
        ("/workflow/config", {"workflow": {}, "settings": {}}, ["config", "--show"]),
        ("/workflow/reconcile", equation(), ["reconcile"]),
        (f"/workflow/manual-tasks/{TASK}", whole_task(), ["task", TASK]),
        ("/workflow/manual-tasks/groups", {"total": 0, "groups": []}, ["groups"]),
        ("/workflow/batches", {"total": 0, "batches": []}, ["batches"]),
        ("/workflow/parts", {"part": "LM317T", "records": [PART]}, ["show", "LM317T"]),
        (f"/workflow/manual-tasks/{TASK}/release", manual_task(), ["release", TASK, "--as", "ana"]),
        (f"/workflow/manual-tasks/{TASK}/complete", manual_task(), ["complete", TASK, "--as", "ana"]),
        ("/workflow/products", known_part(), ["product", "LM317T"]),
        ("/workflow/batches/b1/redrive", redriven(), ["redrive", "b1"]),
        ("/workflow/vendors", {"vendors": [vendor()]}, ["vendors"]),
        (
            "/workflow/vendors/digikey/resume",
            vendor(state="closed"),
            ["resume", "digikey", "--as", "ana", "--note", "new secret"],
        ),
        (f"/workflow/manual-tasks/{TASK}/fail", manual_task(), ["fail", TASK, "--as", "ana", "--note", "no"]),
    ],
)
def test_every_command_writes_its_whole_answer_to_a_file_or_to_standard_output(
    cli: CommandLine, functions: FunctionsStandIn, path: str, answer: object, arguments: list[str]
) -> None:
    functions.script(path, answer)

    to_file = cli.run(*arguments, "--output", "answer.json", "--url", functions.url)
    to_stdout = cli.run(*arguments, "--output", "-", "--url", functions.url)

    assert to_file.returncode == to_stdout.returncode == 0, to_file.stderr + to_stdout.stderr
    assert json.loads((cli.folder / "answer.json").read_text()) == answer
    assert to_file.stdout
    assert json.loads(to_stdout.stdout) == answer
    assert to_stdout.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [["status", "b1"], ["status", "b1", "--output", "-"], ["status", "gone"], ["status"], ["--help"]],
)
def test_a_process_of_its_own_answers_as_the_tests_see_it(
    cli: CommandLine, functions: FunctionsStandIn, arguments: list[str]
) -> None:
    functions.script(STATUS, batch())

    here = cli.run(*arguments, "--url", functions.url)
    apart = cli.process(*arguments, "--url", functions.url)

    assert (here.returncode, here.stdout, here.stderr) == (apart.returncode, apart.stdout, apart.stderr)


@pytest.fixture
def answering(functions: FunctionsStandIn) -> FunctionsStandIn:
    functions.script(STATUS, batch(policy="flöw ✓"))
    return functions


def test_a_file_that_was_there_is_replaced_and_keeps_its_rights(
    cli: CommandLine, answering: FunctionsStandIn
) -> None:
    real, link = cli.folder / "real.json", cli.folder / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)

    done = cli.run("status", "b1", "--output", "link.json", "--url", answering.url)

    assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert "flöw ✓" in real.read_text(encoding="utf-8")
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in cli.folder.iterdir()) == ["link.json", "real.json"]


def test_without_an_answer_the_file_stays_as_it_was(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(STATUS, problem(404, "not_found", "no batch b1"))
    (cli.folder / "a.json").write_text("old")

    for name in ("a.json", "new.json"):
        assert cli.run("status", "b1", "--output", name, "--url", functions.url).returncode == 4

    assert (cli.folder / "a.json").read_text() == "old"
    assert [path.name for path in cli.folder.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "it is a directory"),
        ("missing/a.json", "no such file or directory"),
        ("file/a.json", "not a directory"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_call(
    cli: CommandLine, answering: FunctionsStandIn, path: str, reason: str
) -> None:
    (cli.folder / "file").touch()

    done = cli.run("status", "b1", "--output", path, "--url", answering.url)

    assert done.returncode == 2
    assert done.stderr == f"[failed] cannot write {Path(path)}: {reason}\n"
    assert answering.asked == []


def test_a_device_is_written_and_not_replaced(cli: CommandLine, answering: FunctionsStandIn) -> None:
    done = cli.run("status", "b1", "--output", "/dev/null", "--url", answering.url)

    assert done.returncode == 0, done.stderr
    assert not Path("/dev/null").is_file()


def test_a_write_protected_file_is_not_touched(cli: CommandLine, answering: FunctionsStandIn) -> None:
    (cli.folder / "a.json").write_text("old")
    (cli.folder / "a.json").chmod(0o444)

    done = cli.run("status", "b1", "--output", "a.json", "--url", answering.url)

    if os.access(cli.folder / "a.json", os.W_OK):  # root may
        assert done.returncode == 0
    else:
        assert done.stderr == "[failed] cannot write a.json: it is write-protected\n"
        assert done.returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_the_summary_appears_although_the_disk_is_full(cli: CommandLine, answering: FunctionsStandIn) -> None:
    done = cli.run("status", "b1", "--output", "/dev/full", "--url", answering.url)

    assert done.returncode == 2
    assert "b1: in progress" in done.stdout
    assert done.stderr == "[failed] cannot write /dev/full: no space left on device\n"


def test_in_a_pipe_our_own_words_are_ascii_and_narrow_encodings_do_no_harm(
    cli: CommandLine, answering: FunctionsStandIn
) -> None:
    plain = cli.run("status", "b1", "--url", answering.url, PYTHONIOENCODING="ascii")
    as_json = cli.run("status", "b1", "--output", "-", "--url", answering.url, PYTHONIOENCODING="ascii")

    assert r"policy fl\xf6w \u2713" in plain.stdout
    assert plain.stdout.isascii()
    assert json.loads(as_json.stdout)["policy"] == "flöw ✓"


def on_a_terminal(cli: CommandLine, *arguments: str, **variables: str) -> tuple[int, str]:
    """Returns the exit status and the output to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        started(
            [*COMMAND, *arguments],
            env=cli.environment | {"TERM": "xterm-256color", "COLUMNS": "100"} | variables,
            cwd=cli.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process,
    ):
        os.close(theirs)
        shown = bytearray()
        try:
            while chunk := terminal.read(4096):
                shown += chunk
        except OSError:  # at the end, Linux raises where other systems return nothing
            pass
        return process.wait(), shown.decode()


def test_a_terminal_gets_emojis_colours_and_frames(cli: CommandLine, answering: FunctionsStandIn) -> None:
    status, shown = on_a_terminal(cli, "status", "b1", "--url", answering.url)

    assert status == 0
    assert "⏳ b1: in progress" in shown
    assert "\x1b[1m" in shown
    assert "╭" in shown


def test_no_color_is_honoured(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/reconcile", equation())

    _, coloured = on_a_terminal(cli, "reconcile", "--url", functions.url)
    _, plain = on_a_terminal(cli, "reconcile", "--url", functions.url, NO_COLOR="1")

    assert "\x1b[32m" in coloured
    assert "\x1b[3" not in plain


def test_a_terminal_that_knows_no_emojis_gets_none(cli: CommandLine, answering: FunctionsStandIn) -> None:
    _, narrow = on_a_terminal(cli, "status", "b1", "--url", answering.url, PYTHONIOENCODING="ascii")
    _, dumb = on_a_terminal(cli, "status", "b1", "--url", answering.url, TERM="dumb")

    assert "[in progress] b1" in narrow
    assert narrow.isascii()
    assert "[in progress] b1" in dumb


def decision(pn: str, manufacturer: str | None) -> dict[str, object]:
    return {
        "pn": pn,
        "manufacturer": manufacturer,
        "route": "manual",
        "priority": "high",
        "rule": "complete",
        "reason": "Completeness 0.85 is at least 0.8, and complex data needs human review.",
        "confidence": 0.85,
    }


@pytest.mark.parametrize(("columns", "framed"), [("60", False), ("79", False), ("80", True)])
def test_below_80_columns_a_table_that_does_not_fit_becomes_paragraphs(
    cli: CommandLine,
    functions: FunctionsStandIn,
    columns: str,
    framed: bool,  # noqa: FBT001 - a table's column
) -> None:
    functions.script(
        "/orchestrate", {"dry_run": True, "decisions": [decision("NE555", "TI"), decision("X2", None)]}
    )

    _, shown = on_a_terminal(
        cli,
        "run",
        "--dry-run",
        "--url",
        functions.url,
        COLUMNS=columns,
        PYTHONIOENCODING="ascii",
        NO_COLOR="1",
    )

    lines = re.sub(r"\x1b\[\d*m", "", shown).splitlines()
    assert any(line.startswith("+--") for line in lines) is framed
    if not framed:
        assert lines[1:4] == ["part NE555", "  manufacturer  TI", "  route         manual"]
        assert (
            "  reason        Completeness 0.85 is at least 0.8, and complex data needs human review." in lines
        )
        assert lines[-6:-4] == ["part X2", "  route         manual"]


def test_a_small_table_stays_one_on_a_narrow_terminal(cli: CommandLine, answering: FunctionsStandIn) -> None:
    _, shown = on_a_terminal(cli, "status", "b1", "--url", answering.url, COLUMNS="60")

    assert "╭" in shown


def test_on_a_terminal_ids_of_pending_tasks_are_never_broken(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/manual-tasks", {"total": 1, "manual_tasks": [manual_task()], "next": None})

    _, shown = on_a_terminal(cli, "pending", "--url", functions.url, COLUMNS="40")

    assert f"{TASK[:8]}  high, due 2026-11-23 10:00:00Z" in shown
    assert "NE555 TI, waiting" in shown


def test_on_a_terminal_each_order_has_its_deadline_and_its_reason(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/orders", {"total": 1, "orders": [order()], "next": None})

    _, shown = on_a_terminal(cli, "orders", "--url", functions.url, COLUMNS="40", NO_COLOR="1")

    assert "BB-1-A  label failed" in shown
    assert "  ship before 2026-11-24 04:59:00Z, 129.50 CAD" in shown
    assert "  the country is not Canada, since 2026-11-22 10:00:00Z" in shown


def test_the_command_ends_silently_when_its_reader_has_gone(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    tasks = [manual_task() for _ in range(1000)]
    functions.script("/workflow/manual-tasks", {"total": 1000, "manual_tasks": tasks, "next": None})

    for arguments in (["pending"], ["pending", "--output", "-"]):
        with started(
            [*COMMAND, *arguments, "--url", functions.url],
            env=cli.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait() == 141
