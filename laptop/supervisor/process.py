"""Processes, identified by pid and start time, each the leader of its own group."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from laptop.supervisor.errors import StillAlive

STACK_MARK = "LAPTOP_STACK"
"""Environment variable by which a stack's processes are recognised, even one whose pid was never written down."""

_SAME_START_SECONDS = 2.0
"""The system computes start times from the boot time, which moves by a second when the clock is set."""
_KILL_SECONDS = 10.0
_LOG_BYTES = 5_000_000

_DEFAULT_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGXFSZ,
)
"""A part must react to its stop signal even when nohup, cron or `&` made the supervisor ignore it.
Python itself ignores SIGPIPE and SIGXFSZ."""

_exit_statuses: dict[int, int | None] = {}
"""Pid to exit status of this very process's children: they must be waited for, or they stay as zombies."""
_waiting = threading.Lock()


@dataclass(frozen=True)
class ProcessId:
    pid: int
    started: float
    """Seconds since 1970. A pid alone may belong to another process after a while."""


def launch(argv: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> ProcessId:
    """Starts a process in a new session, output appended to `log`.

    Parts outlive their starter, and `subprocess` warns about that, so it is not used here.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    pid = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *argv],
        {**os.environ, **environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, number) for number in _inheritable_files()),
        ],
        setsid=True,
        setsigdef=_DEFAULT_SIGNALS,
    )
    _exit_statuses[pid] = None
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # it has ended already, as its exit status will show
        started = time.time()
    return ProcessId(pid, started)


def _inheritable_files() -> Iterator[int]:
    """Files that this process inherited, such as a pipe from a script: a part would hold them open for ever."""
    for entry in Path("/dev/fd").iterdir():
        number = int(entry.name)
        with contextlib.suppress(OSError):  # the file by which the folder was read is closed already
            if number > 2 and os.get_inheritable(number):  # noqa: PLR2004 - standard input, output and error
                yield number


def exit_status(process: ProcessId) -> int | None:
    """The exit status of a child of this very process; None while it runs."""
    return _wait(process.pid, os.WNOHANG)


def _wait(pid: int, options: int) -> int | None:
    with _waiting:
        if _exit_statuses[pid] is None:
            try:
                ended, status = os.waitpid(pid, options)
            except (
                ChildProcessError
            ):  # SIGCHLD is ignored: the system waits for children itself and drops their status
                ended, status = pid, 0
            if ended:
                _exit_statuses[pid] = os.waitstatus_to_exitcode(status)
        return _exit_statuses[pid]


def is_alive(process: ProcessId) -> bool:
    return _find(process) is not None


def send(process: ProcessId, signal_name: str) -> None:
    """Sends a signal to the whole group of a live process."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, getattr(signal, signal_name))


def kill_all(processes: Iterable[ProcessId]) -> None:
    """Kills each group and the descendants that left it, as Postgres's backends do; returns when all are gone."""
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
    """Kills the rest of groups whose leaders have ended, such as what Postgres's set-up had started."""
    groups = {process.pid for process in processes}
    left = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(candidate.pid) in groups and not _has_ended(candidate):
                left.append(candidate)
    _kill_and_wait(left)


def kill_strays(mark: str) -> list[str]:
    """Kills every process that carries the stack's mark; returns their descriptions."""
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
    """Returns the processes that are still alive after `seconds`."""
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if is_alive(process)]
    return alive


def _find(process: ProcessId) -> psutil.Process | None:
    """None once it has ended; a child is waited for then, or it would stay a zombie."""
    is_child = process.pid in _exit_statuses
    if is_child and _wait(process.pid, os.WNOHANG) is not None:
        return None
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < _SAME_START_SECONDS
        ended = _has_ended(found)
    except psutil.NoSuchProcess:
        return None
    if ended and is_child:
        _wait(process.pid, 0)
    return found if same and not ended else None


def _has_ended(process: psutil.Process) -> bool:
    """False for a zombie that still has threads: the last thread of a killed process releases its ports."""
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
