"""A function starts without any call. A wrong setting ends its process (test_settings_start.py tries each one)."""

import subprocess
import sys

import pytest

from tests.functions_support import FUNCTIONS, Deployment
from tests.ports import free_port
from tests.web_support import ROOT


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_and_is_healthy_without_any_call(deployment: Deployment, name: str) -> None:
    """Everything that it uses is away."""
    away = deployment.environment["DIGIKEY_API_BASE"]
    assert deployment.function(name, SUPABASE_URL=away).get("/health?shallow=true").get_json() == {
        "status": "ok",
        "function": name,
        "version": "unpackaged",
    }


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
