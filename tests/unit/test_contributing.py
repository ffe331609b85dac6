"""The files from which contributors and the hosted CI start can be parsed, and what they call exists."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGURATION = [
    path
    for path in sorted([*ROOT.glob(".*"), *ROOT.glob(".github/**/*"), *ROOT.glob(".devcontainer/*")])
    if path.suffix in {".yml", ".yaml", ".json"}
]


def read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    assert isinstance(content, dict)
    return content


def make_targets() -> set[str]:
    [names] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return set(names.split())


def workflow_steps() -> list[dict[str, Any]]:
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def python_versions() -> list[str]:
    return [
        step["with"]["python-version"]
        for step in workflow_steps()
        if "python-version" in step.get("with", {})
    ]


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_parses_and_calls_make_targets_that_exist(path: Path) -> None:
    assert read(path)

    called = re.findall(r"\bmake ([a-z][a-z-]*)", path.read_text(encoding="utf-8"))

    assert set(called) <= make_targets()


def test_the_files_are_found() -> None:
    assert {path.name for path in CONFIGURATION} >= {
        ".pre-commit-config.yaml", "ci.yml", "bug.yml", "change.yml", "devcontainer.json",
    }  # fmt: skip


def test_make_help_lists_every_target() -> None:
    described = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(described) == make_targets()


def test_the_hosted_ci_calls_the_script_that_everybody_can_call() -> None:
    runs = [step["run"] for step in workflow_steps() if "run" in step]

    assert ".ci/run" in runs
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_hosted_ci_reads_only_and_pins_each_action() -> None:
    workflow = read(ROOT / ".github" / "workflows" / "ci.yml")

    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    for step in workflow_steps():
        assert re.fullmatch(r"\S+@v\d+\.\d+\.\d+", step.get("uses", "x@v0.0.0")), step


def test_ci_and_devcontainer_have_the_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = project["requires-python"].removeprefix(">=")

    assert set(python_versions()) == {promised}
    image = read(ROOT / ".devcontainer" / "devcontainer.json")["image"]
    assert image.endswith(f":{promised}")


def test_the_checks_use_nothing_outside_the_repository() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert re.findall(r"\.\./\S+", script) == []
    assert set(re.findall(r"^ *step make ([a-z-]+)", script, re.MULTILINE)) <= make_targets()
