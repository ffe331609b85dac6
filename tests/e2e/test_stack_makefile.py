import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laptop.supervisor.stack_support import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with nothing to install."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "requirements-dev.txt").write_text("")
    return tmp_path


def make(folder: Path, *arguments: str, path: str | None = None, status: int = 0) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))
    }
    done = subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory", *arguments],
        cwd=folder,
        env=environment | ({"PATH": path} if path else {}),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def test_help_is_the_default_and_lists_every_target() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()

    assert re.findall(r"^  make (\S+)", make(PROJECT), re.MULTILINE) == targets


def test_an_interpreter_that_is_only_a_name_or_too_old_is_passed_over(checkout: Path) -> None:
    names = checkout / "names"
    names.mkdir()
    for name in ("python3.15", "python3.13"):
        (names / name).write_text("#!/bin/sh\necho 'version not installed' >&2; exit 127\n")
        (names / name).chmod(0o755)
    (names / "python3.12").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (names / "python3.12").chmod(0o755)

    output = make(checkout, "venv", path=f"{names}:/usr/bin:/bin")

    assert f"creating .venv with Python {sys.version.split()[0]}" in output
    assert "Nothing to be done" in make(checkout, "venv")


def test_without_a_suitable_python_it_says_what_was_tried(checkout: Path) -> None:
    output = make(checkout, "venv", "PYTHON=/nowhere/python3", status=2)

    assert "Python 3.11 or newer is needed; tried: /nowhere/python3" in output
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_is_taken_up_again_and_changed_requirements_are_installed(
    checkout: Path,
) -> None:
    requirements = checkout / "requirements-dev.txt"
    requirements.write_text("./missing-package\n")
    interpreter = f"PYTHON={sys.executable}"
    make(checkout, "venv", interpreter, status=2)

    requirements.write_text("")
    output = make(checkout, "venv", interpreter)
    assert "creating" not in output
    assert "venv: ready" in output

    requirements.write_text("./missing-package\n")
    make(checkout, "venv", interpreter, status=2)
