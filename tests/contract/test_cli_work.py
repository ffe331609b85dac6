from typing import Any

import pytest

from tests.cli_support import TASK, CommandLine, FunctionsStandIn, Scripted, manual_task, problem, whole_task

EDITS = ("--set", "category=Timers", "--attribute", "pins=8", "--origin", "category=vendor")
REMOVALS = (
    "--remove-attribute",
    "Colour",
    "--remove-doc",
    "https://x.y/a.pdf",
    "--remove-image",
    "https://x.y/c.png",
)
REMOVED = {"attributes": ["Colour"], "docs": ["https://x.y/a.pdf"], "images": ["https://x.y/c.png"]}
SAID: dict[str, Any] = {
    "fields": {"category": "Timers", "attributes": {"pins": "8"}},
    "removed": REMOVED,
    "origins": {"category": "vendor"},
}


def done(**changes: object) -> dict[str, object]:
    until = "2026-11-22T11:15:00+00:00"
    return manual_task(state="completed", assignee="ana", undo_until=until, **changes)


def test_complete_says_what_was_changed_and_how_long_it_may_be_taken_back(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    edited = SAID["fields"] | {"removed": REMOVED, "origins": SAID["origins"]}
    functions.script(f"/workflow/manual-tasks/{TASK}/complete", done(edited_fields=edited))

    shown = cli.run("complete", TASK, "--as", "ana", *EDITS, *REMOVALS, "--url", functions.url)

    assert shown.returncode == 0, shown.stderr
    assert functions.asked[0].body == {"assignee": "ana"} | SAID
    assert shown.stdout.endswith(
        "  changed:\n"
        "    category: Timers (from vendor)\n"
        "    attribute:pins: 8\n"
        "    attribute:Colour: removed\n"
        "    datasheet:https://x.y/a.pdf: removed\n"
        "    photo:https://x.y/c.png: removed\n"
        f"  may be taken back until 2026-11-22 11:15:00Z: take-back {TASK} --as ana\n"
    )


def test_complete_without_an_edit_says_that_the_row_stands_and_what_it_is(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    product = {
        "category": "ICs",
        "attributes": {"pins": "8"},
        "media": [{"kind": "photo", "url": "https://x.y/c.png"}],
    }
    functions.script(f"/workflow/manual-tasks/{TASK}/complete", done(edited_fields={}, product=product))

    shown = cli.run("complete", TASK, "--as", "ana", "--url", functions.url)

    assert (
        "  nothing edited: approved as it stands\n    category: ICs\n    attribute:pins: 8\n    photo: https://x.y/c.png\n"
        in shown.stdout
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--attribute", "a=1", "--remove-attribute", "a"), "'a' is given and removed at once"),
        (("--origin", "category=memory"), "is not of the form field=origin"),
        (("--origin", "a=typed", "--origin", "a=vendor"), "--origin: 'a' was given twice"),
    ],
)
def test_what_contradicts_itself_is_refused_before_any_call(
    cli: CommandLine, functions: FunctionsStandIn, given: tuple[str, ...], complaint: str
) -> None:
    refused = cli.run("complete", TASK, "--as", "ana", *given, "--url", functions.url)

    assert (refused.returncode, functions.asked) == (2, [])
    assert complaint in refused.stderr


def test_preview_shows_each_difference(cli: CommandLine, functions: FunctionsStandIn) -> None:
    change = {"field": "category", "before": "ICs", "after": None}
    functions.script(
        f"/workflow/manual-tasks/{TASK}/preview",
        {"before": {}, "after": {}, "changes": [change]},
        {"before": {}, "after": {}, "changes": []},
    )

    shown = cli.run("preview", TASK, "--as", "ana", *EDITS, "--url", functions.url)
    assert functions.asked[0].body == {"assignee": "ana"} | {
        name: SAID[name] for name in ("fields", "origins")
    }
    assert "[ok] 1 field would change" in shown.stdout
    assert "category" in shown.stdout
    assert (
        "the product stays as it is" in cli.run("preview", TASK, "--as", "ana", "--url", functions.url).stdout
    )


@pytest.mark.parametrize(
    ("claim", "status", "words"),
    [
        ({"held": True, "by": "ana", "state": "processing"}, 0, "draft saved, the task is yours until"),
        ({"held": False, "by": "bo", "state": "processing"}, 1, "draft saved, but bo holds the task until"),
        (
            {"held": False, "by": "bo", "state": "completed"},
            1,
            "draft saved, but the task was completed by bo",
        ),
    ],
)
def test_draft_says_whether_the_task_is_still_ours(
    cli: CommandLine, functions: FunctionsStandIn, claim: dict[str, object], status: int, words: str
) -> None:
    until = None if claim["state"] == "completed" else "2026-11-22T11:00:00+00:00"
    functions.script(f"/workflow/manual-tasks/{TASK}/draft", {"draft": {}, "claim": claim | {"until": until}})

    shown = cli.run("draft", TASK, "--as", "ana", *EDITS, "--note", "half", "--url", functions.url)

    assert shown.returncode == status
    assert functions.asked[0].body == {"assignee": "ana", "note": "half"} | {
        name: SAID[name] for name in ("fields", "origins")
    }
    assert words in shown.stdout


def test_take_back_and_skip_are_sent_again_when_their_answer_was_lost(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    for command, path, body in (
        (("take-back", TASK, "--note", "wrong"), "undo", {"assignee": "ana", "note": "wrong"}),
        (("skip", TASK), "skip", {"assignee": "ana"}),
    ):
        functions.script(f"/workflow/manual-tasks/{TASK}/{path}", Scripted(fault="hang up"), manual_task())
        shown = cli.run(*command, "--as", "ana", "--url", functions.url)
        assert shown.returncode == 0, shown.stderr
        assert [asked.body for asked in functions.asked[-2:]] == [body, body]


def test_a_refused_take_back_gives_the_reason(cli: CommandLine, functions: FunctionsStandIn) -> None:
    refusal = problem(
        409, "conflict", "manual task x: its record was opened again since, so the end of the task stands"
    )
    functions.script(f"/workflow/manual-tasks/{TASK}/undo", refusal)

    refused = cli.run("take-back", TASK, "--as", "ana", "--url", functions.url)

    assert refused.returncode == 4
    assert "its record was opened again since" in refused.stderr


def test_next_takes_one_task_of_the_filter_also_when_the_answer_was_lost(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(
        "/workflow/manual-tasks/next", Scripted(fault="hang up"), {"task": manual_task()}, {"task": None}
    )

    functions.script(f"/workflow/manual-tasks/{TASK}", whole_task())
    shown = cli.run(
        "next", "--as", "ana", "--priority", "high", "--search", "ne5", "--overdue", "--url", functions.url
    )

    assert shown.returncode == 0, shown.stderr
    assert "NE555" in shown.stdout
    first, second, _ = (asked.body for asked in functions.asked)
    assert first == second
    assert first is not None
    assert first["wanted"] == {"priority": "high", "search": "ne5", "overdue": True}
    assert "no such task is free" in cli.run("next", "--as", "ana", "--url", functions.url).stdout
    assert functions.asked[-1].body != first
