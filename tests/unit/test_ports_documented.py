"""The ports that the pages name are those of `make up`, each of the part that the page or the command is about."""

import re
from pathlib import Path

import pytest

from infra.local.settings import PORT_OFFSETS

ROOT = Path(__file__).parents[2]
PORTS = {name: 8080 + offset for name, offset in PORT_OFFSETS.items()}
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "laptop" / "README.md"])
STARTED = re.compile(r"laptop\.[a-z]+\.([a-z_]+) (--port \d+[^\n]*)")
PAGES_OF_PARTS = ("bigquery", "canada-post", "digikey", "mirakl")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_address_on_this_machine_is_that_of_a_part(page: Path) -> None:
    named = {int(port) for port in re.findall(r"(?:localhost|127\.0\.0\.1):(8\d{3})\b", text(page))}

    assert named - set(PORTS.values()) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_part_that_is_started_by_hand_gets_its_own_port(page: Path) -> None:
    for module, options in STARTED.findall(text(page)):
        part = module.replace("_", "-")
        given = dict(re.findall(r"--(port|control-port|grpc-port) (\d+)", options))
        of_part = {"port": part, "control-port": f"{part}-control", "grpc-port": f"{part}-grpc"}
        assert given == {option: str(PORTS[of_part[option]]) for option in given}, f"{page.name}: {options}"


@pytest.mark.parametrize("part", PAGES_OF_PARTS)
def test_the_page_of_a_part_calls_that_part(part: str) -> None:
    named = re.findall(r"(?:localhost|127\.0\.0\.1):(\d+)", text(ROOT / "docs" / f"{part}.md"))

    assert {int(port) for port in named} == {PORTS[part]}
