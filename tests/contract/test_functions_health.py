"""`GET /health` of the deployed functions: its checks, its answers, and that it changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from laptop.supabase.storage.folder import Folder
from shared.errors import SettingsInvalid
from tests.bigquery_support import Emulator
from tests.enrichment_support import part
from tests.functions_support import PROJECT, Deployment, contents
from tests.ports import free_port
from tests.postgres_support import Database
from tests.rest_support import serving
from tests.web_support import PROBLEM, Log

CHECKS = {
    "orchestrate": {"policies", "source", "database", "automation_queue"},
    "automate": {"settings", "database", "automation_queue", "dead_letter_queue"},
    "fallback": {"database", "automation_queue"},
    "workflow": {"records", "orders"},
    "accept_orders": {"settings", "database"},
    "create_labels": {"settings", "database", "label_shelf"},
    "update_tracking": {"settings", "database"},
    "sync_messages": {"settings", "database", "label_shelf"},
    "reconcile_orders": {"settings", "database", "label_shelf"},
}


@pytest.fixture
def whole(
    deployment: Deployment,
    queues: tuple[str, str],  # noqa: ARG001 - they are there
    database: Database,
    tmp_path: Path,
) -> Iterator[Deployment]:
    """Everything is there but BigQuery and the vendors, which are not asked."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    deployment.environment |= {
        "MIRAKL_API_BASE": nowhere,
        "BEST_BUY_API_KEY": "a-key",
        "CANADA_POST_API_BASE": nowhere,
        "CANADA_POST_API_USER": "u",
        "CANADA_POST_API_PASSWORD": "p",
        "CANADA_POST_CUSTOMER_NUMBER": "2004381",
        "CANADA_POST_CONTRACT_ID": "42708517",
    }
    with serving(database.authenticator_url, folder=Folder(tmp_path, ["labels"])) as rest:
        deployment.environment["SUPABASE_URL"] = rest.url
        yield deployment


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "orchestrate"])
def test_a_function_whose_dependencies_are_there_is_healthy(whole: Deployment, name: str) -> None:
    answer = whole.function(name).get("/health")
    health = answer.get_json()
    assert (answer.status_code, health["status"], health["function"]) == (200, "ok", name.replace("_", "-"))
    assert {check: found["status"] for check, found in health["checks"].items()} == dict.fromkeys(
        CHECKS[name], "ok"
    )


def test_orchestrate_is_healthy_with_its_table_and_degraded_without(
    whole: Deployment, parts_emulator: Emulator, tmp_path: Path
) -> None:
    table = f"{PROJECT}.parts.health_{uuid4().hex}"
    parts_emulator.fill(table, [part("A")], tmp_path)
    there = {"BIGQUERY_API_ENDPOINT": parts_emulator.endpoint, "BIGQUERY_TIMEOUT_SECONDS": "60"}

    health = whole.function("orchestrate", BIGQUERY_TABLE=table, **there).get("/health").get_json()
    assert {check for check, found in health["checks"].items() if found["status"] == "ok"} == CHECKS[
        "orchestrate"
    ]

    missing = whole.function("orchestrate", BIGQUERY_TABLE=f"{table}_not", **there).get("/health")
    assert (missing.status_code, missing.headers["Content-Type"]) == (503, PROBLEM)
    assert missing.get_json()["checks"]["source"]["code"] == "settings_invalid"


@pytest.mark.parametrize(
    ("name", "change", "check", "code"),
    [
        ("automate", {"AUTOMATION_QUEUE": "not-there"}, "automation_queue", "settings_invalid"),
        ("create_labels", {"LABEL_BUCKET": "not-there"}, "label_shelf", "store_refused"),
        ("workflow", {"SUPABASE_SERVICE_ROLE_KEY": "not-a-key"}, "records", "store_refused"),
    ],
)
def test_what_cannot_be_used_is_named(
    whole: Deployment, name: str, change: dict[str, str], check: str, code: str
) -> None:
    health = whole.function(name, **change).get("/health").get_json()
    assert (health["status"], health["code"]) == (503, "degraded")
    assert (health["checks"][check]["status"], health["checks"][check]["code"]) == ("failed", code)


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("automate", "DIGIKEY_API_BASE", "http://vendor.example"),
        ("create_labels", "CANADA_POST_SENDER", "{}"),
        ("sync_messages", "MIRAKL_API_BASE", "http://vendor.example"),
    ],
)
def test_a_setting_that_no_client_could_use_stops_the_start(
    whole: Deployment, name: str, variable: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=variable):
        whole.function(name, **{variable: value})


def test_with_everything_away_it_is_degraded_and_still_answers_a_shallow_request(
    deployment: Deployment, log: Log
) -> None:
    automate = deployment.function("automate", SUPABASE_URL=deployment.environment["DIGIKEY_API_BASE"])
    answer = automate.get("/health")
    codes = {name: check.get("code") for name, check in answer.get_json()["checks"].items()}
    assert codes == {
        "settings": None,
        "database": "store_unavailable",
        "automation_queue": "queue_unavailable",
        "dead_letter_queue": "queue_unavailable",
    }
    assert log.entries[-1]["failed_checks"].keys() == codes.keys() - {"settings"}
    assert automate.get("/health?shallow=true").status_code == 200


@pytest.mark.parametrize("name", ["fallback", "create_labels", "workflow"])
def test_asking_for_health_changes_nothing(whole: Deployment, rows: psycopg.Connection, name: str) -> None:
    function = whole.function(name)
    before = contents(rows)
    assert function.get("/health").status_code == 200
    assert contents(rows) == before
