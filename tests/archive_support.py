"""Unpacks a function's archive and runs it as the cloud's build does."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import httpx
from packaging.requirements import Requirement

from infra.package import __main__ as package
from tests import processes
from tests.ports import free_port

BARE = (
    "import runpy, sys; sys.path[:0] = sys.argv[1].split(':'); sys.argv = sys.argv[1:];"
    "runpy.run_module('functions_framework', run_name='__main__')"
)
"""Runs the framework with only two folders to import from."""


def unpacked(function: str, folder: Path) -> Path:
    """Builds the archive by the command that Terraform's user runs, and unpacks it."""
    assert package.main([function, "--output", str(folder)]) == 0
    target = folder / function
    with zipfile.ZipFile(folder / f"{function}.zip") as archive:
        archive.extractall(target)
    return target


def only_its_packages(archive: Path, folder: Path) -> Path:
    """Links to the installed packages of requirements.txt and to no others; an installation would be slow."""
    site = folder / "site"
    for line in (archive / "requirements.txt").read_text().splitlines():
        distribution = metadata.distribution(Requirement(line).name)
        for file in distribution.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                link = site / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(distribution.locate_file(file))))
    return site


@contextmanager
def started(
    command: list[str], archive: Path, target: str, environment: Mapping[str, str]
) -> Iterator[httpx.Client]:
    """`command` runs functions-framework. Ready when it answers; its log is `archive`.log."""
    port = free_port()
    log = archive.with_suffix(".log")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    with (
        log.open("wb") as output,
        processes.started(
            [*command, "--target", target, "--port", str(port), "--host", "127.0.0.1"],
            stop=signal.SIGTERM,
            cwd=archive,
            env=own | dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client,
    ):
        _await(process, client, log)
        yield client


def _await(process: subprocess.Popen[str], client: httpx.Client, log: Path) -> None:
    while process.poll() is None:
        try:
            client.get("/health?shallow=true")
        except httpx.ConnectError:
            time.sleep(0.02)  # the condition is the socket itself
            continue
        return
    raise AssertionError(f"it ended with {process.returncode}: {log.read_text()[-2000:]}")


def bare_command(archive: Path, site: Path) -> list[str]:
    """Runs this interpreter without its site-packages, environment and user folder."""
    return [sys.executable, "-I", "-S", "-c", BARE, f"{site}:{archive}"]
