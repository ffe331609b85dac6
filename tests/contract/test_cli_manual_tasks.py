import pytest

from tests.cli_support import TASK, CommandLine, FunctionsStandIn, Scripted, manual_task, problem, whole_task


def test_complete_sends_every_edited_field(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(f"/workflow/manual-tasks/{TASK}/complete", manual_task(state="completed", note="done"))

    done = cli.run(
        "complete",
        TASK,
        *("--as", "ana", "--note", "from the datasheet", "--url", functions.url),
        *("--set", "category=Timers", "--set", "description=a=b", "--set", "manufacturer=Texas Instruments"),
        *("--attribute", "pitch=2.54 mm", "--attribute", "pins=8"),
        *("--doc", "https://x.y/a.pdf", "--doc", "https://x.y/b.pdf", "--image", "http://x.y/c.png"),
    )

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].body == {
        "assignee": "ana",
        "note": "from the datasheet",
        "fields": {
            "category": "Timers",
            "description": "a=b",
            "manufacturer": "Texas Instruments",
            "attributes": {"pitch": "2.54 mm", "pins": "8"},
            "docs": ["https://x.y/a.pdf", "https://x.y/b.pdf"],
            "images": ["http://x.y/c.png"],
        },
    }
    assert "[ok] completed" in done.stdout
    assert "  note: done\n" in done.stdout


def test_complete_without_edits_sends_none(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(f"/workflow/manual-tasks/{TASK}/complete", manual_task(state="completed"))

    cli.run("complete", TASK, "--as", "ana", "--url", functions.url)

    assert functions.asked[0].body == {"assignee": "ana", "fields": {}}


@pytest.mark.parametrize(
    ("command", "note", "done_in_words"),
    [
        ("release", ("--note", "not mine"), "released"),
        ("release", (), "released"),
        ("fail", ("--note", "gone"), "failed"),
    ],
)
def test_release_and_fail_carry_the_note(
    cli: CommandLine, functions: FunctionsStandIn, command: str, note: tuple[str, ...], done_in_words: str
) -> None:
    functions.script(f"/workflow/manual-tasks/{TASK}/{command}", manual_task())

    done = cli.run(command, TASK, "--as", "ana", *note, "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].body == {"assignee": "ana"} | ({"note": note[1]} if note else {})
    assert done_in_words in done.stdout


def test_a_task_that_somebody_else_holds_is_refused_with_the_owners_name(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    conflict = problem(409, "conflict", "manual task is claimed by bob until 11:00")
    functions.script(f"/workflow/manual-tasks/{TASK}/claim", conflict)

    done = cli.run("claim", TASK, "--as", "ana", "--url", functions.url)

    assert done.returncode == 4
    assert done.stderr == "[failed] workflow refused: manual task is claimed by bob until 11:00 (conflict)\n"


@pytest.mark.parametrize("fault", [Scripted(fault="hang up"), problem(503, "store_unavailable", "later")])
def test_complete_and_fail_are_never_sent_twice(
    cli: CommandLine, functions: FunctionsStandIn, fault: Scripted
) -> None:
    functions.script(f"/workflow/manual-tasks/{TASK}/complete", fault)

    done = cli.run("complete", TASK, "--as", "ana", "--url", functions.url)

    assert done.returncode == 3
    assert len(functions.asked) == 1


def test_a_claim_is_sent_again_when_its_answer_was_lost(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(f"/workflow/manual-tasks/{TASK}/claim", Scripted(fault="hang up"), manual_task())
    functions.script(f"/workflow/manual-tasks/{TASK}", whole_task())

    assert cli.run("claim", TASK, "--as", "ana", "--url", functions.url).returncode == 0
    assert [asked.method for asked in functions.asked] == ["POST", "POST", "GET"]
