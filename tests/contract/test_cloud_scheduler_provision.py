"""The jobs that the stack gives its scheduler."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from google.cloud import scheduler_v1

from infra.local.schedules import SWEEP, Place, job_definitions, main, parser
from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import load_pipeline
from tests.laptop.google.scheduler_support import LOCATION, Schedule
from tests.ports import free_port
from tests.processes import PROJECT

STAGES = [stage.name for stage in load_pipeline().stages]
State = scheduler_v1.Job.State


def provision(schedule: Schedule, names: list[str], *options: str) -> int:
    place = ["--endpoint", schedule.server.endpoint, "--project", "demo", "--location", "here"]
    urls = [option for name in names for option in ("--url", f"{name}={schedule.worker.url(name)}")]
    return main([*place, *urls, *options])


def jobs(schedule: Schedule) -> dict[str, scheduler_v1.Job]:
    found = schedule.client.list_jobs(parent=LOCATION)
    return {job.name.rpartition("/")[2]: job for job in found}


def test_each_stage_has_its_job_and_the_sweep_too(schedule: Schedule) -> None:
    assert provision(schedule, [*STAGES, "fallback"]) == 0
    found = jobs(schedule)
    assert set(found) == {*STAGES, SWEEP}
    pipeline = load_pipeline()
    for stage in pipeline.stages:
        job = found[stage.name]
        assert (job.schedule, job.time_zone) == (pipeline.cron(stage), pipeline.time_zone)
        assert job.attempt_deadline == timedelta(seconds=stage.timeout_seconds)
        assert (job.http_target.uri, job.http_target.body) == (schedule.worker.url(stage.name), b"{}")
        assert job.http_target.headers["Content-Type"] == "application/json"
        assert job.retry_config.retry_count == 5
    assert json.loads(found[SWEEP].http_target.body) == {"sweep": True}
    assert {job.state for job in found.values()} == {State.ENABLED}


def test_a_stage_without_a_function_gets_no_job(schedule: Schedule) -> None:
    provision(schedule, ["fallback"])
    assert set(jobs(schedule)) == {SWEEP}


def test_a_second_run_updates_jobs_and_keeps_a_person_s_pause(schedule: Schedule) -> None:
    provision(schedule, [*STAGES, "fallback"])
    schedule.client.pause_job(name=f"{LOCATION}/jobs/{STAGES[0]}")
    before = jobs(schedule)
    provision(schedule, [*STAGES, "fallback"])
    after = jobs(schedule)
    assert {name: job.state for name, job in after.items()} == {
        name: job.state for name, job in before.items()
    }
    assert {name: job.schedule for name, job in after.items()} == {
        name: job.schedule for name, job in before.items()
    }


def test_a_job_that_is_no_longer_wanted_is_removed(schedule: Schedule) -> None:
    provision(schedule, [*STAGES, "fallback"])
    provision(schedule, [STAGES[0]])
    assert set(jobs(schedule)) == {STAGES[0]}


def test_new_jobs_can_be_made_paused_and_those_a_person_resumed_stay_so(schedule: Schedule) -> None:
    paused = ("--paused", STAGES[0], "--paused", SWEEP)
    provision(schedule, [*STAGES, "fallback"], *paused)
    states = {name: job.state for name, job in jobs(schedule).items()}
    assert {name for name, state in states.items() if state == State.PAUSED} == {STAGES[0], SWEEP}
    schedule.client.resume_job(name=f"{LOCATION}/jobs/{STAGES[0]}")
    provision(schedule, [*STAGES, "fallback"], *paused)
    assert jobs(schedule)[STAGES[0]].state == State.ENABLED


def test_orchestrate_has_a_job_when_it_has_a_schedule(schedule: Schedule) -> None:
    provision(schedule, ["orchestrate"], "--orchestrate-schedule", "0 6 * * *")
    assert [job.schedule for job in jobs(schedule).values()] == ["0 6 * * *"]


def test_the_firings_can_carry_an_identity(schedule: Schedule) -> None:
    provision(schedule, ["fallback"], "--service-account", "stages@demo")
    token = jobs(schedule)[SWEEP].http_target.oidc_token
    assert (token.service_account_email, token.audience) == (
        "stages@demo",
        schedule.worker.url("fallback"),
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--orchestrate-schedule", "0 6 * * *"),
        ("--url", "orchestrate=http://a", "--orchestrate-schedule", "x"),
    ],
)
def test_an_error_is_reported_in_one_line(
    schedule: Schedule, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert provision(schedule, [], *options) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_wrong_url_is_refused(schedule: Schedule, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        provision(schedule, [], "--url", "fallback=elsewhere")
    assert "name=http://" in capsys.readouterr().err


def test_a_missing_server_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    given = [
        "--endpoint",
        endpoint,
        "--project",
        "p",
        "--location",
        "l",
        "--url",
        "fallback=http://a",
    ]
    assert main(given) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_a_fifth_stage_in_the_list_is_a_fifth_job(tmp_path: Path) -> None:
    listed = load_pipeline().model_dump(mode="json")
    listed["stages"].append({"name": "send-invoices", "offset_minutes": 13, "timeout_seconds": 60})
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(listed))
    place = Place("demo", "here", {"send-invoices": "http://127.0.0.1:1"})
    (job,) = job_definitions(load_pipeline(file), place)
    assert (job.name, job.schedule) == (f"{LOCATION}/jobs/send-invoices", "13,28,43,58 * * * *")


def test_a_schedule_for_orchestrate_needs_its_url() -> None:
    with pytest.raises(SettingsInvalid):
        job_definitions(load_pipeline(), Place("demo", "here", {}), "0 6 * * *")


def test_schedules_and_retries_are_those_of_terraform() -> None:
    terraform = (PROJECT / "infra" / "terraform" / "scheduler.tf").read_text()
    numbers = re.findall(r"\{ count = (\d+), min = (\d+), max = (\d+), doublings = (\d+) \}", terraform)
    urls = dict.fromkeys((STAGES[0], "orchestrate", "fallback"), "https://here")
    definitions = job_definitions(load_pipeline(), Place("demo", "here", urls), "0 6 * * *")
    by_name = {job.name.rpartition("/")[2]: job for job in definitions}
    retries = [by_name[name].retry_config for name in (STAGES[0], "orchestrate", SWEEP)]

    assert [tuple(map(int, each)) for each in numbers] == [
        (
            retry.retry_count,
            retry.min_backoff_duration.seconds,
            retry.max_backoff_duration.seconds,
            retry.max_doublings,
        )
        for retry in retries
    ]
    assert f'schedule = "{by_name[SWEEP].schedule}"' in terraform


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    page = (PROJECT / "docs" / "cloud-scheduler.md").read_text()
    section = page.partition("## The jobs")[2].partition("\n## ")[0]
    existing = {option for option in parser()._option_string_actions if option.startswith("--")} - {"--help"}
    rows = "".join(re.findall(r"^\| (`--[^|]*)\|", section, re.MULTILINE))
    assert existing == set(re.findall(r"`(--[a-z-]+)`", rows))
