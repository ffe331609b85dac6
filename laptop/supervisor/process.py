"""Processes by pid and start time, each the leader of a group of its own."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from laptop.supervisor.errors import StillAlive

STACK_MARK = "LAPTOP_STACK"
"""Environment variable by which a stack's processes are recognised, even one whose pid was never written down."""

_SAME_START_SECONDS = 2.0
"""Start times are computed from the boot time, which moves by a second when the clock is set."""
_KILL_SECONDS = 10.0
_LOG_BYTES = 5_000_000

_own_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this very process: they must be waited for, or they stay as zombies."""


@dataclass(frozen=True)
class ProcessId:
    pid: int
    started: float
    """Seconds since 1970. A pid alone may belong to somebody else after a while."""


def launch(argv: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> ProcessId:
    """Starts a process in a session of its own, output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            env={**os.environ, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _own_children[child.pid] = child
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:  # it has ended already; whoever asks for its exit status learns that
        started = time.time()
    return ProcessId(child.pid, started)


def exit_status(process: ProcessId) -> int | None:
    """Of a child of this very process that has ended; None while it runs."""
    return _own_children[process.pid].poll()


def is_alive(process: ProcessId) -> bool:
    return _find(process) is not None


def send(process: ProcessId, signal_name: str) -> None:
    """Signals the whole group of a live process."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, getattr(signal, signal_name))


def kill_all(processes: Iterable[ProcessId]) -> None:
    """SIGKILL to each group and to descendants that left it, as Postgres's backends do; returns when all are gone."""
    doomed: list[psutil.Process] = []
    for process in processes:
        leader = _find(process)
        if leader is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                doomed += leader.children(recursive=True)
            send(process, "SIGKILL")
            doomed.append(leader)
    _kill_and_wait(doomed)


def kill_left_behind(processes: Iterable[ProcessId]) -> None:
    """SIGKILL to what is left of the groups whose leaders are gone, such as what Postgres's set-up had started."""
    groups = {process.pid for process in processes}
    left = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(candidate.pid) in groups and not _has_ended(candidate):
                left.append(candidate)
    _kill_and_wait(left)


def kill_strays(mark: str) -> list[str]:
    """Kills every process that carries the stack's mark; returns what they were."""
    strays = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            marked = candidate.environ().get(STACK_MARK) == mark and candidate.pid != os.getpid()
            if marked and not _has_ended(candidate):
                strays.append(candidate)
    names = []
    for stray in strays:
        with contextlib.suppress(psutil.Error):
            names.append(f"pid {stray.pid} ({' '.join(stray.cmdline())[:60]})")
    _kill_and_wait(strays)
    return names


def wait_until_gone(processes: Iterable[ProcessId], seconds: float) -> list[ProcessId]:
    """Those that are still alive after `seconds`."""
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if is_alive(process)]
    return alive


def _find(process: ProcessId) -> psutil.Process | None:
    """None once it has ended; a child is waited for then, or it would stay a zombie."""
    child = _own_children.get(process.pid)
    if child is not None and child.poll() is not None:
        return None
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < _SAME_START_SECONDS
        ended = _has_ended(found)
    except psutil.NoSuchProcess:
        return None
    if ended and child is not None:
        child.wait()
    return found if same and not ended else None


def _has_ended(process: psutil.Process) -> bool:
    """A killed process is a zombie while its threads are still ending, and the last of them gives its ports back."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _kill_and_wait(doomed: Sequence[psutil.Process]) -> None:
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    left = wait_until_gone([_identify(process) for process in doomed], _KILL_SECONDS)
    if left:
        raise StillAlive(f"SIGKILL did not end these processes: {', '.join(str(each.pid) for each in left)}.")


def _identify(process: psutil.Process) -> ProcessId:
    try:
        return ProcessId(process.pid, process.create_time())
    except psutil.NoSuchProcess:
        return ProcessId(process.pid, 0)
