import json
from datetime import UTC, datetime

import pytest

from tests.cli_support import (
    TASK,
    CommandLine,
    FunctionsStandIn,
    batch,
    equation,
    known_part,
    manual_task,
    redriven,
    vendor,
)


def test_status_shows_the_tasks_by_state_and_the_decisions_by_rule(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/batches/b1", batch("completed_with_failures"))

    done = cli.run("status", "b1", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[warning] b1: completed with failures",
        "4 taken = 2 completed + 2 with a person + 0 in flight + 0 failed + 0 rejected",
        "policy flow, by manual",
        "automation: 2 completed, 1 handed to people",
        "people: 1 initialized",
        "after automation failed (b1_fallback): 1 initialized",
        "begun 2026-11-22 10:00:00Z, last task ended 2026-11-22 10:01:00Z",
        "",
        "Decisions",
        "rule    route       records",
        "sparse  automation  3",
    ]


def test_status_of_a_fallback_batch_names_its_batch(cli: CommandLine, functions: FunctionsStandIn) -> None:
    answer = batch(
        batch_id="b1_fallback",
        automation={},
        decisions=[],
        policy=None,
        finished_at=None,
        handed_over={},
        fallback_batches=[],
        parent_batch_id="b1",
    )
    functions.script("/workflow/batches/b1_fallback", answer)

    done = cli.run("status", "b1_fallback", "--url", functions.url)

    assert "automation:" not in done.stdout
    assert "still open" in done.stdout
    assert "could not finish in b1, which counts these records\n" in done.stdout
    assert "Decisions" not in done.stdout


@pytest.mark.parametrize(("state", "status"), [("failed", 1), ("completed", 0), ("in_progress", 0)])
def test_only_a_failed_batch_is_bad_news(
    cli: CommandLine, functions: FunctionsStandIn, state: str, status: int
) -> None:
    functions.script("/workflow/batches/b1", batch(state))

    assert cli.run("status", "b1", "--url", functions.url).returncode == status


def test_pending_lists_the_waiting_tasks_with_their_reasons(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    plain = manual_task(type="workflow_generated", cause=None, reason="complete data", pn=None)
    functions.script("/workflow/manual-tasks", {"total": 2, "manual_tasks": [manual_task(), plain]})

    done = cli.run("pending", "--limit", "7", "--priority", "high", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"limit": ["7"], "priority": ["high"]}
    _, _, first, second = done.stdout.splitlines()
    assert "the vendor does not know it (after 1 attempts: not_found)  2026-11-23 10:00:00Z" in first
    assert second.split() == [
        TASK[:8],
        "high",
        "-",
        "TI",
        *["waiting", "complete", "data", "2026-11-23", "10:00:00Z"],
    ]


def test_pending_without_tasks_says_so(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/manual-tasks", {"total": 0, "manual_tasks": []})

    done = cli.run("pending", "--url", functions.url)

    assert functions.asked[0].query == {"limit": ["50"]}
    assert done.stdout == "[ok] no manual task is waiting\n"


@pytest.mark.parametrize("arguments", [("config",), ("config", "--show")])
def test_config_shows_what_the_function_shows(
    cli: CommandLine, functions: FunctionsStandIn, arguments: tuple[str, ...]
) -> None:
    shown = {
        "workflow": {"max_daily_tasks": 1000, "automation_failure_to_manual": True},
        "settings": {"KEY": "****"},
    }
    functions.script("/workflow/config", shown)

    done = cli.run(*arguments, "--url", functions.url)

    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["automation_failure_to_manual", "true"] in lines
    assert ["max_daily_tasks", "1000"] in lines
    assert ["KEY", "****"] in lines


def test_reconcile_prints_the_equation_of_a_batch(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/reconcile", equation())

    done = cli.run("reconcile", "--batch", "b1", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"batch": ["b1"]}
    assert done.stdout.splitlines() == [
        "b1",
        "10 taken = 5 completed + 2 with a person + 1 in flight + 1 failed + 1 rejected",
        "[ok] balanced: every record is accounted for",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"balanced": False, "completed": 4},
        {"balanced": True, "completed": 4},  # the sum is done here once more
        {"balanced": False, "completed": 4, "lost": 1},
    ],
)
def test_an_equation_that_does_not_balance_is_bad_news(
    cli: CommandLine, functions: FunctionsStandIn, changes: dict[str, object]
) -> None:
    functions.script("/workflow/reconcile", equation(**changes))

    done = cli.run("reconcile", "--batch", "b1", "--output", "equation.json", "--url", functions.url)

    assert done.returncode == 1
    assert (
        f"NOT balanced: 1 of the records taken have no place ({changes.get('lost', 0)} lost)" in done.stdout
    )
    assert json.loads((cli.folder / "equation.json").read_text())["completed"] == 4


AUDIT = {
    "two_open_tasks": {"count": 0, "examples": []},
    "completed_without_product": {"count": 7, "examples": ["LM317|ti", "NE555|ti"]},
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"verdict": "nothing_ran", "batches": 0, "balanced": False},
            ["[warning] nothing ran: no batch was begun on this day"],
        ),
        (
            {
                "verdict": "unverified",
                "balanced": False,
                "audit": {"state": "partial", "batches": 3, "pending": 9},
            },
            ["[warning] not verified: the audit has 9 of 12 batches still to look at"],
        ),
        (
            {
                "verdict": "unverified",
                "balanced": False,
                "audit": {"state": "partial", "batches": 3, "pending": 0},
            },
            ["[warning] not verified: the audit has not looked at all open records, tasks and products yet"],
        ),
        (
            {"verdict": "unbalanced", "balanced": False, "audit": {"state": "whole", "lines": AUDIT}},
            [
                "[failed] NOT balanced: the rows contradict the account",
                "  completed without product: 7, such as LM317|ti, NE555|ti",
            ],
        ),
    ],
)
def test_a_day_that_is_not_balanced_is_shown_for_what_it_is(
    cli: CommandLine, functions: FunctionsStandIn, changes: dict[str, object], expected: list[str]
) -> None:
    functions.script("/workflow/reconcile", equation(batch_id=None, day="2026-11-20", **changes))

    done = cli.run("reconcile", "--day", "2026-11-20", "--url", functions.url)

    assert (done.returncode, done.stdout.splitlines()[2:]) == (1, expected)


def test_an_archived_day_is_balanced_and_says_where_its_history_is(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/reconcile", equation(day="2026-11-20", audit={"state": "archived"}))

    done = cli.run("reconcile", "--day", "2026-11-20", "--url", functions.url)

    assert done.returncode == 0
    assert done.stdout.splitlines()[2] == (
        "[ok] balanced: every record is accounted for; its decisions and events are archived"
    )


def test_reconcile_takes_a_day(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/reconcile", equation(batch_id=None, day="2026-11-20"))

    done = cli.run("reconcile", "--day", "2026-11-20", "--url", functions.url)

    assert functions.asked[0].query == {"day": ["2026-11-20"]}
    assert done.stdout.startswith("batches begun on 2026-11-20 (UTC)\n")


def test_reconcile_without_options_is_about_today(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/reconcile", equation(batch_id=None, day="2026-11-20"))
    before = datetime.now(UTC).date()

    cli.run("reconcile", "--url", functions.url)

    after = datetime.now(UTC).date()
    assert functions.asked[0].query["day"][0] in {str(before), str(after)}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            redriven(),
            [
                "[ok] given back to automation as batch b2: 3 dead letters",
                "  the next sweep puts them into the queue",
            ],
        ),
        (
            redriven(redriven=0, left=4, daily_limit_reached=True),
            ["[ok] no unclaimed dead letter is given back", "  4 are left: the day's quota is spent"],
        ),
        (
            redriven(redriven=1, left=2),
            [
                "[ok] given back to automation as batch b2: 1 dead letters",
                "  the next sweep puts them into the queue",
                "  2 are left: a further call takes more",
            ],
        ),
    ],
)
def test_redrive_says_what_was_given_back_and_what_is_left(
    cli: CommandLine, functions: FunctionsStandIn, answer: dict[str, object], expected: list[str]
) -> None:
    functions.script("/workflow/batches/b1/redrive", answer)

    done = cli.run("redrive", "b1", "--cause", "vendor_error", "--limit", "3", "--url", functions.url)

    assert (done.returncode, done.stdout.splitlines()) == (0, expected)
    [sent] = functions.asked
    assert sent.body["cause"] == "vendor_error"
    assert sent.body["limit"] == 3
    assert sent.body["batch_id"].startswith("batch_")


def test_again_says_which_record_has_its_turn(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/records/again", {"record_key": "LM317T|onsemi", "contents": 1})
    who = ("--manufacturer", "onsemi", "--as", "ana", "--note", "there is a data sheet now")

    done = cli.run("again", "LM317T", *who, "--url", functions.url)

    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["[ok] LM317T|onsemi has its turn: the next run takes it"],
    )
    assert functions.asked[0].body == {
        "pn": "LM317T",
        "manufacturer": "onsemi",
        "by": "ana",
        "note": "there is a data sheet now",
    }


def test_product_shows_who_said_what_and_what_is_said_otherwise(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/products", known_part())

    done = cli.run("product", "LM317T", "--manufacturer", "onsemi", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    told = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert told[0] == "[ok] LM317T|onsemi"
    assert told[2:] == [
        "attribute:Voltage 5 V edited by ana 2026-11-22 10:00:00Z yes",
        "attribute:Voltage 3.3 V digikey 2026-11-22 10:00:00Z",
        "category ICs source 2026-11-22 10:00:00Z yes",
        "[warning] attribute:Voltage: ana keeps 5 V, the vendor says 3.3 V",
    ]
    [sent] = functions.asked
    assert sent.query == {"pn": ["LM317T"], "manufacturer": ["onsemi"]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"vendors": []}, ["[ok] no vendor has ever failed record after record"]),
        (
            {"vendors": [vendor()]},
            [
                "[warning] digikey paused (account), 12 waiting",
                "  since: 2026-11-22 10:00:00Z",
                "  next probe: 2026-11-22 10:05:00Z",
                "  last failure: DigiKey gave no token",
            ],
        ),
    ],
)
def test_vendors_says_who_is_paused_and_why(
    cli: CommandLine, functions: FunctionsStandIn, answer: dict[str, object], expected: list[str]
) -> None:
    functions.script("/workflow/vendors", answer)
    done = cli.run("vendors", "--url", functions.url)
    assert (done.returncode, done.stdout.splitlines()) == (0, expected)


def test_resume_sends_who_and_why_and_shows_the_vendor(cli: CommandLine, functions: FunctionsStandIn) -> None:
    closed = {"closed_at": "2026-11-22T10:02:00Z", "closed_by": "ana", "note": "new secret", "waiting": 0}
    functions.script(
        "/workflow/vendors/digikey/resume", vendor(state="closed", cause=None, until=None, **closed)
    )
    done = cli.run("resume", "digikey", "--as", "ana", "--note", "new secret", "--url", functions.url)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "[ok] digikey may be called, 0 waiting",
            "  last failure: DigiKey gave no token",
            "  closed: 2026-11-22 10:02:00Z by ana",
            "  note: new secret",
        ],
    )
    assert functions.asked[0].body == {"by": "ana", "note": "new secret"}
