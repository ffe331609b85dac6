"""docs/api.md documents every endpoint of every function, every field of its request, and every error code."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from shared import errors
from shared.errors import RetryLater, SwitchyardError
from shared.settings import GROUPS
from shared.web.desk.route import PageRoute
from shared.web.function import Route
from tests.settings_support import minimal
from tests.web_support import ROOT, logged

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
FUNCTIONS = sorted({path.stem for path in Path(ROOT, "functions").glob("[a-z]*.py")} - {"desk"})
"""All but the desk, whose pages are for people: docs/desk.md lists them."""

GENERAL = "Every function"


def sections(text: str, marks: str) -> dict[str, str]:
    """Headings of one level, and the text below each."""
    parts = re.split(rf"^{marks} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[list[Route]]:
    for group in GROUPS:
        for variable, value in minimal(group).items():
            monkeypatch.setenv(variable, value)
    name = request.param
    with logged():
        monkeypatch.delitem(sys.modules, f"functions.{name}", raising=False)
        function = getattr(import_module(f"functions.{name}"), name)
        yield list(function.routes())
    sys.modules.pop(f"functions.{name}", None)


def fields(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, info in model.model_fields.items():
        names.add(prefix + name)
        for kind in (info.annotation, *get_args(info.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                names |= fields(kind, f"{prefix}{name}.")
    return names


def documented_fields(text: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_.0-9]+)` \|", text, re.MULTILINE))


def test_the_page_has_a_chapter_for_every_function() -> None:
    chapters = set(sections(PAGE, "##")) - {GENERAL}
    assert chapters == {name.replace("_", "-") for name in FUNCTIONS}


@pytest.mark.parametrize(("name", "routes"), [(name, name) for name in FUNCTIONS], indirect=["routes"])
def test_every_endpoint_is_documented_with_its_fields_and_a_call(name: str, routes: list[Route]) -> None:
    chapters = sections(PAGE, "##")
    documented = sections(chapters[GENERAL], "###") | sections(chapters[name.replace("_", "-")], "###")
    assert set(documented) == {f"{route.method} {route.template}" for route in routes}
    for route in routes:
        text = documented[f"{route.method} {route.template}"]
        assert documented_fields(text) == fields(route.model)
        (call,) = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        assert call.startswith("curl -sS ")
        assert ("-X POST" in call) == (route.method == "POST")
        path = re.escape(route.template).replace(r"\{id\}", r"[\w-]+")
        assert re.search(
            rf"(http://127\.0\.0\.1:808\d|\$[A-Z_]+_URL){path}(\?[\w=&-]+)?['\"]?$", call.strip()
        )


@pytest.mark.parametrize("routes", ["desk"], indirect=True)
def test_every_page_of_the_desk_is_listed_with_its_role(routes: list[Route]) -> None:
    table = (ROOT / "docs" / "desk.md").read_text(encoding="utf-8").partition("\n## Pages\n")[2]
    rows = re.findall(r"^\| (`(?:GET|POST) .*`) \| (\w+) \|", table, re.MULTILINE)
    listed = {page: role for pages, role in rows for page in re.findall(r"`([^`]+)`", pages)}
    assert listed == {
        f"{route.method} {route.template}": route.role.word if isinstance(route, PageRoute) else "everybody"
        for route in routes
        if route.template != "/health"
    }


def narrower(kind: type[SwitchyardError]) -> list[type[SwitchyardError]]:
    """Those of the tree in shared/errors.py; a room may narrow an error for itself."""
    return [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]


def test_every_error_code_is_documented_with_its_status() -> None:
    raised = {
        (str(kind.status), kind.code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SwitchyardError) and not narrower(kind)
    }
    chapter = sections(PAGE, "##")[GENERAL]
    documented = set(re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", chapter, re.MULTILINE))
    assert documented == raised | {(str(kind.status), kind.code) for kind in (SwitchyardError, RetryLater)}
