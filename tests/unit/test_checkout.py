"""Programs beside the functions find the laptop cloud of their checkout, unless their settings lead elsewhere."""

import json
from pathlib import Path

import pytest

from laptop.supervisor.state import StackState, write_state
from shared.checkout import project_folder, stack_environment
from shared.errors import SettingsInvalid

SETTINGS = {"SUPABASE_URL": "http://127.0.0.1:1", "WORKFLOW_MAX_DAILY_TASKS": "50"}


@pytest.fixture
def stack(tmp_path: Path) -> dict[str, str]:
    """An environment that names the folder of a stack."""
    write_state(tmp_path, StackState(environment=SETTINGS))
    return {"LOCAL_STATE_DIR": str(tmp_path)}


def test_the_settings_are_those_in_the_state_file_of_the_stack(stack: dict[str, str]) -> None:
    assert stack_environment(stack) == SETTINGS


def test_an_environment_that_leads_to_a_database_is_left_alone(stack: dict[str, str]) -> None:
    assert stack_environment({**stack, "SUPABASE_URL": "https://abc.supabase.co"}) == {}
    assert stack_environment({**stack, "SUPABASE_URL": ""}) == SETTINGS


def test_credentials_for_the_real_cloud_are_replaced_and_the_callers_own_limits_are_not(
    stack: dict[str, str],
) -> None:
    file = Path(stack["LOCAL_STATE_DIR"]) / "state.json"
    write_state(file.parent, StackState(environment={**SETTINGS, "BEST_BUY_API_KEY": "local-key"}))

    found = stack_environment({**stack, "BEST_BUY_API_KEY": "real", "WORKFLOW_MAX_DAILY_TASKS": "7"})

    assert found == {"SUPABASE_URL": SETTINGS["SUPABASE_URL"], "BEST_BUY_API_KEY": "local-key"}


def test_where_no_stack_runs_there_are_no_settings(tmp_path: Path) -> None:
    assert stack_environment({"LOCAL_STATE_DIR": str(tmp_path)}) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"environment": None})])
def test_a_damaged_state_file_is_named(stack: dict[str, str], content: str) -> None:
    (Path(stack["LOCAL_STATE_DIR"]) / "state.json").write_text(content)

    with pytest.raises(SettingsInvalid, match=r"state\.json, the state of the laptop cloud, cannot be read"):
        stack_environment(stack)


def test_the_project_is_the_checkout_of_the_code_then_that_of_the_current_folder(tmp_path: Path) -> None:
    checkout, installed, nowhere = tmp_path / "checkout", tmp_path / "site-packages", tmp_path / "nowhere"
    for folder in (checkout, installed):
        (folder / "shared").mkdir(parents=True)
        (folder / "shared" / "workflow.py").touch()
    (checkout / "pyproject.toml").touch()
    deep = checkout / "docs" / "pictures"

    assert project_folder() == Path(__file__).parents[2]
    assert project_folder(checkout, nowhere) == checkout
    assert project_folder(installed, deep) == checkout
    assert project_folder(installed, nowhere) == nowhere
