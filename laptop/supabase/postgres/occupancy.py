"""At most one server per cluster, and nothing of a killed one left in the way of the next.

The starting process locks a file and becomes the server; the server's own children inherit the open file. So
the lock is held exactly as long as any process of the cluster lives. A postmaster that was killed leaves backends
which end by themselves once they notice, at the latest after their statement; the others are killed here.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from laptop.supabase.postgres import AlreadyRunning

NOTICE_S = 2.0
"""How long orphans may take to notice that their postmaster is gone."""

GIVE_UP_S = 15.0


def occupy(lock: Path, data: Path) -> int:
    """The descriptor of the held lock, to be inherited by the server. Stale traces are gone afterwards."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, data)
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    (data / "postmaster.pid").unlink(missing_ok=True)
    os.set_inheritable(descriptor, True)
    return descriptor


def _acquire(descriptor: int, data: Path) -> None:
    started = time.monotonic()
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        holder = os.pread(descriptor, 32, 0).decode()
        waited = time.monotonic() - started
        if holder.isdigit() and _lives(int(holder)):
            raise AlreadyRunning(
                f"the server with this data is running already, as process {holder}: stop it first"
            )
        if waited > GIVE_UP_S:
            raise AlreadyRunning(
                f"processes of a former server still use {data} and cannot be ended: end them by hand"
            )
        if waited > NOTICE_S:
            for orphan in processes_in(data):
                with suppress(psutil.Error):
                    orphan.kill()
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    """A starting or running server, not a stranger that was given the number of a dead one."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (
            process.name().startswith("postgres") or "laptop.supabase.postgres" in process.cmdline()
        )
    except psutil.Error:
        return False


def processes_in(data: Path) -> list[psutil.Process]:
    """Every server process works in its data folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith("postgres") and Path(process.cwd()) == data.resolve():
                found.append(process)
    return found
