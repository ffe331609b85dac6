from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from laptop.supervisor.state import PartRecord, StackState, write_state
from tests.cli_support import (
    TASK,
    CommandLine,
    FunctionsStandIn,
    Scripted,
    problem,
    report,
)
from tests.ports import free_port

PENDING = "/workflow/manual-tasks"
NONE_WAITING: dict[str, object] = {"total": 0, "manual_tasks": []}


def laptop_cloud(cli: CommandLine, **urls: str) -> None:
    parts = {
        name: PartRecord(
            pid=1,
            started=0,
            ports={},
            url=url,
            log="",
            tier=1,
            stop_signal="SIGTERM",
            fingerprint="",
            ready=True,
        )
        for name, url in urls.items()
    }
    write_state(cli.folder / "state", StackState(parts=parts))


def test_without_an_address_the_running_laptop_cloud_is_called(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    laptop_cloud(cli, orchestrate=f"{functions.url}/o", workflow=f"{functions.url}/w")
    functions.script("/o", report())
    functions.script("/w/manual-tasks", NONE_WAITING)

    assert cli.run("run").returncode == 0
    assert cli.run("pending").returncode == 0


def test_without_a_laptop_cloud_the_way_to_start_one_is_shown(cli: CommandLine) -> None:
    done = cli.run("pending")

    assert done.returncode == 3
    assert done.stderr == (
        "[failed] workflow: no laptop cloud is running here; start the laptop cloud with `make up`,"
        " or say where the functions are with --url\n"
    )


def test_a_damaged_state_of_the_laptop_cloud_is_no_answer(cli: CommandLine) -> None:
    (cli.folder / "state").mkdir()
    (cli.folder / "state" / "state.json").write_text("{")

    done = cli.run("pending")

    assert done.returncode == 3
    assert "state.json cannot be read" in done.stderr
    assert "`python -m infra.local down` stops" in done.stderr


def test_a_wrong_setting_of_the_laptop_cloud_matters_only_to_its_start(cli: CommandLine) -> None:
    done = cli.run("pending", LOCAL_PORT_BASE="seventeen")

    assert done.returncode == 3
    assert "no laptop cloud is running here" in done.stderr


def test_a_flag_beats_a_variable_and_a_functions_own_address_beats_the_common_one(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    for name in ("own-flag", "base-flag/workflow", "own-variable", "base-variable/workflow"):
        functions.script(f"/{name}/manual-tasks", NONE_WAITING)
    at = functions.url
    flags = [("--workflow-url", f"{at}/own-flag"), ("--url", f"{at}/base-flag/")]
    variables = [
        ("SWITCHYARD_WORKFLOW_URL", f"{at}/own-variable"),
        ("SWITCHYARD_URL", f"{at}/base-variable"),
    ]

    for left in range(4):
        given = [part for flag in flags[left:] for part in flag]
        done = cli.run("pending", *given, **dict(variables[max(0, left - 2) :]))
        assert done.returncode == 0, done.stderr

    assert [asked.path for asked in functions.asked] == [
        "/own-flag/manual-tasks",
        "/base-flag/workflow/manual-tasks",
        "/own-variable/manual-tasks",
        "/base-variable/workflow/manual-tasks",
    ]


def test_orchestrate_can_have_its_own_address(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/somewhere", report())

    assert cli.run("--orchestrate-url", f"{functions.url}/somewhere", "run").returncode == 0
    assert cli.run("run", SWITCHYARD_ORCHESTRATE_URL=f"{functions.url}/somewhere").returncode == 0


@pytest.mark.parametrize("before", [True, False])
def test_connection_options_can_be_given_before_or_after_the_command(
    cli: CommandLine, functions: FunctionsStandIn, *, before: bool
) -> None:
    functions.script(PENDING, NONE_WAITING)
    options = ("--url", functions.url, "--token", "secret-1", "--timeout", "5")

    done = cli.run(*options, "pending") if before else cli.run("pending", *options)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].headers["Authorization"] == "Bearer secret-1"


def test_the_token_of_the_environment_is_sent_and_never_shown(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(PENDING, problem(503, "store_unavailable", "later", headers={"Retry-After": "0"}))

    done = cli.run("pending", "--url", functions.url, SWITCHYARD_TOKEN=" secret-2\n")

    assert {asked.headers["Authorization"] for asked in functions.asked} == {"Bearer secret-2"}
    assert "secret-2" not in done.stdout + done.stderr


def test_a_wrong_token_in_the_environment_is_refused_without_showing_it(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    done = cli.run("pending", "--url", functions.url, SWITCHYARD_TOKEN="two words")

    assert done.returncode == 2
    assert done.stderr.startswith("[failed] SWITCHYARD_TOKEN: this is not a token")
    assert "two" not in done.stderr
    assert functions.asked == []


def test_a_proxy_in_the_environment_is_not_used_for_this_machine(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(PENDING, NONE_WAITING)
    proxy = f"http://127.0.0.1:{free_port()}"

    done = cli.run("pending", "--url", functions.url, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="")

    assert done.returncode == 0, done.stderr


def test_without_a_token_none_is_sent(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script(PENDING, NONE_WAITING)

    cli.run("pending", "--url", functions.url, SWITCHYARD_TOKEN=" ")

    assert "Authorization" not in functions.asked[0].headers


def test_a_missing_function_is_reported_in_one_line(cli: CommandLine) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    done = cli.run("claim", TASK, "--as", "ana", "--url", url)

    assert done.returncode == 3
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"[failed] could not reach workflow at {url}/workflow: ")
    assert message.endswith("; is the laptop cloud running? `make up` starts it")
    assert done.stderr.count("trying again") == 2


def test_a_missing_deployed_function_is_named_with_the_source_of_its_address(
    cli: CommandLine,
) -> None:
    done = cli.run("pending", SWITCHYARD_URL="https://nowhere.invalid")

    assert done.returncode == 3
    assert "check SWITCHYARD_URL and the network" in done.stderr


def test_reading_is_tried_again_after_the_pause_that_the_function_asks_for(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    soon = problem(503, "store_unavailable", "the database sleeps", headers={"Retry-After": "1"})
    functions.script(PENDING, soon, NONE_WAITING)

    done = cli.run("pending", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    first, second = functions.asked
    assert second.at - first.at >= 1
    assert "not available now: the database sleeps; trying again in 1.0 s" in done.stderr


def test_broken_connections_and_busy_functions_both_count_as_tries(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    past = format_datetime(datetime(2026, 1, 1, tzinfo=UTC), usegmt=True)
    functions.script(
        PENDING,
        Scripted(fault="hang up"),
        Scripted(502, b"bad gateway"),
        Scripted(429, {}, {"Retry-After": past}),
    )

    done = cli.run("pending", "--url", functions.url)

    assert done.returncode == 3
    assert len(functions.asked) == 3
    assert "broke off" in done.stderr
    assert "not available now: 502 Bad Gateway" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("not available now: 429 Too Many Requests")


def test_a_function_that_asks_for_a_long_pause_is_not_waited_for(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script(PENDING, problem(503, "store_unavailable", "later", headers={"Retry-After": "3600"}))

    done = cli.run("pending", "--url", functions.url)

    assert done.returncode == 3
    assert len(functions.asked) == 1
    assert "it asks for a pause of 3600 s" in done.stderr


@pytest.mark.parametrize("fault", ["stall", "drip"])
def test_an_answer_that_takes_too_long_is_not_waited_for(
    cli: CommandLine, functions: FunctionsStandIn, fault: str
) -> None:
    functions.script(PENDING, Scripted(body={"manual_tasks": "x" * 2000}, fault=fault))

    done = cli.run("pending", "--timeout", "0.3", "--url", functions.url)

    assert done.returncode == 3
    assert "did not answer within 0.3 s (--timeout)" in done.stderr
    assert len(functions.asked) == 1


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (problem(404, "not_found", "no batch b1"), 4, "workflow refused: no batch b1 (not_found)"),
        (
            problem(500, "internal", "something went wrong", headers={"X-Correlation-Id": "c-1"}),
            4,
            "something went wrong (correlation id c-1)",
        ),
        (Scripted(500, b"<html>"), 4, "answered 500 Internal Server Error; its log says why"),
        (
            Scripted(403, b"<html>"),
            4,
            "answered 403 Forbidden; give an identity that may call it: SWITCHYARD_TOKEN=",
        ),
        (
            Scripted(404, b"<html>"),
            3,
            "answered 404 Not Found: this is not the function; is the address right?",
        ),
        (
            Scripted(302, b"", {"Location": "https://login.example"}),
            3,
            "302 Found, pointing to https://login.example:",
        ),
        (Scripted(200, b"<html>"), 3, "answered 200 OK: this is not the function"),
        (Scripted(200, [1]), 3, "answered 200 OK: this is not the function"),
        (Scripted(200, {"batch_id": "b1"}), 3, "the answer cannot be understood (state: Field required)"),
        (Scripted(599, b""), 4, "answered 599 (no known status)"),
        (problem(409, "conflict", "held by \x1b[31mbob"), 4, r"held by \x1b[31mbob"),
    ],
)
def test_every_unusable_answer_is_explained(
    cli: CommandLine, functions: FunctionsStandIn, answer: Scripted, status: int, message: str
) -> None:
    functions.script("/workflow/batches/b1", answer)

    done = cli.run("status", "b1", "--url", functions.url)

    assert done.returncode == status
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
