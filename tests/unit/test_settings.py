"""The settings are read as they are described, and docs/configuration.md describes each of them."""

import re
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

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
    ShelfSettings,
    SourceSettings,
    StoreSettings,
    SweepSettings,
    TrackingSettings,
)
from shared.workflow_config import WorkflowConfig, allowed_values, variable_of

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
STORE = {"SUPABASE_URL": "https://abc.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "hunter2"}
QUEUE = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "TASKS_LOCATION": "here",
    "AUTOMATE_URL": "https://a",
    "FALLBACK_URL": "https://f/x",
}
MINIMAL: dict[type[Settings], dict[str, str]] = {
    StoreSettings: STORE,
    SourceSettings: {"GOOGLE_CLOUD_PROJECT": "p", "BIGQUERY_TABLE": "p.d.t"},
    QueueSettings: QUEUE,
    DeliverySettings: {},
    SweepSettings: {},
    CatalogueSettings: {"DIGIKEY_CLIENT_ID": "id", "DIGIKEY_CLIENT_SECRET": "hunter2"},
    DeskSettings: {},
    ReprocessSettings: {},
    MarketplaceSettings: {"BEST_BUY_API_KEY": "hunter2"},
    TrackingSettings: {},
    CarrierSettings: {
        "CANADA_POST_API_USER": "u",
        "CANADA_POST_API_PASSWORD": "hunter2",
        "CANADA_POST_CUSTOMER_NUMBER": "2004381",
        "CANADA_POST_SENDER": "{}",
    },
    ShelfSettings: {},
    LogSettings: {},
}
SPECIAL = {"LOG_LEVEL": "one of the four", "PARCEL_SIZE_CM": "three numbers, as 30x20x10"}
FIELDS = [
    pytest.param(group, info, id=info.alias) for group in GROUPS for info in group.model_fields.values()
]


def test_every_group_is_listed() -> None:
    assert set(GROUPS) == set(MINIMAL) == set(Settings.__subclasses__())


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_needs_only_what_has_no_default(group: type[Settings]) -> None:
    read = group.from_environment(MINIMAL[group] | {"UNRELATED": "x"})
    for name, info in group.model_fields.items():
        given = info.alias in MINIMAL[group]
        assert given or getattr(read, name) == info.default


@pytest.mark.parametrize(
    ("group", "variable"), [(group, name) for group, given in MINIMAL.items() for name in given]
)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named_and_described(
    group: type[Settings], variable: str, value: str | None
) -> None:
    environment = MINIMAL[group] | ({variable: value} if value is not None else {})
    if value is None:
        environment.pop(variable)
    with pytest.raises(SettingsInvalid, match=f"{variable} is missing: .{{5,}}"):
        group.from_environment(environment)


def test_everything_that_is_missing_is_named_at_once() -> None:
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
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "0"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "-1"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "nan"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "inf"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "86401"),
        (StoreSettings, "SUPABASE_TIMEOUT_SECONDS", "soon"),
        (SourceSettings, "GOOGLE_CLOUD_PROJECT", "   "),
        (SourceSettings, "BIGQUERY_API_ENDPOINT", "localhost:9050"),
        (QueueSettings, "AUTOMATE_URL", "nowhere"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "0"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "101"),
        (DeliverySettings, "QUEUE_MAX_ATTEMPTS", "2.5"),
        (SweepSettings, "SWEEP_LIMIT", "0"),
        (SweepSettings, "SWEEP_LIMIT", "10001"),
        (DeskSettings, "MANUAL_DUE_SECONDS_LOW", "0"),
        (DeskSettings, "MANUAL_DUE_SECONDS_LOW", "inf"),
        (ReprocessSettings, "REPROCESS_AFTER_DAYS", "-1"),
        (ReprocessSettings, "REPROCESS_AFTER_DAYS", "3651"),
        (LogSettings, "LOG_LEVEL", "TRACE"),
    ],
)
def test_a_value_out_of_range_is_refused_and_named(group: type[Settings], variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"{variable} is wrong \(.+\): ") as refused:
        group.from_environment(MINIMAL[group] | {variable: value})
    assert refused.value.detail.count(" is wrong (") == 1


def test_a_refusal_does_not_repeat_the_value_of_a_variable() -> None:
    """A key pasted into the wrong variable must not reach the log."""
    with pytest.raises(SettingsInvalid) as refused:
        StoreSettings.from_environment(STORE | {"SUPABASE_URL": "hunter2"})
    assert "hunter2" not in refused.value.detail


def test_texts_are_read_without_blanks_around_them() -> None:
    source = SourceSettings.from_environment({"GOOGLE_CLOUD_PROJECT": " p ", "BIGQUERY_TABLE": "t\n"})
    assert (source.project, source.table) == ("p", "t")


@pytest.mark.parametrize("level", ["debug", "Info", "WARNING"])
def test_a_log_level_may_be_written_in_any_case(level: str) -> None:
    assert LogSettings.from_environment({"LOG_LEVEL": level}).level == level.upper()


def test_secrets_are_masked_when_shown_or_printed() -> None:
    for group in (StoreSettings, CatalogueSettings):
        read = group.from_environment(MINIMAL[group])
        assert "********" in read.shown().values()
        assert "hunter2" not in f"{read.shown()} {read} {read!r}"
    assert StoreSettings.from_environment(STORE).shown()["SUPABASE_URL"] == STORE["SUPABASE_URL"]


@pytest.mark.parametrize(("group", "info"), FIELDS)
def test_every_setting_is_described(group: type[Settings], info: FieldInfo) -> None:
    assert info.description, group
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", info.alias or "")


# --- the page ---------------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == len({name for name, *_ in rows}), "a variable is listed twice"
    return {name: tuple(cells) for name, *cells in rows}


def expected() -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for group in GROUPS:
        for info in group.model_fields.values():
            rows[info.alias or ""] = (_default(info), _allowed(group, info), info.description or "")
    for name, info in WorkflowConfig.model_fields.items():
        rows[variable_of(name)] = (str(info.default).lower(), allowed_values(name), info.description or "")
    return rows


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if info.default is None:
        return "none"
    return f"{info.default:g}" if isinstance(info.default, float) else str(info.default)


def _allowed(group: type[Settings], info: FieldInfo) -> str:
    kind: Any = info.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if kind is SecretStr:
        return "a secret"
    if info.alias in SPECIAL:
        return SPECIAL[info.alias]
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if kind in (int, float, Decimal):
        name = "a whole number" if kind is int else "a number"
        least = next(
            (f" from {rule.ge}" if isinstance(rule, Ge) else f" above {rule.gt}")
            for rule in info.metadata
            if isinstance(rule, Ge | Gt)
        )
        most = next(f" to {rule.le}" for rule in info.metadata if isinstance(rule, Le))
        return name + least + most
    try:
        group.from_environment(MINIMAL[group] | {info.alias or "": "any text"})
    except SettingsInvalid:
        return "an http or https address"
    return "a text"


def test_the_page_lists_every_variable_with_its_default_range_and_meaning() -> None:
    assert documented() == expected()
