"""The commands that people look through: manual tasks, batches, the history of a part; and how a task is named."""

from typing import Any

import pytest

from tests.cli_support import TASK, CommandLine, FunctionsStandIn, manual_task, problem, whole_task

TASKS = "/workflow/manual-tasks"
OTHER = "8f14e45f-0000-4000-8000-000000000002"


def page(*tasks: dict[str, Any], total: int | None = None, following: str | None = None) -> dict[str, Any]:
    return {"total": len(tasks) if total is None else total, "manual_tasks": list(tasks), "next": following}


def cells(shown: str) -> list[str]:
    """The lines with single spaces, however wide a column is."""
    return [" ".join(line.split()) for line in shown.splitlines()]


def test_pending_says_how_many_there_are_and_not_its_limit(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(TASKS, page(manual_task(), manual_task(id=OTHER), total=83, following="abc"))

    done = cli.run("pending", "--limit", "2", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first == "people: showing 2 of 83 manual tasks"
    assert last == "--all shows all of them, --limit more at a time"


def test_pending_takes_the_filter_of_the_inbox(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(TASKS, page())
    given = {
        "state": "open",
        "priority": "high",
        "type": "automation_fallback",
        "rule": "sparse",
        "cause": "not_found",
        "manufacturer": "TI",
        "batch": "b1",
        "of": "ana",
        "search": "lm3",
        "sort": "due",
    }
    options = [word for name, value in given.items() for word in (f"--{name}", value)]

    done = cli.run("pending", *options, "--overdue", "--url", functions.url)

    assert done.stdout == "[ok] no manual task fits\n"
    asked = {name: [value] for name, value in given.items() if name != "of"}
    assert functions.asked[0].query == asked | {"assignee": ["ana"], "overdue": ["true"], "limit": ["50"]}


def test_pending_all_follows_the_pages(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(
        TASKS, page(manual_task(), total=2, following="abc"), page(manual_task(id=OTHER), total=2)
    )

    done = cli.run("pending", "--all", "--limit", "1", "--url", functions.url)

    assert functions.asked[1].query == {"limit": ["1"], "after": ["abc"]}
    assert done.stdout.startswith("people: 2 manual tasks\n")
    assert OTHER[:8] in done.stdout


def test_a_held_task_is_found_again_with_its_person(cli: CommandLine, functions: FunctionsStandIn) -> None:
    held = manual_task(state="processing", assignee="ana", claimed_until="2026-11-22T11:00:00+00:00")
    functions.script(TASKS, page(held))

    done = cli.run("pending", "--of", "ana", "--url", functions.url)

    assert "claimed by ana" in done.stdout


def test_groups_counts_tasks_by_cause(cli: CommandLine, functions: FunctionsStandIn) -> None:
    group = {"type": "automation_fallback", "rule": "sparse", "cause": "not_found", "tasks": 5, "overdue": 2}
    answer = {"total": 5, "groups": [group | {"oldest": "2026-11-22T10:00:00+00:00"}], "manufacturers": []}
    functions.script(f"{TASKS}/groups", answer)

    done = cli.run("groups", "--state", "open", "--url", functions.url)

    assert functions.asked[0].query == {"state": ["open"]}
    assert done.stdout.splitlines()[-1].split() == [
        *("5", "2", "2026-11-22", "10:00:00Z", "sparse", "not_found", "automation", "fallback")
    ]


def test_task_shows_what_there_is_to_work_on(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(f"{TASKS}/{TASK}", whole_task())

    done = cli.run("task", TASK, "--as", "ana", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"assignee": ["ana"]}
    for line in (
        "state: waiting; anybody may claim it",
        "rule: complete: completeness 0.85 gte 0.8",
        "draft: by ana, saved 2026-11-22 10:30:00Z",
        "category Regulators -",
        "price - 0.8125 CAD",
        "NE555P TI 296-1 0.5 CAD Timers -",
        "2026-11-22 10:00:00Z failed automation not_found no such part",
    ):
        assert line in cells(done.stdout)


def test_claim_shows_what_there_is_to_work_on(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(f"{TASKS}/{TASK}/claim", manual_task())
    claimed = {"state": "processing", "assignee": "ana", "claimed_until": "2026-11-22T11:00:00+00:00"}
    functions.script(f"{TASKS}/{TASK}", whole_task(**claimed, free=False))

    done = cli.run("claim", TASK, "--as", "ana", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].body == {"assignee": "ana"}
    assert "  state: claimed by ana until 2026-11-22 11:00:00Z\n" in done.stdout
    assert "category Regulators -" in cells(done.stdout)


@pytest.mark.parametrize("name", ["ne555", TASK[:8]])
def test_a_task_is_named_by_its_part_or_by_the_beginning_of_its_id(
    cli: CommandLine, functions: FunctionsStandIn, name: str
) -> None:
    functions.script(TASKS, page(manual_task()))
    functions.script(f"{TASKS}/{TASK}/release", manual_task())

    done = cli.run("release", name, "--as", "ana", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"named": [name], "state": ["open"], "limit": ["20"]}


def test_a_task_that_has_ended_is_found_after_the_open_ones(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(TASKS, page(), page(manual_task(state="completed", assignee="ana")))
    functions.script(f"{TASKS}/{TASK}", whole_task(state="completed", assignee="ana", free=False))

    done = cli.run("task", "NE555", "--url", functions.url)

    assert functions.asked[1].query["state"] == ["any"]
    assert "  state: completed by ana\n" in done.stdout


def test_a_name_of_several_tasks_is_refused_with_all_of_them(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(TASKS, page(manual_task(), manual_task(id=OTHER, manufacturer="ST")))

    done = cli.run("complete", "NE555", "--as", "ana", "--url", functions.url)

    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "[failed] 'NE555' names 2 manual tasks; take more digits of the id:",
        f"  {TASK}  NE555 TI, waiting, batch b1",
        f"  {OTHER}  NE555 ST, waiting, batch b1",
    ]
    assert len(functions.asked) == 1


def test_a_name_of_no_task_is_refused(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(TASKS, page())

    done = cli.run("claim", "LM3", "--as", "ana", "--url", functions.url)

    assert done.returncode == 4
    assert "no manual task is named 'LM3'" in done.stderr


def test_batches_shows_each_with_the_places_of_its_records(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    row = {
        "batch_id": "b1",
        "state": "in_progress",
        "trigger": "manual",
        "created_at": "2026-11-22T10:00:00+00:00",
    }
    places = {"taken": 10, "completed": 6, "with_a_person": 2, "in_flight": 1, "failed": 0, "rejected": 1}
    functions.script("/workflow/batches", {"total": 83, "batches": [row | places], "next": "abc"})

    done = cli.run("batches", "--limit", "1", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "showing 1 of 83 batches"
    assert cells(done.stdout)[2] == "b1 2026-11-22 10:00:00Z in progress manual 10 6 2 1 0 1"


def test_show_tells_the_history_of_a_part(cli: CommandLine, functions: FunctionsStandIn) -> None:
    event = {"at": "2026-11-22T10:00:00+00:00", "what": "failed try", "by": "automation", "cause": "timeout"}
    taken = {
        "batch_id": "b1",
        "at": "2026-11-22T10:00:00+00:00",
        "decision": {"rule": "sparse", "reason": "r"},
        "automation": {"state": "failed", "attempts": 3, "handed_over": True},
        "manual": manual_task(state="completed", assignee="ana"),
        "events": [event | {"message": "too slow"}],
    }
    product = {"manufacturer": "TI", "price": 0.8125, "currency": "CAD", "attributes": {"Voltage": "5 V"}}
    record = {"record_key": "NE555|ti", "pn": "NE555", "manufacturer": "TI", "open": False, "openings": 1}
    functions.script(
        "/workflow/parts", {"part": "NE555", "records": [record | {"product": product, "history": [taken]}]}
    )

    done = cli.run("show", "NE555", "--manufacturer", "TI", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"pn": ["NE555"], "manufacturer": ["TI"]}
    for line in (
        "NE555 TI: taken once",
        "price         0.8125 CAD",
        "2026-11-22 10:00:00Z batch b1, rule sparse",
        "  automation: failed after 3 attempts, handed to people",
        f"  people: completed by ana (task {TASK[:8]})",
        "    2026-11-22 10:00:00Z  failed try  timeout: too slow",
    ):
        assert line in done.stdout.splitlines()


def test_a_part_that_was_never_taken_is_refused(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/parts", problem(404, "not_found", "no record of XX was ever taken"))

    done = cli.run("show", "XX", "--url", functions.url)

    assert done.returncode == 4
    assert "no record of XX was ever taken" in done.stderr
