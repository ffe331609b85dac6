"""One run of one system: take in, complete, count what it cost and what was lost."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from infra.bench.peers.processes import Peak, cpu, end
from infra.bench.peers.systems import System
from infra.local.settings import ROOT
from laptop.supervisor.ports import resolve_ports

WARM = 40
KILL_AT = 0.4
VENDOR_DELAY = 0.02
FAIL_PERMILLE = 20


@dataclass(frozen=True)
class Trial:
    """`kill`: the worker is killed once the vendor has answered for 40 % of the records."""

    system: str
    in_flight: int
    records: int
    kill: bool = False


@dataclass(frozen=True)
class Result:
    """`own_cpu` and `other_cpu` in seconds per 1,000 records, memory in megabytes, `seconds` until the last record.

    `delayed`: seconds from the kill to the last record. `asked_again`: answers of the vendor beyond one a record.
    """

    trial: Trial
    seconds: float = 0
    own_cpu: float = 0
    other_cpu: float = 0
    cpu_by_part: tuple[tuple[str, float], ...] = ()
    rss: int = 0
    pss: int = 0
    lost: int = 0
    completed: int = 0
    asked_again: int = 0
    delayed: float = 0
    load: float = 0
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Result":
        parts = tuple((name, seconds) for name, seconds in row["cpu_by_part"])
        return cls(**{**row, "trial": Trial(**row["trial"]), "cpu_by_part": parts})


class VendorProcess:
    def __init__(self, records: Path) -> None:
        port = resolve_ports({"vendor": 0})["vendor"]
        self.url = f"http://127.0.0.1:{port}"
        argv = [sys.executable, "-m", "infra.bench.peers.vendor", str(port), str(records)]
        self._child = subprocess.Popen(argv, cwd=ROOT, start_new_session=True)
        for _ in range(100):
            with suppress(OSError):
                self.stats()
                return
            time.sleep(0.1)
        raise RuntimeError("the vendor does not start")

    def stats(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/_stats", timeout=10) as answer:
            found: dict[str, int] = json.load(answer)
            return found

    def reset(self, fail_permille: int) -> None:
        order = json.dumps({"delay": VENDOR_DELAY, "fail_permille": fail_permille}).encode()
        urllib.request.urlopen(f"{self.url}/_reset", order, timeout=10).close()

    def close(self) -> None:
        end(self._child)


@dataclass(frozen=True)
class Batches:
    warm: Path
    main: Path


def run(system: System, trial: Trial, vendor: VendorProcess, batches: Batches) -> Result:
    """A failure is a result, so that the other systems go on."""
    try:
        system.start(trial.in_flight)
        time.sleep(1)
        vendor.reset(0)
        system.take_in("warm", batches.warm, WARM)
        _all_ended(system, vendor, "warm", WARM, 60)
        vendor.reset(FAIL_PERMILLE)
        return _measured(system, trial, vendor, batches.main)
    except Exception as error:  # noqa: BLE001 - whatever happens to one system, the others go on
        return Result(trial, error=f"{type(error).__name__}: {error}"[:300])
    finally:
        system.stop()


def _measured(system: System, trial: Trial, vendor: VendorProcess, records: Path) -> Result:
    failures: list[BaseException] = []

    def take_in() -> None:
        try:
            system.take_in("main", records, trial.records)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            failures.append(error)

    with Peak(system.roots) as peak:
        before, begun = cpu(system.roots()), time.time()
        taking_in = threading.Thread(target=take_in)
        taking_in.start()
        killed = _kill(system, vendor, trial.records) if trial.kill else begun
        _all_ended(system, vendor, "main", trial.records, 180 if trial.kill else 60 + trial.records / 4)
        after = cpu(system.roots())
        taking_in.join(60)
    if failures:
        raise failures[0]
    last, completed = _outcome(system)
    parts = {name: 1000 * (after[name] - before.get(name, 0)) / trial.records for name in after}
    own = sum(value for name, value in parts.items() if name in system.own)
    return Result(
        trial,
        seconds=round(last - begun, 2),
        own_cpu=round(own, 2),
        other_cpu=round(sum(parts.values()) - own, 2),
        cpu_by_part=tuple((name, round(value, 2)) for name, value in parts.items()),
        rss=round(peak.rss / 1e6),
        pss=round(peak.pss / 1e6),
        lost=trial.records - completed,
        completed=completed,
        asked_again=vendor.stats()["again"],
        delayed=round(last - killed, 1) if trial.kill else 0,
        load=round(os.getloadavg()[0], 1),
    )


def _kill(system: System, vendor: VendorProcess, count: int) -> float:
    """Kills the worker and starts it again a second later; returns the time of the kill."""
    until = time.monotonic() + 300
    while vendor.stats()["found"] < KILL_AT * count and time.monotonic() < until:
        time.sleep(0.05)
    system.kill_worker()
    killed = time.time()
    time.sleep(1)
    system.start_worker()
    return killed


def _all_ended(system: System, vendor: VendorProcess, batch: str, count: int, seconds: float) -> bool:
    """Asks the vendor, which is not measured, until it has answered for all; then the database."""
    of_batch = f"{system.table.tasks} where {system.table.batch} = %s"
    ended = f"select count(*) from {of_batch} and state in ('completed', 'failed')"
    until = time.monotonic() + seconds
    while time.monotonic() < until and vendor.stats()["parts"] < count:
        time.sleep(0.1)
    with psycopg.connect(system.dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute(ended.encode(), (batch,)).fetchone()
            if row and row[0] >= count:
                return True
            time.sleep(0.05)
    return False


def _outcome(system: System) -> tuple[float, int]:
    """The time at which the last record ended, and the number of completed ones."""
    (row,) = system.ask(
        f"select extract(epoch from max(finished_at))::float8, count(*) filter (where state = 'completed')"
        f" from {system.table.tasks} where {system.table.batch} = 'main'"
    )
    return float(row[0] or time.time()), int(row[1])
