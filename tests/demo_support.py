"""Runs the demo as a separate process, and finds what it must not leave behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from laptop.supabase.postgres.place import place_for
from laptop.supervisor.process import STACK_MARK, kill_strays
from tests.processes import PROJECT, started

COMMAND = (sys.executable, "-m", "infra.local", "demo")
PATIENCE_S = 240.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The tests' environment without variables that would choose other data or limits."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LOCAL_", "WORKFLOW_")) and name not in {"INTAKE", "CATALOG", "DATABASE_URL"}
    }
    return {**kept, "LOCAL_STATE_DIR": str(folder / "state"), **more}


def demo(folder: Path, *arguments: str, status: int = 0, **more: str) -> str:
    """Runs a demo to its end; returns its output."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=PROJECT,
        env=environment(folder, **more),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_S,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@contextmanager
def running_demo(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A demo of 40 records. After an exception, nothing of its stack is left running."""
    try:
        with started(
            [*COMMAND, "--limit", "40"],
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            yield running
    except BaseException:
        kill_strays(str(_stack(folder)))
        place_for(_stack(folder) / "postgres").remove()
        raise


def _stack(folder: Path) -> Path:
    return folder / "state" / "demo" / "stack"


def left_behind(folder: Path) -> list[str]:
    """The processes, state and database of the demo's stack that still exist."""
    stack = _stack(folder)
    found = [str(path) for path in (folder / "state", place_for(stack / "postgres").folder) if path.exists()]
    for process in psutil.process_iter():
        try:
            if process.environ().get(STACK_MARK) == str(stack) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
