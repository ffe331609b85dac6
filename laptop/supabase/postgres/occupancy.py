"""Allows one server per cluster, and clears what a killed one left behind.

The starting process locks a file and becomes the server; the server's own children inherit the open file. So
the lock is held as long as any process of the cluster lives. A killed postmaster leaves backends that end once they
notice, at the latest after their statement. This module kills those that do not.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from laptop.supabase.postgres import AlreadyRunning

NOTICE_S = 2.0
"""Orphaned backends get this time to notice that their postmaster is gone."""

GIVE_UP_S = 15.0


def occupy(lock: Path, data: Path) -> int:
    """Returns the descriptor of the lock, for the server to inherit. Removes the pid file of a killed server."""
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
                f"processes of an earlier server still use {data} and cannot be killed: end them by hand"
            )
        if waited > NOTICE_S:
            for orphan in processes_in(data):
                with suppress(psutil.Error):
                    orphan.kill()
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    """True for a starting or running server, false for another program that got a dead server's process id."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (
            process.name().startswith("postgres") or "laptop.supabase.postgres" in process.cmdline()
        )
    except psutil.Error:
        return False


def processes_in(data: Path) -> list[psutil.Process]:
    """Finds them by their working directory: that of every server process is the data folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith("postgres") and Path(process.cwd()) == data.resolve():
                found.append(process)
    return found
