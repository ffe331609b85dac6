"""`schedule`: the command line and Cloud Scheduler."""

import json

import pytest

from laptop.supervisor.state import PartRecord, StackState, write_state
from tests.cli_support import CommandLine
from tests.laptop.google.scheduler_support import Schedule
from tests.laptop.google.worker import Answer
from tests.ports import free_port

ADDRESS = ("--project", "demo", "--location", "here")


def add(schedule: Schedule, *answers: Answer) -> tuple[str, str]:
    """Returns the full and the short name."""
    job = schedule.add(*answers)
    return job, job.rpartition("/")[2]


def test_the_list_shows_state_times_and_last_answer(schedule: Schedule, cli: CommandLine) -> None:
    _, name = add(schedule, Answer(404))
    schedule.server.advance(minutes=15)
    ended = cli.run("schedule", "list", *ADDRESS, "--endpoint", schedule.server.endpoint)
    assert ended.returncode == 0
    line = next(line for line in ended.stdout.splitlines() if line.startswith(name))
    for part in (
        "enabled",
        "*/15 * * * *",
        "UTC",
        "2026-11-22 12:30:00Z",
        "2026-11-22 12:15:00Z",
        "NOT_FOUND(5)",
    ):
        assert part in line


def test_a_job_is_paused_resumed_and_fired(schedule: Schedule, cli: CommandLine) -> None:
    job, name = add(schedule)
    place = (*ADDRESS, "--endpoint", schedule.server.endpoint)
    paused = cli.run("schedule", "pause", name, *place)
    assert (paused.returncode, f"paused: {name}" in paused.stdout) == (0, True)
    assert schedule.client.get_job(name=job).state.name == "PAUSED"
    fired = cli.run("schedule", "run", name, *place)
    assert (fired.returncode, f"asked to run: {name}" in fired.stdout) == (0, True)
    assert len(schedule.calls(job, 1)) == 1
    resumed = cli.run("schedule", "resume", name, *place, "--output", "-")
    assert [each["state"] for each in json.loads(resumed.stdout)["jobs"]] == ["ENABLED"]


def test_the_environment_can_give_the_location(schedule: Schedule, cli: CommandLine) -> None:
    _, name = add(schedule)
    ended = cli.run(
        "schedule",
        "list",
        SCHEDULER_LOCATION="here",
        GOOGLE_CLOUD_PROJECT="demo",
        SCHEDULER_API_ENDPOINT=schedule.server.endpoint,
    )
    assert (ended.returncode, name in ended.stdout) == (0, True)


def test_without_a_location_the_laptop_cloud_is_used(schedule: Schedule, cli: CommandLine) -> None:
    _, name = add(schedule)
    part = PartRecord(
        pid=1, started=0, ports={}, url=schedule.server.endpoint, log="", tier=0, stop_signal="SIGTERM", fingerprint=""
    )  # fmt: skip
    environment = {"GOOGLE_CLOUD_PROJECT": "demo", "TASKS_LOCATION": "here"}
    write_state(cli.folder, StackState(parts={"scheduler": part}, environment=environment))
    ended = cli.run("schedule", "list", LOCAL_STATE_DIR=str(cli.folder))
    assert (ended.returncode, name in ended.stdout) == (0, True)


def test_a_location_without_jobs_says_so(schedule: Schedule, cli: CommandLine) -> None:
    endpoint = schedule.server.endpoint
    ended = cli.run("schedule", "list", "--project", "demo", "--location", "nowhere", "--endpoint", endpoint)
    assert (ended.returncode, "no jobs" in ended.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("list", "accept-orders"), 2, "takes no STAGE"),
        (("pause",), 2, "which one"),
        (("stop", "accept-orders"), 2, "invalid choice"),
        (("pause", "a b"), 2, "cannot name a job"),
        (("list", "--project", "demo"), 2, "--location"),
        (("list", "--location", "here"), 2, "--project"),
        (("list",), 3, "make up"),
    ],
)
def test_missing_and_extra_arguments_are_found_before_any_call(
    cli: CommandLine, arguments: tuple[str, ...], status: int, text: str
) -> None:
    ended = cli.run("schedule", *arguments, GOOGLE_CLOUD_PROJECT="", SCHEDULER_LOCATION="")
    assert (ended.returncode, text in ended.stderr) == (status, True)


def test_an_unknown_job_is_refused_and_a_silent_scheduler_is_no_answer(
    schedule: Schedule, cli: CommandLine
) -> None:
    unknown = cli.run("schedule", "run", "nobody", *ADDRESS, "--endpoint", schedule.server.endpoint)
    assert (unknown.returncode, "nobody" in unknown.stderr) == (4, True)
    nowhere = ("--endpoint", f"127.0.0.1:{free_port()}", "--timeout", "0.5")
    for action in (("list",), ("run", "accept-orders")):
        silent = cli.run("schedule", *action, *ADDRESS, *nowhere)
        assert (silent.returncode, "Cloud Scheduler request" in silent.stderr) == (3, True)
