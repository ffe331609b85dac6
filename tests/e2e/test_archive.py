"""Runs the archives that Terraform uploads as the cloud does: with only their files and the packages they install."""

import json
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.package.archive import functions
from laptop.supabase.storage.folder import Folder
from tests.archive_support import bare_command, only_its_packages, started, unpacked
from tests.bigquery_support import PROJECT, running_emulator
from tests.enrichment_support import part
from tests.functions_support import LOCATION, environment_on, paused_queue
from tests.laptop.google.server import running as running_server
from tests.laptop.google.tasks_support import TasksServer
from tests.postgres_support import Database
from tests.rest_support import serving
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
NO_TASK = {"automation_task_id": str(UUID(int=0))}
FULFILLMENT = {
    "BEST_BUY_API_KEY": "k",
    "MIRAKL_API_BASE": "http://127.0.0.1:1",
    "CANADA_POST_API_BASE": "http://127.0.0.1:1",
    "CANADA_POST_API_USER": "u",
    "CANADA_POST_API_PASSWORD": "p",
    "CANADA_POST_CUSTOMER_NUMBER": "2004381",
    "CANADA_POST_CONTRACT_ID": "42708517",
    "DESK_DOOR": "development",
    "DESK_DEVELOPMENT_PERSON": "ana",
    "DESK_OPERATORS": "ana",
    "DESK_SECRET": "s" * 32,
    "CANADA_POST_SENDER": json.dumps(
        {
            "company": "Acme",
            "phone": "514-555-0100",
            "line_1": "502 Main St N",
            "city": "Montreal",
            "province": "QC",
            "postal_code": "H2B1A0",
        }
    ),
}
CALLS: dict[str, list[tuple[str, str, object, int]]] = {
    "orchestrate": [("POST", "/", {"dry_run": True}, 503)],
    "automate": [("POST", "/", NO_TASK, 404)],
    "fallback": [("POST", "/", NO_TASK, 404), ("POST", "/", {"sweep": True}, 200)],
    "workflow": [
        ("GET", "/manual-tasks", None, 200),
        ("GET", "/orders", None, 200),
        ("GET", "/config", None, 200),
    ],
    "desk": [
        ("GET", "/tasks", None, 200),
        ("GET", "/orders", None, 200),
        ("GET", "/insight", None, 200),
        ("GET", "/assets/desk.css", None, 200),
    ],
    "accept-orders": [("POST", "/", {"dry_run": True}, 503)],
    "create-labels": [("POST", "/", {"dry_run": True}, 200), ("POST", "/", {}, 200)],
    "update-tracking": [("POST", "/", {"dry_run": True}, 200), ("POST", "/", {}, 200)],
    "sync-messages": [("POST", "/", {"dry_run": True}, 503)],
    "reconcile-orders": [("POST", "/", {"dry_run": True}, 200), ("POST", "/", {}, 503)],
}
"""Calls that the database can answer; 503 where the vendor or BigQuery would be needed, which do not run."""


@pytest.fixture
def environment(database: Database, tmp_path: Path) -> Iterator[dict[str, str]]:
    with serving(database.authenticator_url, folder=Folder(tmp_path / "shelf", ["labels"])) as rest:
        yield environment_on(rest) | FULFILLMENT


def test_there_is_an_archive_for_every_function() -> None:
    assert set(functions(ROOT)) == set(CALLS)


@pytest.mark.slow
@pytest.mark.parametrize("name", functions(ROOT))
def test_an_archive_runs_with_only_its_own_packages(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    archive = unpacked(name, tmp_path)
    command = bare_command(archive, only_its_packages(archive, tmp_path))
    with started(command, archive, name.replace("-", "_"), environment) as function:
        found = wait_until(lambda: finished_checks(function))
        assert set(found.values()) <= {"ok", "queue_unavailable", "source_unavailable"}
        assert "ok" in {found.get("database"), found.get("orders")}
        for method, path, body, status in CALLS[name]:
            answer = function.request(method, path, json=body)
            assert answer.status_code == status, answer.text
            if status == 503:
                assert answer.json()["code"] in ("vendor_unavailable", "source_unavailable")


def finished_checks(function: httpx.Client) -> dict[str, str]:
    """The result of each check; nothing while one takes longer than a health call, as on a busy machine."""
    checks = function.get("/health").json()["checks"]
    found = {name: check.get("code", "ok") for name, check in checks.items()}
    return {} if "no_answer" in found.values() else found


@pytest.fixture
def whole_environment(environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A deployment with a table of one part, and real queues that deliver nothing."""
    table = f"{PROJECT}.parts.archived"
    with (
        running_emulator(tmp_path / "bigquery") as bigquery,
        running_server(TasksServer, tmp_path / "tasks.db") as tasks,
        paused_queue(tasks) as automation,
    ):
        bigquery.fill(table, [part("A")], tmp_path)
        yield environment | {
            "BIGQUERY_TABLE": table,
            "BIGQUERY_API_ENDPOINT": bigquery.endpoint,
            "BIGQUERY_TIMEOUT_SECONDS": "60",
            "TASKS_LOCATION": LOCATION,
            "TASKS_API_ENDPOINT": tasks.endpoint,
            "TASKS_TIMEOUT_SECONDS": "10",
            "AUTOMATION_QUEUE": automation,
        }


@pytest.mark.slow
def test_the_archive_with_the_most_packages_runs_in_a_fresh_virtual_environment(
    whole_environment: dict[str, str], tmp_path: Path
) -> None:
    """Downloads packages once: `orchestrate` has all packages of all functions but those for labels."""
    archive = unpacked("orchestrate", tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "-qq", "-r", "requirements.txt"], cwd=archive, check=True, timeout=240)

    listed = json.loads(
        subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True).stdout
    )
    installed = {canonicalize_name(package["name"]) for package in listed}
    named = [Requirement(line) for line in (archive / "requirements.txt").read_text().splitlines()]
    assert installed - {"pip", "setuptools"} == {
        canonicalize_name(one.name) for one in named if one.marker is None or one.marker.evaluate()
    }

    framework = [str(python.with_name("functions-framework"))]
    with started(framework, archive, "orchestrate", whole_environment) as function:
        health = function.get("/health").json()
        build = json.loads((archive / "build.json").read_text())
        assert (health["status"], health["version"]) == ("ok", f"{build['version']}+{build['content']}")
        assert {check["status"] for check in health["checks"].values()} == {"ok"}
        [decision] = function.post("/", json={"dry_run": True}).json()["decisions"]
        assert decision["pn"] == "A"
        assert function.post("/", json={"limit": 1, "batch_id": "first"}).json()["opened"] == 1


def test_an_archive_needs_all_its_files(environment: dict[str, str], tmp_path: Path) -> None:
    """Checks the check: a file missing from an archive is noticed."""
    archive = unpacked("workflow", tmp_path)
    (archive / "shared" / "web" / "enrichment" / "desk.py").unlink()
    command = bare_command(archive, only_its_packages(archive, tmp_path))
    with (
        pytest.raises(AssertionError, match=r"No module named 'shared\.web\.enrichment\.desk'"),
        started(command, archive, "workflow", environment),
    ):
        raise RuntimeError("it started")
