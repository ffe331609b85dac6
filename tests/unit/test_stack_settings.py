from pathlib import Path

import pytest

from infra.local.settings import PORT_OFFSETS, ROOT, _Environment, port_variable, read_local_settings
from shared.errors import SettingsInvalid


def test_without_variables_the_functions_stand_at_8080_and_state_lies_in_the_project() -> None:
    settings = read_local_settings({})

    assert [settings.ports[name] for name in ("orchestrate", "automate", "fallback", "workflow")] == [
        8080,
        8081,
        8082,
        8083,
    ]
    assert len(set(settings.ports.values())) == len(PORT_OFFSETS)
    assert settings.state_dir == ROOT / ".local"
    assert (settings.database_url, settings.intake, settings.catalogue) == (None, None, None)


def test_the_base_moves_all_ports_and_a_single_variable_moves_one() -> None:
    ports = read_local_settings({"LOCAL_PORT_BASE": "9000", "LOCAL_PORT_TASKS_CONTROL": "0"}).ports

    assert ports == {name: 9000 + offset for name, offset in PORT_OFFSETS.items()} | {"tasks-control": 0}


def test_an_absolute_state_directory_is_taken_as_it_is_and_an_empty_variable_counts_as_unset() -> None:
    settings = read_local_settings({"LOCAL_STATE_DIR": "/srv/stack", "INTAKE": "", "CATALOG": "c.jsonl"})

    assert settings.state_dir == Path("/srv/stack")
    assert (settings.intake, settings.catalogue) == (None, Path("c.jsonl"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOCAL_PORT_BASE", "80"),
        ("LOCAL_PORT_BASE", "65530"),
        ("LOCAL_PORT_REST", "70000"),
        ("LOCAL_PORT_REST", "many"),
        ("LOCAL_PORT_RESTT", "9000"),
        ("LOCAL_START_TIMEOUT_SECONDS", "0"),
        ("LOCAL_STOP_TIMEOUT_SECONDS", "soon"),
        ("LOCAL_POSTGRES_FAST", "perhaps"),
        ("LOCAL_DIGIKEY_BURST_LIMIT", "-1"),
        ("DATABASE_URL", "mysql://here"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"{variable}: "):
        read_local_settings({variable: value})


def test_every_setting_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "local-cloud.md").read_text()
    settings = ["LOCAL_STATE_DIR", *(field.alias for field in _Environment.model_fields.values())]
    rows = {f"`{port_variable(name)}` | {8080 + offset} |" for name, offset in PORT_OFFSETS.items()}

    assert [name for name in settings if f"| `{name}` |" not in page] == []
    assert [row for row in rows if row not in page] == []
