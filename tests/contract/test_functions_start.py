"""A function with wrong settings does not start, and says which variable is wrong."""

import subprocess
import sys

import pytest

from shared.errors import SettingsInvalid
from shared.settings import (
    CatalogueSettings,
    DeliverySettings,
    DeskSettings,
    LogSettings,
    QueueSettings,
    ReprocessSettings,
    Settings,
    SourceSettings,
    StoreSettings,
    SweepSettings,
)
from tests.functions_support import FUNCTIONS, Deployment
from tests.ports import free_port
from tests.web_support import ROOT

NEEDS: dict[str, tuple[type[Settings], ...]] = {
    "orchestrate": (StoreSettings, SourceSettings, QueueSettings, ReprocessSettings, LogSettings),
    "automate": (StoreSettings, QueueSettings, DeliverySettings, CatalogueSettings, LogSettings),
    "fallback": (StoreSettings, QueueSettings, SweepSettings, DeskSettings, LogSettings),
    "workflow": (StoreSettings, DeskSettings, LogSettings),
}
REQUIRED = [
    (name, info.alias or "")
    for name, groups in NEEDS.items()
    for group in groups
    for info in group.model_fields.values()
    if info.is_required()
]
WRONG = [
    *((name, variable, "0") for name in FUNCTIONS for variable in ("WORKFLOW_MAX_BATCH_SIZE",)),
    *((name, "LOG_LEVEL", "LOUD") for name in FUNCTIONS),
    *((name, "SUPABASE_URL", "nowhere") for name in FUNCTIONS),
    ("orchestrate", "BIGQUERY_TIMEOUT_SECONDS", "soon"),
    ("orchestrate", "REPROCESS_AFTER_DAYS", "-1"),
    ("automate", "QUEUE_MAX_ATTEMPTS", "0"),
    ("automate", "DIGIKEY_TIMEOUT_SECONDS", "0"),
    ("fallback", "SWEEP_LIMIT", "many"),
    ("workflow", "MANUAL_CLAIM_SECONDS", "0"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_and_is_healthy_without_a_word_to_anybody(
    deployment: Deployment, name: str
) -> None:
    """Everything that it would talk to is away."""
    away = deployment.environment["DIGIKEY_API_BASE"]
    assert deployment.function(name, SUPABASE_URL=away).get("/health?shallow=true").get_json() == {
        "status": "ok",
        "function": name,
        "version": "unpackaged",
    }


@pytest.mark.parametrize(("name", "variable"), REQUIRED)
def test_a_missing_variable_stops_the_start(deployment: Deployment, name: str, variable: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"{variable} is missing"):
        deployment.function(name, **{variable: None})


@pytest.mark.parametrize(("name", "variable", "value"), WRONG)
def test_a_wrong_variable_stops_the_start(
    deployment: Deployment, name: str, variable: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=variable):
        deployment.function(name, **{variable: value})


def test_a_misspelt_variable_of_the_record_line_stops_the_start(deployment: Deployment) -> None:
    with pytest.raises(SettingsInvalid, match="WORKFLOW_MAX_DAILY_TASK is no setting"):
        deployment.function("workflow", WORKFLOW_MAX_DAILY_TASK="1")


def test_the_process_ends_with_the_variables_name(deployment: Deployment) -> None:
    environment = deployment.environment | {"PYTHONPATH": str(ROOT), "SUPABASE_URL": "nowhere"}
    started = subprocess.run(
        [
            sys.executable, "-m", "functions_framework", "--target", "workflow",
            "--source", "functions/workflow.py", "--port", str(free_port()),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert started.returncode != 0
    assert "SettingsInvalid: SUPABASE_URL is wrong" in started.stderr
    assert environment["SUPABASE_SERVICE_ROLE_KEY"] not in started.stderr
