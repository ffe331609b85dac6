"""CPU and memory of processes, from /proc: Linux only."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_SECONDS = 0.5
_PSS_EVERY = 6

Roots = Mapping[str, int]
"""The first process of each part, by its name."""


@dataclass(frozen=True)
class Process:
    """`cpu` in seconds, with that of ended children; `rss` in bytes."""

    parent: int
    cpu: float
    rss: int


def processes() -> dict[int, Process]:
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_bytes()
            except OSError:  # it has just ended
                continue
            fields = stat.rpartition(b")")[2].split()
            found[int(entry.name)] = Process(
                int(fields[1]), sum(map(int, fields[11:15])) / _TICK, int(fields[21]) * _PAGE
            )
    return found


def tree(root: int, table: Mapping[int, Process]) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    pids, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        if pid in table:
            pids.append(pid)
            waiting += children.get(pid, [])
    return pids


def cpu(roots: Roots) -> dict[str, float]:
    """Seconds, by part."""
    table = processes()
    return {name: sum(table[pid].cpu for pid in tree(root, table)) for name, root in roots.items()}


def pss(pid: int) -> int:
    """Bytes; what several processes share counts for each of them in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def memory(roots: Roots) -> dict[str, int]:
    """The PSS of each part, in bytes."""
    table = processes()
    return {name: sum(pss(pid) for pid in tree(root, table)) for name, root in roots.items()}


class Peak:
    """Watches the memory of parts while it is open: the highest sums of RSS and of PSS, in bytes."""

    def __init__(self, roots: Callable[[], Roots]) -> None:
        self._roots = roots
        self.rss = self.pss = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        turn = 0
        while not self._stop.wait(_LOOK_SECONDS):
            table = processes()
            pids = [pid for root in self._roots().values() for pid in tree(root, table)]
            self.rss = max(self.rss, sum(table[pid].rss for pid in pids))
            if turn % _PSS_EVERY == 0:
                self.pss = max(self.pss, sum(pss(pid) for pid in pids))
            turn += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.pss = max(self.pss, sum(memory(self._roots()).values()))


def end(
    child: subprocess.Popen[bytes] | None, how: signal.Signals = signal.SIGTERM, seconds: float = 8
) -> None:
    """Ends a process and its group, gently and then not."""
    if child is None or child.poll() is not None:
        return
    try:
        os.killpg(child.pid, how)
        child.wait(seconds)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(5)
