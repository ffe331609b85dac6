"""The page on the marketplace is held to what is there."""

import doctest
import re
from pathlib import Path

from laptop.faults import CONTROL, FaultPlan
from laptop.vendors.mirakl.__main__ import _parser
from laptop.vendors.mirakl.control import control_routes
from laptop.vendors.mirakl.lifecycle import Delays
from laptop.vendors.mirakl.market import Market
from tests.mirakl_support import ROOT

PAGE = ROOT / "docs" / "mirakl.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_examples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_option_of_the_sandbox_is_documented() -> None:
    options = {
        option for action in _parser()._actions for option in action.option_strings if option.startswith("--")
    }
    assert options - {"--help"} == set(re.findall(r"^\| `(--[a-z-]+)`", TEXT, flags=re.MULTILINE))


def test_every_control_endpoint_is_documented_with_its_methods(tmp_path: Path) -> None:
    market = Market(tmp_path)
    with market.database:
        served = {
            (method, route.path.replace("{order_id}", "{id}"))
            for route in control_routes(market, FaultPlan())
            for method in (route.methods or set()) - {"HEAD"}
        }
    documented = {
        (method, path.split("?")[0])
        for methods, path in re.findall(
            rf"^\| ((?:`[A-Z]+`, )*`[A-Z]+ ({CONTROL}[^`]*)`)", TEXT, flags=re.MULTILINE
        )
        for method in re.findall("[A-Z]{3,}", methods)
    }
    assert documented == served


def test_every_delay_is_documented() -> None:
    assert all(f'"{name}"?' in TEXT for name in Delays.model_fields)
