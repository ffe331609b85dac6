"""Switchyard and its peers, each started, fed, killed and stopped in the same way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from infra.bench.peers.processes import Roots, end
from infra.local.functions import Line
from infra.local.local_stack import LocalStack
from infra.local.settings import ROOT
from laptop.supabase.postgres import database_url
from laptop.supervisor.ports import resolve_ports

JOBS = Path(__file__).parent / "jobs"
ON_REDIS = ("celery", "dramatiq")
PEERS = (*ON_REDIS, "procrastinate", "dbos", "pgqueuer")
SWITCHYARD = "switchyard"


@dataclass(frozen=True)
class Place:
    """The folder of a run's files, and all that the systems share."""

    folder: Path
    python: Path
    """The interpreter of the peers' virtual environment."""
    vendor: str
    records: Path


@dataclass(frozen=True)
class Table:
    """Names of a system's table of tasks and of its column for the batch."""

    tasks: str
    batch: str


class System(ABC):
    name: str
    table: Table
    own: frozenset[str]
    """The parts that run the product's own code; the others are infrastructure."""
    dsn: str

    @abstractmethod
    def start(self, in_flight: int) -> None: ...

    @abstractmethod
    def take_in(self, batch: str, records: Path, count: int) -> None:
        """Returns when all is enqueued."""

    @abstractmethod
    def kill_worker(self) -> None: ...

    @abstractmethod
    def start_worker(self) -> None: ...

    @abstractmethod
    def roots(self) -> Roots: ...

    @abstractmethod
    def stop(self) -> None: ...

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(sql.encode(), values).fetchall()


class Switchyard(System):
    name = SWITCHYARD
    table = Table("automation_tasks", "batch_id")
    own = frozenset({"orchestrate", "automate", "fallback"})
    counted = own | {"postgres", "rest", "bigquery", "tasks"}
    """The other parts of the line do nothing meanwhile."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def start(self, in_flight: int) -> None:
        os.environ["THREADS"] = str(max(8, in_flight + 4))  # gunicorn's
        self._stack = LocalStack(
            self._place.folder / self.name,
            intake=self._place.records,
            lines=[Line.RECORDS],
            environment={
                "DIGIKEY_API_BASE": self._place.vendor,
                "WORKFLOW_AUTOMATION_MAX_CONCURRENT": str(in_flight),
                "WORKFLOW_MAX_DAILY_TASKS": "1000000",
                "DATABASE_URL": "",
                "LOCAL_POSTGRES_FAST": "",  # durable, as the peers' database is
            },
        )
        self._stack.purge()
        self._stack.start()
        self.dsn = self._stack.url("postgres")

    def take_in(self, batch: str, records: Path, count: int) -> None:  # noqa: ARG002 - the records are in the source
        body = {"limit": count, "batch_id": batch, "force": "automation", "priority_threshold": 0}
        request = urllib.request.Request(
            self._stack.url("orchestrate"), json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=900) as answer:
            report = json.load(answer)
        if report["automation"] != count:
            raise RuntimeError(f"switchyard: {report}")

    def kill_worker(self) -> None:
        self._stack.kill("automate")

    def start_worker(self) -> None:
        self._stack.restart("automate")

    def roots(self) -> Roots:
        parts = self._stack.state.parts
        return {name: part.pid for name, part in parts.items() if name in self.counted}

    def stop(self) -> None:
        self._stack.purge()


class Peer(System):
    """A peer on the laptop cloud's Postgres, with the same durable settings."""

    table = Table("tasks", "batch")
    own = frozenset({"worker", "enqueuer"})

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self._place = place
        self._folder = place.folder / name
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._database: list[str] = []

    def start(self, in_flight: int) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        ports = resolve_ports({"postgres": 0, "redis": 0})
        self._start_postgres(ports["postgres"])
        redis = self._start_redis(ports["redis"]) if self.name in ON_REDIS else ""
        self._environment = {
            **os.environ,
            "BENCH_DSN": self.dsn,
            "BENCH_REDIS": redis,
            "BENCH_VENDOR": self._place.vendor,
            "BENCH_IN_FLIGHT": str(in_flight),
            "PYTHONPATH": os.pathsep.join([str(JOBS), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "C_FORCE_ROOT": "1",
        }
        with self._log() as log:
            subprocess.run(
                self._command("setup"),
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                check=True,
            )
        self.start_worker()
        self._launch("enqueuer", self._command("enqueue"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._expect("ready")

    def _start_postgres(self, port: int) -> None:
        data = str(self._folder / "postgres")
        self._database = [
            sys.executable,
            "-m",
            "laptop.supabase.postgres",
            "--data-dir",
            data,
            "--port",
            str(port),
        ]
        subprocess.run([*self._database, "--remove"], cwd=ROOT, check=True)
        self._launch("postgres", self._database, environment=os.environ, cwd=ROOT)
        for _ in range(300):
            try:
                with psycopg.connect(database_url(port), autocommit=True, connect_timeout=2) as connection:
                    connection.execute("create database bench")
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        self.dsn = database_url(port, database="bench")

    def _start_redis(self, port: int) -> str:
        place = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        self._launch("redis", ["redis-server", *place, *durable], environment=os.environ)
        time.sleep(0.5)
        return f"redis://127.0.0.1:{port}/0"

    def _command(self, what: str) -> list[str]:
        return [str(self._place.python), str(JOBS / f"{self.name}_job.py"), what]

    def _log(self) -> Any:  # noqa: ANN401 - a binary file, which Popen takes
        return (self._folder / "log").open("ab")

    def _launch(
        self,
        part: str,
        argv: list[str],
        environment: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        with self._log() as log:
            self._children[part] = subprocess.Popen(
                argv,
                start_new_session=True,
                env=environment or self._environment,
                **{"cwd": self._folder, "stdout": log, "stderr": log, **options},
            )

    def _expect(self, word: str) -> None:
        answers = self._children["enqueuer"].stdout
        assert answers
        line = answers.readline().decode().strip()
        if line != word:
            raise RuntimeError(f"{self.name}: the enqueuer said {line!r}, see {self._folder / 'log'}")

    def start_worker(self) -> None:
        self._launch("worker", self._command("worker"))

    def kill_worker(self) -> None:
        os.killpg(self._children["worker"].pid, signal.SIGKILL)
        self._children["worker"].wait()

    def take_in(self, batch: str, records: Path, count: int) -> None:  # noqa: ARG002 - it takes the whole file
        orders = self._children["enqueuer"].stdin
        assert orders
        orders.write(json.dumps({"file": str(records), "batch": batch}).encode() + b"\n")
        orders.flush()
        self._expect("done")

    def roots(self) -> Roots:
        return {part: child.pid for part, child in self._children.items()}

    def stop(self) -> None:
        for part in ("enqueuer", "worker", "redis"):
            end(self._children.get(part), seconds=3)
        end(self._children.get("postgres"), signal.SIGINT)
        for pipe in (self._children["enqueuer"].stdin, self._children["enqueuer"].stdout):
            if pipe:
                pipe.close()
        subprocess.run([*self._database, "--remove"], cwd=ROOT, check=False)
