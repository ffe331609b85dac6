"""An answer that is a file: fetched from a function, and written complete or not at all."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.addresses import Address, Function
from cli.answer_file import AnswerFile
from cli.client import Call, Client
from cli.failures import NotReached, WrongUsage
from tests.cli_support import PROJECT, CommandLine, FunctionsStandIn, Scripted, problem

PATH = "/workflow/labels"
CONTENT = bytes(range(256)) * 4000
NAMED = {
    "Content-Type": "application/pdf",
    "Content-Disposition": "attachment; filename=\"labels.pdf\"; filename*=UTF-8''labels%202026.pdf",
}
LABELS = Scripted(200, CONTENT, NAMED)


@pytest.fixture
def client(functions: FunctionsStandIn) -> Iterator[Client]:
    address = Address(Function.WORKFLOW, f"{functions.url}/workflow", "")
    with Client(address, None, notify=lambda _line: None, sleep=lambda _seconds: None) as client:
        yield client


def labels() -> Call:
    return Call("GET", "/labels", 30, repeatable=True, query={"day": "2026-11-27"})


def test_a_file_arrives_whole_with_its_name_and_type(client: Client, functions: FunctionsStandIn) -> None:
    functions.script(PATH, LABELS)

    reply = client.file(labels())

    assert (reply.content, reply.name, reply.media_type) == (CONTENT, "labels 2026.pdf", "application/pdf")
    assert functions.asked[0].query == {"day": ["2026-11-27"]}


def test_a_file_is_asked_for_again_when_the_connection_breaks_or_the_function_is_busy(
    client: Client, functions: FunctionsStandIn
) -> None:
    busy = problem(503, "store_unavailable", "later", headers={"Retry-After": "1"})
    functions.script(PATH, Scripted(fault="hang up"), busy, LABELS)

    assert client.file(labels()).content == CONTENT


def test_half_a_file_is_no_file(client: Client, functions: FunctionsStandIn) -> None:
    functions.script(PATH, Scripted(200, CONTENT[:1000], {**NAMED, "Content-Length": "2000"}))

    with pytest.raises(NotReached, match="broke off"):
        client.file(labels())


def test_a_file_replaces_the_one_before_at_once_and_leaves_no_draft(tmp_path: Path) -> None:
    target = tmp_path / "labels.pdf"
    target.write_bytes(b"old")

    with AnswerFile(target) as file:
        assert target.read_bytes() == b"old"
        file.write_file(CONTENT)

    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


def test_without_an_answer_the_file_stays_as_it_was(
    tmp_path: Path, client: Client, functions: FunctionsStandIn
) -> None:
    functions.script(PATH, Scripted(200, b"<html>"))
    target = tmp_path / "labels.pdf"
    target.write_bytes(b"old")

    with pytest.raises(NotReached), AnswerFile(target) as file:
        file.write_file(client.file(labels()).content)

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_written_when_nobody_asked_for_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with AnswerFile(None) as file:
        file.write_file(CONTENT)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said() -> None:
    with (
        pytest.raises(WrongUsage, match="cannot write /dev/full: no space left on device"),
        AnswerFile(Path("/dev/full")) as file,
    ):
        file.write_file(CONTENT)


WRITER = """
from pathlib import Path
from cli.answer_file import AnswerFile
with AnswerFile(Path("-")) as file:
    file.write_file(bytes(range(256)) * 4000)
"""


@pytest.mark.parametrize("unbuffered", [[], ["-u"]])
def test_a_file_goes_whole_through_a_pipe(unbuffered: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *unbuffered, "-c", WRITER], cwd=PROJECT, capture_output=True, check=True, timeout=60
    )

    assert done.stdout == CONTENT


def test_a_file_is_not_shown_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", WRITER],
            cwd=PROJECT,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode != 0
    assert "a terminal cannot show this file" in done.stderr


# --- the commands


@pytest.mark.parametrize(
    ("arguments", "path", "query"),
    [
        (("labels",), "/workflow/labels", {}),
        (("labels", "BB-1"), "/workflow/orders/BB-1/label", {}),
        (("labels", "BB-1", "BB-2"), "/workflow/labels", {"orders": ["BB-1,BB-2"]}),
        (("labels", "--day", "2026-11-27"), "/workflow/labels", {"day": ["2026-11-27"]}),
        (("slip", "BB-1"), "/workflow/orders/BB-1/packing-slip", {}),
        (("file", "f-1"), "/workflow/files/f-1", {}),
        (("postage", "--csv", "--by", "label"), "/workflow/postage", {"by": ["label"], "csv": ["true"]}),
    ],
)
def test_a_command_writes_the_file_that_it_fetches(
    cli: CommandLine,
    functions: FunctionsStandIn,
    arguments: tuple[str, ...],
    path: str,
    query: dict[str, list[str]],
) -> None:
    functions.script(path, LABELS)

    done = cli.run(*arguments, "--output", "saved", "--url", functions.url)

    assert done.stdout == f"[ok] written: labels 2026.pdf, {len(CONTENT)} bytes\n"
    assert (functions.asked[0].path, functions.asked[0].query) == (path, query)
    assert (cli.folder / "saved").read_bytes() == CONTENT


def test_a_label_that_is_missing_leaves_the_file_as_it_was(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(
        "/workflow/orders/A/label", problem(404, "not_found", "order A has no label on the shelf")
    )
    (cli.folder / "saved").write_bytes(b"old")

    done = cli.run("labels", "A", "--output", "saved", "--url", functions.url)

    assert (done.returncode, done.stdout) == (4, "")
    assert "order A has no label on the shelf" in done.stderr
    assert (cli.folder / "saved").read_bytes() == b"old"


def test_a_file_command_needs_a_file(cli: CommandLine, functions: FunctionsStandIn) -> None:
    done = cli.run("labels", "--url", functions.url)

    assert (done.returncode, functions.asked) == (2, [])
    assert "--output" in done.stderr
