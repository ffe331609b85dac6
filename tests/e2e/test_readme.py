"""The commands, links and folders that the README and the pages name, exist."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from cli.arguments import parser
from infra.local.demo import demonstration, orders
from infra.local.functions import function_environment
from infra.local.settings import PORT_OFFSETS
from shared.web.body import read_query
from shared.web.enrichment.desk import enrichment_desk
from shared.web.enrichment.inbox import enrichment_inbox
from shared.web.function import Route
from tests.laptop.supervisor.stack_support import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *(PROJECT / folder / "README.md" for folder in (".", "data", "infra/terraform", "laptop")),
    *(PROJECT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    PROJECT / ".github" / "pull_request_template.md",
    *sorted((PROJECT / "docs").glob("*.md")),
]
PORTS = {name: 8080 + offset for name, offset in PORT_OFFSETS.items()}


def commands(program: str, text: str = README) -> list[str]:
    """The commands in `sh` blocks that begin with this word, without comments and with continuations joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.startswith(program)]


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)[0].split()
    text = page.read_text(encoding="utf-8")

    named = re.findall(r"(?:`|^ {0,4})make ([a-z][a-z-]*)", text, re.MULTILINE)

    assert set(named) <= set(targets)


def test_the_two_commands_for_a_newcomer_come_first() -> None:
    assert [line.split()[1] for line in commands("make ")[:2]] == ["demo", "test"]


@pytest.mark.parametrize(
    "line",
    commands("python run_workflow.py ", README + (PROJECT / "docs" / "operations.md").read_text("utf-8")),
)
def test_every_command_of_the_pages_can_be_parsed(line: str) -> None:
    given = parser().parse_args(shlex.split(line.replace(" TASK ", f" {uuid4()} "))[2:])

    assert given.command


def request_read_by(function: str, body: str) -> dict[str, Any]:
    """The request as the function reads it. In its own process: loading a function sets logging and caches settings."""
    code = (
        "import importlib, inspect, sys; from shared.web.body import read_body; name, body = sys.argv[1:];"
        "function = getattr(importlib.import_module(f'functions.{name}'), name);"
        "[route] = [each for each in inspect.getclosurevars(function).nonlocals['table'] if each.method == 'POST'];"
        "print(read_body(route.model, body.encode(), 'application/json').model_dump_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, function, body],
        cwd=PROJECT,
        env={**os.environ, **function_environment(PORTS, "x" * 32, {}, {})},
        check=True,
        text=True,
        capture_output=True,
        timeout=60,
    )
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def curl_commands() -> Iterator[tuple[str, str, str, str | None]]:
    """Yields function, method, path with query, body."""
    functions = {port: name for name, port in PORTS.items()}
    for line in commands("curl "):
        words = shlex.split(line)
        address = urlsplit(words[-1])
        path = f"{address.path or '/'}?{address.query}"
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        body = words[words.index("-d") + 1] if "-d" in words else None
        assert address.port is not None
        yield functions[address.port], method, path, body


def record_routes() -> list[Route]:
    """The routes of `workflow` for records; no handler is called."""
    return [*enrichment_desk(pytest.fail, pytest.fail), *enrichment_inbox(pytest.fail, pytest.fail)]


@pytest.mark.parametrize(("function", "method", "path", "body"), list(curl_commands()))
def test_every_curl_command_is_a_request_that_its_function_takes(
    function: str, method: str, path: str, body: str | None
) -> None:
    bare, _, query = path.partition("?")
    if function == "workflow":
        [model] = [
            route.model
            for route in record_routes()
            if route.method == method and route.pattern.fullmatch(bare)
        ]
        read_query(model, parse_qs(query))
    else:
        assert (method, bare, query) == ("POST", "/", "")
        assert body is not None
        read = request_read_by(function, body)
        assert {name: read[name] for name in json.loads(body)} == json.loads(body)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, heading = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (heading and heading not in headings(found)):
            broken.append(target)

    assert broken == []


def headings(page: Path) -> set[str]:
    """The names of headings in links, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


MADE_LATER = {
    "infra/supabase/config.toml",
    "infra/terraform/.terraform.lock.hcl",
    "infra/terraform/terraform.tfvars",
    "tests/archives/NAME.zip",
}


def named_paths(page: Path) -> set[str]:
    """The words that begin with a folder of the project, without patterns such as `test_*.py`."""
    words = re.split(r"[\s`|()\"',;=]+", page.read_text("utf-8"))
    path = re.compile(r"(cli|data|docs|functions|infra|laptop|shared|tests|\.ci|\.github)/[\w./-]*")
    return {word.rstrip(".:") for word in words if path.fullmatch(word)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert {path for path in named_paths(page) - MADE_LATER if not (PROJECT / path).exists()} == set()


def test_the_map_names_every_folder() -> None:
    tracked = {path.parent.relative_to(PROJECT).parts[0] for path in PROJECT.glob("[a-z]*/**/*.py")} - {
        "build"
    }

    assert {path.split("/")[0] for path in named_paths(PROJECT / "README.md")} >= tracked | {"data", "docs"}


def links(page: Path) -> set[Path]:
    """The pages that a page links to; a link to a folder leads to its README."""
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    found = {(page.parent / target).resolve() for target in targets}
    return {path / "README.md" if path.is_dir() else path for path in found}


def test_every_page_is_one_click_from_the_start_page_and_listed_once() -> None:
    start = PROJECT / "docs" / "README.md"
    listed = re.findall(r"^\|.*?\|", start.read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"\]\(([^)]+)\)", "\n".join(listed))

    assert len(named) == len(set(named))
    assert {page.resolve() for page in PAGES if page.suffix == ".md" and ".github" not in page.parts} - {
        start
    } <= links(start)
    assert start in links(PROJECT / "README.md")


def passages(page: Path, words: int) -> set[tuple[str, ...]]:
    """Returns every run of this many words outside code blocks."""
    prose = re.sub(r"^```.*?^```|^ {4}.*?$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"[\w/.-]+", prose.lower())
    return {tuple(found[at : at + words]) for at in range(len(found) - words + 1)}


def test_no_page_repeats_a_passage_of_another() -> None:
    seen: dict[tuple[str, ...], Path] = {}
    for page in PAGES:
        for passage in passages(page, words=25):
            other = seen.setdefault(passage, page)
            assert other == page, f"{name_of(page)} and {name_of(other)}: {' '.join(passage)}"


def test_the_shown_output_is_worded_as_the_demo_words_it() -> None:
    excerpt = re.findall(r"^```text\n(Starting.*?)^```$", README, re.MULTILINE | re.DOTALL)[0]
    files = [Path(str(part.__file__)) for part in (demonstration, orders)]
    source = "".join(file.read_text(encoding="utf-8") for file in files)

    titles = re.findall(r"^([A-Z][^:\n]+)(?:: .*)?\n  ", excerpt, re.MULTILINE)

    assert len(titles) == 12
    assert [title for title in titles if title.rstrip(" 12") not in source] == []


def test_the_demo_explains_every_part_of_the_stack() -> None:
    jobs = {"migrations", "parts-data", "queues"}
    ports_of_one_part = {"bigquery-grpc", "tasks-control", "scheduler-control"}

    assert set(PORT_OFFSETS) - ports_of_one_part | jobs <= set(demonstration.PURPOSES)
    assert json.dumps({"limit": 200}) in README
