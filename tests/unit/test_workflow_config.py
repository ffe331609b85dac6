import pytest
from pydantic import ValidationError

from shared.errors import SettingsInvalid
from shared.workflow_config import WorkflowConfig, allowed_values, numeric_fields, variable_of

DEFAULTS = {
    "automation_priority_threshold": 0.8,
    "automation_max_concurrent": 5,
    "automation_retry_attempts": 3,
    "manual_priority_threshold": 0.5,
    "manual_batch_size": 50,
    "automation_failure_to_manual": True,
    "max_automation_failures": 3,
    "max_daily_tasks": 1000,
    "max_batch_size": 100,
}


def test_without_variables_every_setting_has_its_default() -> None:
    assert WorkflowConfig.from_environment({}).model_dump() == DEFAULTS
    assert WorkflowConfig().model_dump() == DEFAULTS


def test_variables_of_other_programs_are_ignored() -> None:
    assert WorkflowConfig.from_environment({"PATH": "/bin", "MAX_BATCH_SIZE": "7"}) == WorkflowConfig()


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("WORKFLOW_AUTOMATION_PRIORITY_THRESHOLD", "0.75", "automation_priority_threshold", 0.75),
        ("WORKFLOW_AUTOMATION_PRIORITY_THRESHOLD", "0", "automation_priority_threshold", 0.0),
        ("WORKFLOW_AUTOMATION_PRIORITY_THRESHOLD", "1", "automation_priority_threshold", 1.0),
        ("WORKFLOW_AUTOMATION_MAX_CONCURRENT", "1000", "automation_max_concurrent", 1000),
        ("WORKFLOW_AUTOMATION_RETRY_ATTEMPTS", "10", "automation_retry_attempts", 10),
        ("WORKFLOW_MANUAL_PRIORITY_THRESHOLD", " 0.25 ", "manual_priority_threshold", 0.25),
        ("WORKFLOW_MANUAL_BATCH_SIZE", "1", "manual_batch_size", 1),
        ("WORKFLOW_AUTOMATION_FAILURE_TO_MANUAL", "false", "automation_failure_to_manual", False),
        ("WORKFLOW_MAX_AUTOMATION_FAILURES", "1", "max_automation_failures", 1),
        ("WORKFLOW_MAX_DAILY_TASKS", "1000000", "max_daily_tasks", 1_000_000),
        ("WORKFLOW_MAX_BATCH_SIZE", "1000", "max_batch_size", 1000),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, field: str, value: float) -> None:
    config = WorkflowConfig.from_environment({variable: text})
    assert config.model_dump() == DEFAULTS | {field: value}


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("WORKFLOW_AUTOMATION_PRIORITY_THRESHOLD", "1.01", "a number from 0 to 1"),
        ("WORKFLOW_AUTOMATION_PRIORITY_THRESHOLD", "nan", "a number from 0 to 1"),
        ("WORKFLOW_MANUAL_PRIORITY_THRESHOLD", "-0.1", "a number from 0 to 1"),
        ("WORKFLOW_MANUAL_PRIORITY_THRESHOLD", "inf", "a number from 0 to 1"),
        ("WORKFLOW_AUTOMATION_MAX_CONCURRENT", "0", "a whole number from 1 to 1000"),
        ("WORKFLOW_AUTOMATION_RETRY_ATTEMPTS", "11", "a whole number from 1 to 10"),
        ("WORKFLOW_MANUAL_BATCH_SIZE", "many", "a whole number from 1 to 1000"),
        ("WORKFLOW_MANUAL_BATCH_SIZE", "", "a whole number from 1 to 1000"),
        ("WORKFLOW_AUTOMATION_FAILURE_TO_MANUAL", "maybe", "true or false"),
        ("WORKFLOW_MAX_AUTOMATION_FAILURES", "101", "a whole number from 1 to 100"),
        ("WORKFLOW_MAX_DAILY_TASKS", "1000001", "a whole number from 1 to 1000000"),
        ("WORKFLOW_MAX_BATCH_SIZE", "2.5", "a whole number from 1 to 1000"),
    ],
)
def test_a_refused_value_is_named_with_its_variable_and_what_is_allowed(
    variable: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        WorkflowConfig.from_environment({variable: text})
    assert refused.value.detail == f"{variable} is {text!r}; allowed is {allowed}"


def test_a_misspelt_variable_is_refused_and_the_nearest_is_named() -> None:
    with pytest.raises(
        SettingsInvalid, match="WORKFLOW_MAX_BATCHSIZE is not a setting; did you mean"
    ) as refused:
        WorkflowConfig.from_environment({"WORKFLOW_MAX_BATCHSIZE": "10"})
    assert refused.value.detail.endswith("WORKFLOW_MAX_BATCH_SIZE?")


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        WorkflowConfig.from_environment(
            {"WORKFLOW_X": "1", "WORKFLOW_MAX_BATCH_SIZE": "0", "WORKFLOW_MAX_DAILY_TASKS": "x"}
        )
    for name in ("WORKFLOW_X", "WORKFLOW_MAX_BATCH_SIZE", "WORKFLOW_MAX_DAILY_TASKS"):
        assert name in refused.value.detail


@pytest.mark.parametrize(
    "keywords", [{"max_batch_size": 0}, {"manual_batch_size": "x"}, {"max_batchsize": 1}]
)
def test_a_wrong_keyword_is_a_validation_error(keywords: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkflowConfig.model_validate(keywords)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        WorkflowConfig().max_batch_size = 5


@pytest.mark.parametrize("field", DEFAULTS)
def test_every_field_has_a_description_and_a_range(field: str) -> None:
    assert WorkflowConfig.model_fields[field].description
    assert allowed_values(field)
    assert variable_of(field) == f"WORKFLOW_{field.upper()}"


def test_all_fields_but_the_switch_can_be_thresholds() -> None:
    assert set(numeric_fields()) == DEFAULTS.keys() - {"automation_failure_to_manual"}
