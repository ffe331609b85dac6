"""The document as text, of the functions as they are in this checkout."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.function_settings import started
from infra.openapi.document import Json, document, document_of, is_page
from infra.openapi.page import InterfacePage
from infra.package.archive import functions
from shared.web.function import Route

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "openapi.json"


def described() -> Mapping[str, Sequence[Route]]:
    """The routes by function. Pages for a browser are left out, and a function that has nothing else."""
    routes = {function: _routes(function) for function in functions(ROOT)}
    return {function: its for function, its in routes.items() if len(its) > 1}


def _routes(function: str) -> list[Route]:
    return [route for route in started(function).routes() if not is_page(route)]


def written() -> str:
    """The file's content."""
    return json.dumps(document(described(), _page(), _version()), indent=1, ensure_ascii=False) + "\n"


def written_of(function: str, url: str) -> Json:
    """The document of one function at its own address."""
    return document_of(function, _routes(function), _page(), _version(), url)


def _page() -> InterfacePage:
    return InterfacePage((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
