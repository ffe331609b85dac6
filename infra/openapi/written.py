"""The document as text, of the functions as they are in this checkout."""

import json
import tomllib
from pathlib import Path

from infra.function_settings import started
from infra.openapi.document import Json, document, document_of
from infra.openapi.page import Page
from infra.package.archive import functions

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "openapi.json"


def written() -> str:
    """The file's content."""
    routes = {function: started(function).routes for function in functions(ROOT)}
    return json.dumps(document(routes, _page(), _version()), indent=1, ensure_ascii=False) + "\n"


def written_of(function: str, url: str) -> Json:
    """The document of one function at its own address."""
    return document_of(function, started(function).routes, _page(), _version(), url)


def _page() -> Page:
    return Page((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
