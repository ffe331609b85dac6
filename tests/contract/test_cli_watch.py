import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli_support import COMMAND, CommandLine, FunctionsStandIn, Scripted, batch, problem, vendor
from tests.processes import started

STATUS = "/workflow/batches/b1"
OPEN = {"initialized": 3}


def test_in_a_pipe_each_change_is_a_line_until_automation_has_nothing_left_to_do(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(
        STATUS,
        batch(automation={"initialized": 1}, manual={}, closed_at=None, created_at="2999-01-01T00:00:00Z"),
        batch(automation=OPEN, manual={}),
        batch(automation=OPEN, manual={}),
        batch(automation={"completed": 1, "processing": 2}),
        batch(automation={"completed": 2, "failed": 1}),
    )

    done = cli.run("watch", "b1", "--interval", "0.01", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:6] == [
        "automation 0 of 1, people 0 of 0, more are being opened",
        "automation 0 of 3, people 0 of 0",
        "automation 1 of 3, people 0 of 1",
        "automation 3 of 3 (1 failed), people 0 of 1",
        "[in progress] b1: in progress",
        "4 taken = 2 completed + 2 with a person + 0 in flight + 0 failed + 0 rejected",
    ]
    assert len(functions.asked) == 5


def test_when_nothing_moves_it_says_why_until_something_does(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    still = [batch(automation=OPEN, manual={})] * 3
    functions.script(STATUS, *still, batch(automation={"completed": 1, "initialized": 2}, manual={}), batch())
    functions.script("/workflow/vendors", {"vendors": [vendor(cause="daily_limit")]})

    done = cli.run("watch", "b1", "--interval", "0.01", "--url", functions.url)

    quota = "the day's quota of digikey is used: 12 records wait, asked again at 2026-11-22 10:05:00Z"
    assert done.stdout.splitlines()[:4] == [
        "automation 0 of 3, people 0 of 0",
        f"automation 0 of 3, people 0 of 0; waits: {quota}",
        "automation 1 of 3, people 0 of 0",
        "automation 3 of 3 (1 failed), people 0 of 1",
    ]
    assert [each.path for each in functions.asked].count("/workflow/vendors") == 1


def test_a_function_without_news_of_its_vendors_leaves_the_queue_as_the_reason(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(STATUS, *[batch(automation=OPEN, manual={"processing": 2})] * 3, batch())
    functions.script("/workflow/vendors", problem(404, "not_found", "no such path"))

    done = cli.run("watch", "b1", "--interval", "0.01", "--url", functions.url)

    assert "; waits: 3 in the queue, 0 at work; people hold 2, 0 unclaimed\n" in done.stdout
    assert done.stderr == ""


def test_it_goes_on_until_people_are_done_when_asked_to(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(STATUS, batch(), batch("completed_with_failures", manual={"completed": 1}))

    done = cli.run("watch", "b1", "--until-ended", "--interval", "0.01", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert len(functions.asked) == 2


def test_a_batch_that_fails_is_bad_news_and_still_written(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(STATUS, batch("failed"))

    done = cli.run("watch", "b1", "--output", "-", "--url", functions.url)

    assert done.returncode == 1
    assert json.loads(done.stdout)["state"] == "failed"


def test_a_function_that_is_away_for_a_while_is_waited_for(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    away = problem(503, "store_unavailable", "away", headers={"Retry-After": "0"})
    functions.script(STATUS, batch(automation=OPEN), *[away] * 4, batch())

    done = cli.run("watch", "b1", "--interval", "0.01", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("still watching") == 1
    assert len(functions.asked) == 6


def test_watch_gives_up_when_its_patience_has_run_out(cli: CommandLine, functions: FunctionsStandIn) -> None:
    away = problem(503, "store_unavailable", "away", headers={"Retry-After": "0"})
    functions.script(STATUS, batch(automation=OPEN), away)

    done = cli.run("watch", "b1", "--interval", "0.01", "--patience", "0", "--url", functions.url)

    assert done.returncode == 3
    assert len(functions.asked) == 4


@pytest.mark.parametrize(
    ("answer", "status"), [(problem(404, "not_found", "no batch b1"), 4), (Scripted(fault="hang up"), 3)]
)
def test_a_first_call_that_fails_ends_watch(
    cli: CommandLine, functions: FunctionsStandIn, answer: Scripted, status: int
) -> None:
    functions.script(STATUS, answer)

    assert cli.run("watch", "b1", "--url", functions.url).returncode == status


def test_ctrl_c_ends_it_cleanly(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(STATUS, batch(automation=OPEN))

    with started(
        [*COMMAND, "watch", "b1", "--interval", "30", "--url", functions.url],
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "automation 0 of 3, people 0 of 1\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "interrupted\n"


def test_ctrl_c_during_a_run_names_the_batch_that_may_have_begun(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", Scripted(fault="stall"))

    with started(
        [*COMMAND, "run", "--batch-id", "b9", "--url", functions.url],
        env=cli.environment,
        stderr=subprocess.PIPE,
    ) as process:
        functions.wait_for_a_call()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read().splitlines() == [
            "the batch may have begun: `run_workflow.py status b9` shows it",
            "interrupted",
        ]


@contextmanager
def watching_on_a_terminal(cli: CommandLine, url: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    ours, theirs = pty.openpty()
    try:
        with started(
            [*COMMAND, "watch", "b1", "--interval", "0.05", "--url", url],
            env=cli.environment | {"TERM": "xterm-256color", "COLUMNS": "100"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            yield ours, process
    finally:
        os.close(ours)


def read_until(terminal: int, wanted: str | None) -> str:
    """Returns the output up to `wanted`, or to the end."""
    shown = bytearray()
    while wanted is None or wanted not in shown.decode(errors="replace"):
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # at the end, Linux raises where other systems return nothing
            chunk = b""
        if not chunk:
            assert wanted is None, f"{wanted!r} not in {shown!r}"
            break
        shown += chunk
    return shown.decode(errors="replace")


def test_a_terminal_gets_bars_and_notices_above_them(cli: CommandLine, functions: FunctionsStandIn) -> None:
    away = problem(503, "store_unavailable", "away", headers={"Retry-After": "0"})
    functions.script(STATUS, batch(automation=OPEN), *[away] * 3, batch())

    with watching_on_a_terminal(cli, functions.url) as (terminal, process):
        shown = read_until(terminal, None)
        assert process.wait() == 0

    assert "🤖" in shown
    assert "3 of 3 (1 failed)" in shown
    assert "still watching" in shown
    assert "⏳ b1: in progress" in shown


def test_a_terminal_gets_the_reason_above_the_bars(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(STATUS, *[batch(automation=OPEN)] * 4, batch())
    functions.script("/workflow/vendors", {"vendors": [vendor(cause="down", until=None)]})

    with watching_on_a_terminal(cli, functions.url) as (terminal, process):
        shown = read_until(terminal, None)
        assert process.wait() == 0

    assert shown.count("waits: digikey is down: 12 records wait; people hold 0, 1 unclaimed") == 1


def test_ctrl_c_gives_the_terminal_its_cursor_back(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(STATUS, batch(automation=OPEN))

    with watching_on_a_terminal(cli, functions.url) as (terminal, process):
        read_until(terminal, "0 of 3")
        process.send_signal(signal.SIGINT)
        shown = read_until(terminal, None)
        assert process.wait() == 130

    assert "\x1b[?25h" in shown  # the cursor is shown
    assert shown.rstrip().endswith("interrupted")
