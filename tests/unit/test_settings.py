"""Settings are read as they are described, and docs/configuration.md describes each one."""

import re
from pathlib import Path

import pytest

from infra.function_settings import FIELDS
from shared.errors import SettingsInvalid
from shared.settings import (
    GROUPS,
    CarrierSettings,
    CatalogueSettings,
    DeliverySettings,
    DeskSettings,
    LogSettings,
    MarketplaceSettings,
    QueueSettings,
    ReprocessSettings,
    Settings,
    SourceSettings,
    StoreSettings,
    SweepSettings,
)
from tests.settings_support import minimal

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
STORE = {"SUPABASE_URL": "https://abc.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "hunter2"}
SAMPLES = {
    "SUPABASE_URL": ("required", "an http or https address"),
    "SUPABASE_SERVICE_ROLE_KEY": ("required", "a secret"),
    "BIGQUERY_TIMEOUT_SECONDS": ("60", "a number above 0 to 86400"),
    "BIGQUERY_TABLE": ("required", "project.dataset.table"),
    "BIGQUERY_LOCATION": ("none", "a text"),
    "QUEUE_MAX_ATTEMPTS": ("10", "a whole number from 1 to 100"),
    "MANUAL_DUE_SECONDS_LOW": ("604800", "a number above 0 to 31536000"),
    "DIGIKEY_API_BASE": ("https://api.digikey.com", "an https address; http for this machine only"),
    "CANADA_POST_BACKEND": ("json", "json or xml"),
    "CANADA_POST_API_BASE": ("none", "an https address; http for this machine only"),
    "CANADA_POST_CONTRACT_ID": ("none", "1 to 10 digits"),
    "CANADA_POST_CALLS_APART_SECONDS": ("0.25", "a number from 0 to 60"),
    "PARCEL_WEIGHT_KG": ("1.0", "a number above 0 to 30"),
    "PARCEL_SIZE_CM": ("30x20x10", "three numbers above 0 to 200, as 30x20x10"),
    "LOG_LEVEL": ("INFO", "DEBUG, INFO, WARNING or ERROR"),
    "WORKFLOW_MAX_BATCH_SIZE": ("100", "a whole number from 1 to 1000"),
    "WORKFLOW_AUTOMATION_FAILURE_TO_MANUAL": ("true", "true or false"),
}


def test_every_group_is_listed() -> None:
    assert set(GROUPS) == set(Settings.__subclasses__())


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_needs_only_what_has_no_default(group: type[Settings]) -> None:
    read = group.from_environment(minimal(group) | {"UNRELATED": "x"})
    for name, info in group.model_fields.items():
        assert info.is_required() or getattr(read, name) == info.default


@pytest.mark.parametrize(
    ("group", "variable"), [(group, name) for group in GROUPS for name in minimal(group)]
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named_and_described(
    group: type[Settings], variable: str, value: str | None
) -> None:
    environment = minimal(group) | ({variable: value} if value is not None else {})
    if value is None:
        environment.pop(variable)
    with pytest.raises(SettingsInvalid, match=f"{variable} is missing: .{{5,}}"):
        group.from_environment(environment)


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        StoreSettings.from_environment({})
    assert "SUPABASE_URL is missing" in refused.value.detail
    assert "SUPABASE_SERVICE_ROLE_KEY is missing" in refused.value.detail


@pytest.mark.parametrize(
    ("group", "variable", "value"),
    [
        (StoreSettings, "SUPABASE_URL", "abc.supabase.co"),
        (StoreSettings, "SUPABASE_URL", "ftp://abc"),
        (StoreSettings, "SUPABASE_URL", "https://"),
        (StoreSettings, "SUPABASE_URL", "https://abc:99999"),
        (StoreSettings, "SUPABASE_URL", "https://abc:port"),
        (StoreSettings, "SUPABASE_SERVICE_ROLE_KEY", "two words"),
        (StoreSettings, "SUPABASE_SERVICE_ROLE_KEY", "schlüssel"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "0"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "-1"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "nan"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "inf"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "86401"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "soon"),
        (SourceSettings, "GOOGLE_CLOUD_PROJECT", "   "),
        (SourceSettings, "BIGQUERY_API_ENDPOINT", "localhost:9050"),
        (SourceSettings, "BIGQUERY_TABLE", "parts"),
        (SourceSettings, "BIGQUERY_LEDGER_TABLE", "a.b.c.d"),
        (CatalogueSettings, "DIGIKEY_API_BASE", "http://api.digikey.com"),
        (CatalogueSettings, "DIGIKEY_API_BASE", "https://user:secret@api.digikey.com"),
        (CatalogueSettings, "DIGIKEY_API_BASE", "https://api.digikey.com/?a=b"),
        (CatalogueSettings, "DIGIKEY_CLIENT_ID", "two words"),
        (CarrierSettings, "CANADA_POST_CUSTOMER_NUMBER", "12345678901"),
        (CarrierSettings, "CANADA_POST_CONTRACT_ID", "A1"),
        (QueueSettings, "AUTOMATE_URL", "nowhere"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "0"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "101"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "2.5"),
        (SweepSettings, "SWEEP_LIMIT", "0"),
        (SweepSettings, "SWEEP_LIMIT", "1000001"),
        (SweepSettings, "SWEEP_SECONDS", "0"),
        (DeskSettings, "MANUAL_DUE_SECONDS_LOW", "0"),
        (DeskSettings, "MANUAL_DUE_SECONDS_LOW", "inf"),
        (ReprocessSettings, "REPROCESS_AFTER_DAYS", "-1"),
        (ReprocessSettings, "REPROCESS_AFTER_DAYS", "3651"),
        (LogSettings, "LOG_LEVEL", "TRACE"),
    ],
)
def test_a_value_out_of_range_is_refused_and_named(group: type[Settings], variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"{variable} is wrong \(.+\): ") as refused:
        group.from_environment(minimal(group) | {variable: value})
    assert refused.value.detail.count(" is wrong (") == 1


@pytest.mark.parametrize("url", ["hunter2", "https://abc:hunter2", "https://[hunter2"])
def test_a_refusal_does_not_repeat_the_value_of_a_variable(url: str) -> None:
    """A key pasted into the wrong variable must not reach the log."""
    with pytest.raises(SettingsInvalid) as refused:
        StoreSettings.from_environment(STORE | {"SUPABASE_URL": url})
    assert "hunter2" not in refused.value.detail


def test_texts_are_read_without_blanks_around_them() -> None:
    source = SourceSettings.from_environment({"GOOGLE_CLOUD_PROJECT": " p ", "BIGQUERY_TABLE": "p.d.t\n"})
    assert (source.project, source.table) == ("p", "p.d.t")


@pytest.mark.parametrize("level", ["debug", "Info", "WARNING"])
def test_a_log_level_may_be_written_in_any_case(level: str) -> None:
    assert LogSettings.from_environment({"LOG_LEVEL": level}).level == level.upper()


def test_secrets_are_masked_when_shown_or_printed() -> None:
    for group in (StoreSettings, CatalogueSettings, MarketplaceSettings, CarrierSettings):
        read = group.from_environment(minimal(group))
        assert "********" in read.shown().values()
        assert "hunter2" not in f"{read.shown()} {read} {read!r}"
    assert StoreSettings.from_environment(STORE).shown()["SUPABASE_URL"] == STORE["SUPABASE_URL"]


@pytest.mark.parametrize("variable", FIELDS)
def test_every_setting_is_described(variable: str) -> None:
    assert FIELDS[variable].description
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", variable)


# --- the page ---------------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == len({name for name, *_ in rows}), "a variable is listed twice"
    return {name: tuple(cells) for name, *cells in rows}


def test_the_page_lists_every_variable_with_its_default_range_and_meaning() -> None:
    """`python -m infra.function_settings` writes the tables; SAMPLES has some rows of each kind."""
    rows = documented()
    assert rows.keys() == set(FIELDS)
    assert {name: cells[2] for name, cells in rows.items()} == {n: f.description for n, f in FIELDS.items()}
    assert {name: rows[name][:2] for name in SAMPLES} == SAMPLES
