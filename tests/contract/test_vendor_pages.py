"""The pages on the three vendors name what their clients and sandboxes have, and no more."""

import doctest
import re
from argparse import ArgumentParser
from pathlib import Path

import pytest

from laptop.faults import CONTROL, FaultKind, FaultPlan
from laptop.vendors.canada_post import __main__ as canada_post
from laptop.vendors.canada_post.post_office import Behaviour
from laptop.vendors.common.serving import sandbox_parser
from laptop.vendors.digikey import __main__ as digikey
from laptop.vendors.mirakl import __main__ as mirakl
from laptop.vendors.mirakl.control import control_routes
from laptop.vendors.mirakl.lifecycle import Delays
from laptop.vendors.mirakl.market import Market
from tests.laptop.vendors import sandboxes
from tests.processes import PROJECT

PAGES = {
    name: PROJECT / "docs" / f"{name.replace('_', '-')}.md" for name in ("canada_post", "digikey", "mirakl")
}
TEXTS = {name: page.read_text(encoding="utf-8") for name, page in PAGES.items()}


def options_of(parser: ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}


COMMON_OPTIONS = options_of(sandbox_parser("vendor", "vendor's"))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_its_examples_run(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize("name", PAGES)
def test_every_module_of_the_client_is_documented(name: str) -> None:
    modules = {path.name for path in (PROJECT / "shared/vendors" / name).glob("[a-z]*.py")}
    assert {module for module in modules if f"`{module}`" not in TEXTS[name]} == set()


@pytest.mark.parametrize(
    ("name", "parser"),
    [("canada_post", canada_post.parser()), ("digikey", digikey.parser()), ("mirakl", mirakl.parser())],
)
def test_every_option_of_the_sandbox_is_documented(name: str, parser: ArgumentParser) -> None:
    cells = re.findall(r"^\| (`--[^|]*)\|", TEXTS[name], flags=re.MULTILINE)
    documented = {option for cell in cells for option in re.findall(r"`(--[a-z-]+)`", cell)}
    assert documented == options_of(parser) - COMMON_OPTIONS


def test_the_options_of_every_sandbox_are_documented_once() -> None:
    readme = (PROJECT / "laptop" / "README.md").read_text(encoding="utf-8")
    assert {option for option in COMMON_OPTIONS if f"`{option}`" not in readme} == set()


def test_every_control_of_the_marketplace_is_documented_with_its_methods(tmp_path: Path) -> None:
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
            rf"^\| ((?:`[A-Z]+`, )*`[A-Z]+ ({CONTROL}[^`]*)`)", TEXTS["mirakl"], flags=re.MULTILINE
        )
        for method in re.findall("[A-Z]{3,}", methods)
    }
    assert documented == served


def test_every_delay_of_the_marketplace_is_documented() -> None:
    assert all(f'"{name}"?' in TEXTS["mirakl"] for name in Delays.model_fields)


def test_every_setting_and_control_of_the_carrier_is_documented() -> None:
    vendors = PROJECT / "laptop/vendors"
    sources = [
        vendors / "canada_post/controls.py",
        vendors / "common/control.py",
        vendors / "common/clock.py",
    ]
    controls = {
        f"/_control/{name}"
        for source in sources
        for name in re.findall(r"\{CONTROL\}(\w+)", source.read_text(encoding="utf-8"))
    }
    assert controls == {
        f"/_control/{name}" for name in ("health", "books", "settings", "shipments", "clock", "tokens")
    }
    names = {f"`{name}`" for name in Behaviour.model_fields}
    assert {name for name in names | controls if name not in TEXTS["canada_post"]} == set()


def test_every_control_and_fault_of_the_catalogue_is_documented(tmp_path: Path) -> None:
    controls = set(re.findall(r"/_control/\w+", TEXTS["digikey"]))
    catalogue = sandboxes.write_catalogue(tmp_path / "catalogue.jsonl", [sandboxes.row("ONE")])
    with sandboxes.digikey(catalogue, tmp_path / "data") as vendor:
        answers = {
            path: [vendor.http.request(method, vendor.url + path) for method in ("GET", "DELETE")]
            for path in controls
        }
    assert controls == {f"/_control/{name}" for name in ("health", "books", "limits", "tokens", "faults")}
    assert all(any(answer.is_success for answer in given) for given in answers.values())
    assert {kind for kind in FaultKind if f"`{kind}`" not in TEXTS["digikey"]} == set()
