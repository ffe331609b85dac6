"""A wrong value stops the start of each function that could read it, and of no other."""

import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from infra.function_settings import FIELDS, groups_of, settings_of
from infra.package.archive import functions
from shared.errors import SettingsInvalid
from shared.settings import GROUPS, Settings
from shared.web.function import HttpFunction
from shared.wiring import common, desk, enrichment, fulfillment
from shared.wiring.part import Part, Wired
from tests.functions_support import end_connections
from tests.settings_support import COMPLETE
from tests.web_support import ROOT, logged

BLANK = " "
"""Wrong for every variable; an empty value would count as missing."""

WRONG = (BLANK, "no such value", "-1", "http://:no-port", "https://a b")
ALL = sorted(FIELDS)
FUNCTIONS = functions(ROOT)
Start = Callable[..., HttpFunction]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a function again in this process, on a right environment with some changes."""

    def start(function: str, **changes: str) -> HttpFunction:
        end_connections()
        for variable in (*ALL, "WORKFLOW_MAX_DAILY_TASK"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in (COMPLETE | changes).items():
            monkeypatch.setenv(variable, value)
        name = function.replace("-", "_")
        sys.modules.pop(f"functions.{name}", None)
        started: HttpFunction = getattr(import_module(f"functions.{name}"), name)
        return started

    with logged():
        yield start
    end_connections()


def could_read(function: str) -> set[str]:
    return {name for group in groups_of(function) for name in group.variables()}


def refused(variable: str) -> list[str]:
    """The wrong values that the variable's group refuses."""
    if variable.startswith("WORKFLOW_"):
        return [BLANK, "no such value"]
    group = next(each for each in GROUPS if variable in each.variables())
    return [value for value in WRONG if not takes(group, variable, value)]


def takes(group: type[Settings], variable: str, value: str) -> bool:
    try:
        group.from_environment(COMPLETE | {variable: value})
    except SettingsInvalid:
        return False
    return True


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("variable", ALL)
def test_a_wrong_value_stops_the_start_of_the_functions_that_could_read_it_and_of_no_other(
    start: Start, function: str, variable: str
) -> None:
    values = refused(variable)
    assert BLANK in values
    for value in values:
        if variable in could_read(function):
            with pytest.raises(SettingsInvalid, match=rf"\b{variable}\b"):
                start(function, **{variable: value})
        else:
            start(function, **{variable: value})


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        (name, variable)
        for name in FUNCTIONS
        for kind in ("required", "secret")
        for variable in settings_of(name)[kind]
    ],
)
def test_a_missing_variable_stops_the_start(start: Start, function: str, variable: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"{variable} is missing"):
        start(function, **{variable: ""})


def test_a_misspelt_variable_of_enrichment_stops_the_start_of_its_functions_alone(start: Start) -> None:
    with pytest.raises(SettingsInvalid, match="WORKFLOW_MAX_DAILY_TASK is not a setting"):
        start("workflow", WORKFLOW_MAX_DAILY_TASK="1")
    start("accept-orders", WORKFLOW_MAX_DAILY_TASK="1")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_parts_of_a_function_read_no_other_variable(start: Start, function: str) -> None:
    started = start(function, **dict.fromkeys(set(ALL) - could_read(function), BLANK))
    for route in started.routes():
        for supply in route.parts:
            assert supply() is not None


@pytest.mark.parametrize(
    "sender", ["", "{}", "[]", "nonsense", '{"company": "A"}', '{"company": "A", "phone": 5}']
)
def test_a_sender_that_the_carrier_would_not_take_stops_the_start(start: Start, sender: str) -> None:
    with pytest.raises(SettingsInvalid, match="CANADA_POST_SENDER"):
        start("create-labels", CANADA_POST_SENDER=sender)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PARCEL_SIZE_CM", "0x20x10"), ("PARCEL_SIZE_CM", "30x20x200.1"), ("PARCEL_WEIGHT_KG", "0.0001")],
)
def test_a_default_parcel_that_cannot_be_sent_stops_the_start(
    start: Start, variable: str, value: str
) -> None:
    with pytest.raises(SettingsInvalid, match=f"{variable} is wrong"):
        start("create-labels", **{variable: value})


def parts() -> list[Part[object]]:
    return [
        each
        for root in (common, enrichment, fulfillment, desk)
        for each in vars(root).values()
        if isinstance(each, Part)
    ]


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.function.__name__)
def test_a_part_takes_what_it_declares_in_the_order_declared(part: Part[object]) -> None:
    parameters = signature(part.function).parameters.values()
    assert len(parameters) == len(part.sources)
    for parameter, source in zip(parameters, part.sources, strict=True):
        made = signature(source.function).return_annotation if isinstance(source, Wired) else source
        assert parameter.annotation == made


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {
        file.relative_to(ROOT).as_posix()
        for folder in ("shared", "functions")
        for file in Path(ROOT, folder).rglob("*.py")
        if re.search(r"\bos\.environ|\bgetenv\b", file.read_text(encoding="utf-8"))
    }
    # The last one is in no function: it sets the laptop cloud's environment for the settings to read.
    assert readers == {"shared/settings.py", "shared/workflow_config.py", "shared/workflow.py"}
