import jwt

from infra.local.functions import FUNCTIONS, function_environment, service_role_key, trials
from infra.local.settings import read_local_settings
from laptop.supervisor.plan import Trial
from shared.settings import GROUPS

PORTS = read_local_settings({}).ports
SECRET = "x" * 32


def environment(user: dict[str, str], **overrides: str) -> dict[str, str]:
    return function_environment(PORTS, SECRET, user, overrides)


def test_every_group_of_the_functions_settings_can_be_read_from_it() -> None:
    given = environment({})

    for group in GROUPS:
        group.from_environment(given)


def test_the_service_key_is_always_the_same_and_names_its_role() -> None:
    key = service_role_key(SECRET)

    assert key == service_role_key(SECRET)
    assert jwt.decode(key, SECRET, algorithms=["HS256"])["role"] == "service_role"


def test_the_users_workflow_settings_and_waits_are_passed_on() -> None:
    given = environment(
        {"WORKFLOW_MAX_DAILY_TASKS": "7", "SWEEP_LIMIT": "9", "SWEEP_GRACE_SECONDS": "1", "HOME": "/"}
    )

    assert given["WORKFLOW_MAX_DAILY_TASKS"] == "7"
    assert (given["SWEEP_LIMIT"], given["SWEEP_GRACE_SECONDS"], given["AUTOMATION_LEASE_SECONDS"]) == (
        "9",
        "1",
        "15",
    )
    assert "HOME" not in given


def test_credentials_and_addresses_of_the_real_cloud_are_not() -> None:
    real = {
        "SUPABASE_URL": "https://real.supabase.co",
        "DIGIKEY_CLIENT_SECRET": "real",
        "BIGQUERY_TABLE": "a.b.c",
    }

    assert not set(real.values()) & set(environment(real).values())


def test_overrides_win() -> None:
    assert environment({}, DIGIKEY_API_BASE="http://127.0.0.1:1")["DIGIKEY_API_BASE"] == "http://127.0.0.1:1"


def test_the_desk_is_shown_first_and_each_other_function_with_a_command_to_try() -> None:
    desk, *found = trials(PORTS)

    assert desk == Trial("desk", f"http://127.0.0.1:{PORTS['desk']}", None)
    assert [trial.function for trial in found] == [name for name in FUNCTIONS if name != "desk"]
    for trial in found:
        assert trial.url == f"http://127.0.0.1:{PORTS[trial.function]}"
        assert trial.command is not None
        assert trial.command.startswith("curl ")
        assert trial.url in trial.command
