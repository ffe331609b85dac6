import re
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from infra.local.cloud import Cloud
from infra.local.functions import FUNCTIONS, STAGES, Line, function_environment
from infra.local.local_stack import LocalStack
from infra.local.queues import queue_definitions
from infra.local.settings import ROOT, read_local_settings
from laptop.supervisor.plan import Job, Part
from laptop.supervisor.state import StackState, write_state

SETTINGS = read_local_settings({})
CLOUD = Cloud(
    state_dir=Path("/srv/stack"),
    ports=SETTINGS.ports,
    intake=ROOT / "data" / "parts_intake.jsonl",
    catalogue=ROOT / "data" / "parts_catalog.jsonl",
    jwt_secret="s" * 32,
    settings=SETTINGS,
    environment={},
)


def parts_of(cloud: Cloud) -> dict[str, Part]:
    return {part.name: part for part in cloud.plan().parts}


def test_the_queue_starts_last_and_stops_first_so_that_no_attempt_finds_a_function_stopped() -> None:
    parts = parts_of(CLOUD)
    functions = {"orchestrate", "automate", "fallback", "workflow"}

    assert functions | {"rest", "digikey"} <= parts["tasks"].after
    assert parts["tasks"].tier > max(parts[name].tier for name in functions)
    assert min(parts[name].tier for name in functions) > max(parts[name].tier for name in ("rest", "digikey"))
    assert parts["rest"].tier > parts["postgres"].tier


def test_each_port_is_used_by_one_part() -> None:
    used = [port for part in CLOUD.plan().parts for port in part.ports.values()]

    assert sorted(used) == sorted(SETTINGS.ports.values())


def test_the_secrets_of_the_store_are_on_no_command_line_of_a_server() -> None:
    assert not any(CLOUD.jwt_secret in argument for part in CLOUD.plan().parts for argument in part.argv)


def test_a_database_of_the_users_own_replaces_postgres() -> None:
    url = "postgresql://me@db.example/parts"
    cloud = replace(CLOUD, settings=replace(SETTINGS, database_url=url))
    migrations = next(job for job in cloud.plan().jobs if job.name == "migrations")

    assert "postgres" not in parts_of(cloud)
    assert parts_of(cloud)["rest"].environment["DATABASE_URL"] == url
    assert (url in migrations.argv, migrations.after) == (True, frozenset())


def test_only_a_test_has_postgres_skip_its_syncs() -> None:
    fast = replace(CLOUD, settings=replace(SETTINGS, postgres_fast=True))

    assert "--fast" in parts_of(fast)["postgres"].argv
    assert "--fast" not in parts_of(CLOUD)["postgres"].argv


def test_the_parts_data_is_loaded_again_for_other_contents_but_not_for_another_port(tmp_path: Path) -> None:
    def fingerprint(cloud: Cloud) -> str:
        return next(job for job in cloud.plan().jobs if job.name == "parts-data").fingerprint()

    intake = tmp_path / "intake.jsonl"
    intake.write_text("{}\n")
    first = fingerprint(replace(CLOUD, intake=intake))
    moved = fingerprint(replace(CLOUD, intake=intake, ports={**SETTINGS.ports, "bigquery": 9999}))
    intake.write_text('{"pn": "A"}\n')

    assert moved == first
    assert fingerprint(replace(CLOUD, intake=intake)) != first


def test_a_changed_setting_of_the_functions_changes_their_fingerprints_and_no_others() -> None:
    before, after = parts_of(CLOUD), parts_of(replace(CLOUD, environment={"WORKFLOW_MAX_BATCH_SIZE": "7"}))

    changed = {name for name, part in after.items() if part.fingerprint() != before[name].fingerprint()}

    assert changed == set(FUNCTIONS)


def test_the_scheduler_fires_nothing_before_the_functions_run() -> None:
    scheduler = parts_of(CLOUD)["scheduler"]

    assert set(FUNCTIONS) <= scheduler.after
    assert scheduler.tier == parts_of(CLOUD)["tasks"].tier


def schedules(**settings: object) -> tuple[str, ...]:
    cloud = replace(CLOUD, settings=replace(SETTINGS, **settings))  # type: ignore[arg-type]  # two fields' own types
    return next(job for job in cloud.plan().jobs if job.name == "schedules").argv


def paused(argv: tuple[str, ...]) -> set[str]:
    return {value for option, value in pairwise(argv) if option == "--paused"}


def test_a_person_starts_the_stages_and_the_sweep_runs_by_itself() -> None:
    assert paused(schedules()) == set(STAGES)
    assert paused(schedules(sweep=False)) == {*STAGES, "sweep"}


def test_orchestrate_has_no_job_without_a_schedule() -> None:
    assert "--orchestrate-schedule" not in schedules()
    assert ("--orchestrate-schedule", "0 6 * * *") in set(
        pairwise(schedules(orchestrate_schedule="0 6 * * *"))
    )


RECORDS = replace(CLOUD, lines=frozenset({Line.RECORDS}))
ORDERS = replace(CLOUD, lines=frozenset({Line.ORDERS}))


def test_the_line_of_records_runs_without_the_marketplace_the_carrier_and_the_stages() -> None:
    assert set(parts_of(CLOUD)) - set(parts_of(RECORDS)) == {"mirakl", "canada-post", *STAGES}
    assert [trial.function for trial in RECORDS.plan().trials] == [
        "desk",
        "orchestrate",
        "automate",
        "fallback",
        "workflow",
    ]


def test_the_line_of_orders_runs_without_the_source_the_queue_and_the_catalogue() -> None:
    left_out = {"bigquery", "digikey", "tasks", "orchestrate", "automate", "fallback"}
    assert set(parts_of(CLOUD)) - set(parts_of(ORDERS)) == left_out
    assert [job.name for job in ORDERS.plan().jobs] == ["migrations", "schedules"]


@pytest.mark.parametrize("cloud", [RECORDS, ORDERS, CLOUD], ids=["records", "orders", "both"])
def test_no_step_of_a_line_waits_for_one_that_the_line_has_not(cloud: Cloud) -> None:
    plan = cloud.plan()
    steps: list[Part | Job] = [*plan.parts, *plan.jobs]
    names = {step.name for step in steps}
    assert all(step.after <= names for step in steps)


def test_the_scheduler_of_a_line_calls_only_its_functions() -> None:
    def called(cloud: Cloud) -> set[str]:
        job = next(job for job in cloud.plan().jobs if job.name == "schedules")
        return {value.partition("=")[0] for option, value in pairwise(job.argv) if option == "--url"}

    assert called(RECORDS) == {"orchestrate", "fallback"}
    assert called(ORDERS) == set(STAGES)
    no_sweep = replace(ORDERS, settings=replace(SETTINGS, sweep=False, orchestrate_schedule="0 6 * * *"))
    job = next(job for job in no_sweep.plan().jobs if job.name == "schedules")
    assert paused(job.argv) == set(STAGES)
    assert "--orchestrate-schedule" not in job.argv


def test_a_command_keeps_the_lines_that_run_beside_the_one_it_is_given(tmp_path: Path) -> None:
    write_state(tmp_path, StackState(names=sorted(parts_of(RECORDS))))
    orders = LocalStack(tmp_path, lines=[Line.ORDERS])
    assert orders.running_lines() == {Line.RECORDS}
    write_state(tmp_path, StackState(names=sorted(parts_of(CLOUD))))
    assert orders.running_lines() == set(Line)
    write_state(tmp_path, StackState())
    assert orders.running_lines() == set()


def test_labels_are_kept_with_the_stack_in_the_bucket_that_the_functions_use() -> None:
    argv = parts_of(replace(CLOUD, environment={"LABEL_BUCKET": "stickers"}))["rest"].argv

    assert {("--storage-dir", "/srv/stack/storage"), ("--bucket", "stickers")} <= set(pairwise(argv))


def test_the_page_of_the_laptop_cloud_names_every_part_and_job_and_imports_what_exists() -> None:
    page = (ROOT / "docs" / "local-cloud.md").read_text()
    table, jobs, _ = re.split(
        r"^(Before the stack is ready.*?)\n\n", page, maxsplit=1, flags=re.DOTALL | re.MULTILINE
    )
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)

    assert sorted(re.findall(r"`([^`]+)`", " ".join(rows))) == sorted(parts_of(CLOUD))
    assert re.findall(r"`([^`]+)`", jobs) == [job.name for job in CLOUD.plan().jobs]
    for module, name in re.findall(r"from ([\w.]+) import (\w+)", page):
        assert hasattr(import_module(module), name)


def test_the_automation_queue_takes_its_counts_from_the_settings_that_the_functions_see() -> None:
    user = {"WORKFLOW_AUTOMATION_MAX_CONCURRENT": "3", "QUEUE_MAX_ATTEMPTS": "4"}
    automation, dead_letter = queue_definitions(function_environment(SETTINGS.ports, "s" * 32, user, {}))

    assert automation.name == "projects/switchyard-local/locations/us-central1/queues/automation"
    assert automation.rate_limits.max_concurrent_dispatches == 3
    assert automation.retry_config.max_attempts == 4
    assert dead_letter.name.endswith("/queues/dead-letter")
    assert dead_letter.retry_config.max_attempts == -1
    assert dead_letter.retry_config.max_backoff == automation.retry_config.max_backoff
