import json
import re

from tests.cli_support import CommandLine, FunctionsStandIn, Scripted, batch, problem, report


def test_run_sends_the_given_options_and_shows_what_was_opened(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", report())

    done = cli.run(
        "run",
        *("--limit", "50", "--force-manual", "--priority-threshold", "0.25"),
        *("--policy", "score", "--batch-id", "b1", "--url", functions.url),
    )

    assert done.returncode == 0, done.stderr
    (asked,) = functions.asked
    assert (asked.method, asked.path) == ("POST", "/orchestrate")
    assert asked.body == {
        "limit": 50,
        "force": "manual",
        "priority_threshold": 0.25,
        "policy": "score",
        "batch_id": "b1",
    }
    assert "b1: 50 records opened of 62 read" in done.stdout
    assert "skipped: 10 in flight" in done.stdout
    assert "repeated" not in done.stdout
    assert "2 records rejected" in done.stdout
    assert "run_workflow.py watch b1" in done.stdout


def test_run_makes_the_batch_id_so_that_a_lost_answer_starts_nothing_twice(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", Scripted(fault="hang up"), report(started=False, status=batch()))

    done = cli.run("run", "--force-automation", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    first, second = functions.asked
    assert first.body == second.body
    assert first.body["force"] == "automation"
    assert first.body["limit"] == 100
    assert re.fullmatch(r"batch_\d+_[0-9a-f]{4}", first.body["batch_id"])
    assert "b1 was there before: nothing was started" in done.stdout
    assert "b1: in progress" in done.stdout
    assert "trying again" in done.stderr


def test_a_run_without_an_answer_in_time_names_the_batch_to_ask_for(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", Scripted(fault="stall"))

    done = cli.run("run", "--batch-id", "b7", "--timeout", "0.2", "--url", functions.url)

    assert done.returncode == 3
    assert len(functions.asked) == 1
    assert "did not answer within 0.2 s" in done.stderr
    assert "run_workflow.py status b7" in done.stderr


def test_a_dry_run_that_is_not_answered_has_begun_nothing(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", Scripted(fault="stall"))

    done = cli.run("run", "--dry-run", "--timeout", "0.2", "--url", functions.url)

    assert done.returncode == 3
    assert "may have begun" not in done.stderr


def test_a_run_that_finds_nothing_says_so(cli: CommandLine, functions: FunctionsStandIn) -> None:
    nothing = {"read": 0, "opened": 0, "automation": 0, "manual": 0, "rejected": 0, "skipped": {}}
    functions.script("/orchestrate", report(**nothing, source_exhausted=True))

    done = cli.run("run", "--url", functions.url)

    assert "b1: 0 records opened of 0 read" in done.stdout
    assert "skipped" not in done.stdout
    assert "[warning]" not in done.stdout


def test_a_run_of_a_batch_that_failed_before_is_bad_news(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", report(started=False, status=batch("failed")))

    assert cli.run("run", "--batch-id", "b1", "--url", functions.url).returncode == 1


def test_a_run_shows_what_it_could_not_do(cli: CommandLine, functions: FunctionsStandIn) -> None:
    answer = report(
        not_enqueued=3, daily_limit_reached=True, source_exhausted=True, notes=["3 tasks wait for the sweep"]
    )
    functions.script("/orchestrate", answer)

    done = cli.run("run", "--url", functions.url)

    assert done.returncode == 0
    assert "3 tasks did not reach the queue yet" in done.stdout
    assert "the day's limit of tasks is reached" in done.stdout
    assert "[warning] 3 tasks wait for the sweep" in done.stdout
    assert "the source has no more records" in done.stdout


def decision(number: int) -> dict[str, object]:
    return {
        "pn": f"PN-{number}",
        "manufacturer": None,
        "route": "manual" if number % 2 else "automation",
        "priority": "high",
        "rule": "sparse",
        "reason": "it is \x1b[31msparse\nindeed [bold]",
        "confidence": 0.8,
        "features": {},
    }


def test_a_dry_run_shows_the_decisions_with_their_reasons(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/orchestrate", {"dry_run": True, "decisions": [decision(n) for n in range(60)]})

    done = cli.run("run", "--dry-run", "--output", "all.json", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].body["dry_run"] is True
    assert "[dry run] 60 decisions, nothing was changed: 30 automation, 30 manual" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("PN-")]
    assert len(rows) == 50
    assert rows[0].split()[:5] == ["PN-0", "-", "automation", "high", "sparse"]
    assert rows[0].endswith(r"it is \x1b[31msparse\nindeed [bold]")
    assert "and 10 more" in done.stdout
    assert len(json.loads((cli.folder / "all.json").read_text())["decisions"]) == 60


def test_a_dry_run_without_records_shows_no_table(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/orchestrate", {"dry_run": True, "decisions": []})

    done = cli.run("run", "--dry-run", "--url", functions.url)

    assert done.stdout == "[dry run] 0 decisions, nothing was changed: none\n"


def test_a_policy_that_the_function_does_not_know_is_refused_with_its_words(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    refusal = problem(
        422, "invalid_request", "...", errors=[{"field": "policy", "message": "there is no policy 'x'"}]
    )
    functions.script("/orchestrate", refusal)

    done = cli.run("run", "--policy", "x", "--url", functions.url)

    assert done.returncode == 4
    assert done.stdout == ""
    assert "orchestrate refused: A title\n  policy: there is no policy 'x'" in done.stderr
