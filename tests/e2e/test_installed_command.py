"""`pip install .` gives the command `switchyard`, with all that it and the Python face import."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.processes import PROJECT

ROOMS = ("cli", "shared", "laptop/supervisor")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a copy of the sources is installed, without network and without dependencies."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools, which builds the package, is not installed here")
    sources, target = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("installed")
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "requirements.in",
        "requirements-cli.in",
        "run_workflow.py",
    ):
        shutil.copy(PROJECT / name, sources)
    for name in ("cli", "shared", "laptop", "functions", "infra"):
        shutil.copytree(
            PROJECT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform")
        )
    options = (
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--disable-pip-version-check",
        "--no-compile",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", target, sources],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    return target


def files(folder: Path, rooms: tuple[str, ...]) -> set[str]:
    return {
        str(path.relative_to(folder))
        for room in rooms
        for path in (folder / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SWITCHYARD", "LOCAL_"))
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"},
        check=False,
        text=True,
        capture_output=True,
        timeout=60,
    )


def test_every_module_and_data_file_of_the_rooms_is_installed_and_no_other_package(installed: Path) -> None:
    assert files(installed, ROOMS) == files(PROJECT, ROOMS)
    assert {path.name for path in installed.iterdir()} - {"bin"} == {
        "cli",
        "laptop",
        "run_workflow.py",
        "shared",
        f"switchyard-{version()}.dist-info",
    }


def version() -> str:
    found: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    return found


def test_the_command_runs_in_any_folder(installed: Path, tmp_path: Path) -> None:
    helped = run(installed, tmp_path, str(installed / "bin" / "switchyard"), "--help")
    asked = run(installed, tmp_path, str(installed / "bin" / "switchyard"), "config")

    assert helped.stdout.startswith("usage: switchyard "), helped.stderr
    assert "switchyard watch" in helped.stdout
    assert asked.returncode == 3
    assert "no laptop cloud is running here" in asked.stderr


def test_the_python_face_and_everything_else_of_the_rooms_can_be_imported(
    installed: Path, tmp_path: Path
) -> None:
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in sorted(files(installed, ROOMS))
        if name.endswith(".py") and not name.endswith("__main__.py")
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "from shared.wiring import enrichment; from shared.fulfillment.pipeline import load_pipeline\n"
        "from shared.enrichment.routing.policy_file import available_policies\n"
        "import shared; print(shared.__file__, len(load_pipeline().stages), *available_policies())"
    )

    done = run(installed, tmp_path, "-c", code)

    assert done.stdout.split() == [str(installed / "shared" / "__init__.py"), "5", "flow", "score"], (
        done.stderr
    )


def test_the_dependencies_are_those_that_are_deployed_and_those_of_the_command_line(installed: Path) -> None:
    metadata = (installed / f"switchyard-{version()}.dist-info" / "METADATA").read_text(encoding="utf-8")
    needed = {line.split(": ")[1] for line in metadata.splitlines() if line.startswith("Requires-Dist: ")}

    named = {
        line
        for name in ("requirements.in", "requirements-cli.in")
        for line in (PROJECT / name).read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert needed == named
    assert {"rich", "httpx", "pydantic"} <= needed
