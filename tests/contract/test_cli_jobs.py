"""The commands for bulk work on manual tasks: the request that each makes, and what a person sees."""

import json
from uuid import UUID

import pytest

from tests.cli_support import CommandLine, FunctionsStandIn

JOB = "5f2b8a1e-0c1d-4e8e-9d7f-3a1b2c4d5e6f"


def job(**changes: object) -> dict[str, object]:
    """A finished redrive of three."""
    return {
        "id": JOB,
        "kind": "redrive",
        "wanted": {"state": "free"},
        "assign_to": None,
        "priority": None,
        "by": "olga",
        "note": "the account is paid",
        "at": "2026-11-27T10:00:00+00:00",
        "state": "finished",
        "total": 6,
        "applied": 0,
        "refused": 1,
        "refusals": [{"why": "held by ana", "count": 1}],
        "resolved": 2,
        "resolved_by_people": 1,
        "came_back": [{"cause": "not_found", "count": 2, "given_up": 1}],
        "waiting": 1,
        "waits_for": [{"what": "automation", "count": 1}],
        "cancelled": None,
        **changes,
    }


def test_a_dry_run_shows_what_would_be_done_and_what_refused(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(
        "/workflow/jobs",
        {
            "matched": 12,
            "would": 10,
            "today": 4,
            "refused": [{"why": "held by ana", "count": 2, "examples": ["LM317T", "NE555P"]}],
        },
    )

    done = cli.run(
        *("bulk", "redrive", "--state", "open", "--priority", "high", "--rule", "sparse", "--cause", "auth"),
        *(
            "--type",
            "automation_fallback",
            "--manufacturer",
            "TI",
            "--batch",
            "b1_fallback",
            "--of",
            "ana",
        ),
        *("--no-overdue", "--search", "LM3", "--as", "olga", "--dry-run", "--url", functions.url),
    )

    assert done.returncode == 0, done.stderr
    (asked,) = functions.asked
    assert asked.body == {
        "kind": "redrive",
        "dry_run": True,
        "by": "olga",
        "wanted": {
            "state": "open",
            "priority": "high",
            "rule": "sparse",
            "cause": "auth",
            "type": "automation_fallback",
            "manufacturer": "TI",
            "batch": "b1_fallback",
            "assignee": "ana",
            "overdue": False,
            "search": "LM3",
        },
    }
    assert done.stdout.splitlines() == [
        "[dry run] 10 of 12 tasks would be given back to automation",
        "  4 today, the others when a later day's quota has room",
        "  refused: 2 held by ana (such as LM317T, NE555P)",
    ]


def test_a_job_is_driven_until_nothing_is_left_and_shows_what_became_of_its_tasks(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/jobs", job(state="working", worked=200))
    functions.script(
        f"/workflow/jobs/{JOB}/go-on", job(state="working", worked=200), job(state="following", worked=3)
    )

    done = cli.run("bulk", "redrive", "--as", "olga", "--note", "paid", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    created, *driven = functions.asked
    assert str(UUID(created.body["job_id"])) == created.body.pop("job_id")
    assert created.body == {"kind": "redrive", "wanted": {}, "by": "olga", "note": "paid"}
    assert [each.path for each in driven] == [f"/workflow/jobs/{JOB}/go-on"] * 2
    assert done.stdout.splitlines() == [
        "[in progress] redrive: 6 tasks, following",
        f"  job {JOB}, by olga at 2026-11-27 10:00:00Z: the account is paid",
        "  resolved: 2, 1 of them by people",
        "  came back: 2 not_found, 1 of them given up by people",
        "  still waiting: 1 for automation",
        "  refused: 1 held by ana",
    ]


def test_a_job_that_cannot_go_on_now_is_left_to_the_sweep(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/jobs", job(state="working", worked=0))
    done = cli.run("bulk", "redrive", "--as", "olga", "--note", "paid", "--url", functions.url)
    assert done.returncode == 0, done.stderr
    assert len(functions.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "change", "words"),
    [
        (("assign", "--to", "ben"), {"assign_to": "ben"}, "assign to ben: 6 tasks"),
        (("assign", "--to-nobody"), {"assign_to": None}, "assign to nobody: 6 tasks"),
        (("reprioritise", "--to", "high"), {"priority": "high"}, "reprioritise to high: 6 tasks"),
    ],
)
def test_assign_and_reprioritise_say_to_whom_or_what(
    cli: CommandLine,
    functions: FunctionsStandIn,
    arguments: tuple[str, ...],
    change: dict[str, object],
    words: str,
) -> None:
    functions.script("/workflow/jobs", job(kind=arguments[0], applied=6, **change))
    done = cli.run(
        *("bulk", *arguments, "--as", "olga", "--note", "why", "--job-id", JOB, "--url", functions.url)
    )
    assert functions.asked[0].body == {
        "kind": arguments[0],
        "wanted": {},
        "by": "olga",
        "note": "why",
        "job_id": JOB,
        **change,
    }
    assert f"[ok] {words}, finished" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ("bulk", "assign", "--as", "olga", "--note", "why"),
        ("bulk", "reprioritise", "--to", "urgent", "--as", "olga", "--note", "why"),
        ("bulk", "redrive", "--to", "ben", "--as", "olga", "--note", "why"),
        ("bulk", "redrive", "--as", "olga"),
        ("job", "none"),
        ("job", JOB, "--cancel"),
    ],
)
def test_wrong_usage_is_found_before_any_call(
    cli: CommandLine, functions: FunctionsStandIn, wrong: tuple[str, ...]
) -> None:
    assert cli.run(*wrong, "--url", functions.url).returncode == 2
    assert functions.asked == []


def test_jobs_are_listed(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/jobs", {"total": 2, "jobs": [job()], "next": None})
    done = cli.run("jobs", "--limit", "1", "--url", functions.url)
    assert functions.asked[0].query == {"limit": ["1"]}
    head, _, row = done.stdout.splitlines()
    assert head == "1 of 2 jobs, the latest first"
    assert row.split() == [JOB, "2026-11-27", "10:00:00Z", "olga", "redrive", "finished", *"602211"]


def test_no_job_says_how_to_begin_one(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/jobs", {"total": 0, "jobs": [], "next": None})
    done = cli.run("jobs", "--url", functions.url)
    assert done.stdout == "[ok] no bulk job yet: `bulk --help` says how to begin one\n"


def test_a_job_shows_those_of_its_tasks_that_came_back(cli: CommandLine, functions: FunctionsStandIn) -> None:
    item = {
        "task_id": JOB,
        "pn": "LM317T",
        "stands": "came_back",
        "cause": "not_found",
        "manual_task_id": JOB,
    }
    functions.script(f"/workflow/jobs/{JOB}", job())
    functions.script(f"/workflow/jobs/{JOB}/items", {"total": 9, "items": [item], "next": 1})
    done = cli.run(
        "job", JOB, "--items", "came_back", "--limit", "1", "--output", "-", "--url", functions.url
    )
    assert functions.asked[1].query == {"stands": ["came_back"], "limit": ["1"]}
    assert json.loads(done.stdout)["items"] == [item]
    done = cli.run("job", JOB, "--items", "came_back", "--url", functions.url)
    assert "1 of 9 tasks\n" in done.stdout
    assert "LM317T  came back" in done.stdout


def test_a_job_is_cancelled_with_name_and_note(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(
        f"/workflow/jobs/{JOB}/cancel", job(cancelled={"by": "ana", "note": "enough", "at": "x"})
    )
    done = cli.run("job", JOB, "--cancel", "--as", "ana", "--note", "enough", "--url", functions.url)
    assert functions.asked[0].body == {"by": "ana", "note": "enough"}
    assert "  cancelled by ana: enough\n" in done.stdout
