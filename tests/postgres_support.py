"""A real Postgres for tests: one for the test session, and clusters that a test may kill.

Run as a program, it owns the session's cluster: it prints the port, waits for the end of its standard input, which
comes however the session ends (also when it is killed), and then stops and removes the cluster.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from laptop.supabase.postgres import STOP_SIGNAL, database_url
from laptop.supabase.postgres.place import place_for
from tests.folders import fast_folder
from tests.ports import free_port
from tests.processes import PROJECT, started
from tests.reaper import IN_MEMORY

_START_S = 60.0
_STOP_S = 30.0


@dataclass(frozen=True)
class Database:
    """A fresh database of one test."""

    url: str
    name: str
    port: int

    def connect(self, *, role: str | None = None, autocommit: bool = True) -> psycopg.Connection:
        """As the owner, or with `role` set as the REST server sets it. Close it, or use it in a `with`."""
        connection = psycopg.connect(self.url, autocommit=True)
        if role is not None:
            connection.execute(psycopg.sql.SQL("set role {}").format(psycopg.sql.Identifier(role)))
        connection.autocommit = autocommit
        return connection

    @property
    def authenticator_url(self) -> str:
        """The REST server connects with it."""
        return database_url(self.port, user="authenticator", database=self.name)


class PostgresServer:
    """A running cluster; makes databases from templates in some tens of milliseconds."""

    def __init__(self, port: int, strategy: str) -> None:
        """`strategy` is how Postgres copies a template."""
        self.port = port
        self._strategy = strategy
        self.url = database_url(port)
        self._admin = psycopg.connect(self.url, autocommit=True)
        self._numbers = count(1)

    def close(self) -> None:
        self._admin.close()

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[Database]:
        """From `template1` it holds what a new Supabase project holds."""
        name = f"test_{next(self._numbers)}"
        self._create(name, template)
        try:
            yield Database(database_url(self.port, database=name), name, self.port)
        finally:
            self._admin.execute(f"drop database {name} with (force)")

    @contextmanager
    def template(self, name: str) -> Iterator[psycopg.Connection]:
        """Makes a template, to be filled through the connection."""
        self._create(name, "template1")
        with psycopg.connect(database_url(self.port, database=name), autocommit=True) as connection:
            yield connection

    def _create(self, name: str, template: str) -> None:
        self._admin.execute(f"create database {name} template {template} strategy {self._strategy}")


@dataclass
class Cluster:
    """Run through its command line; `process` is the server itself."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return database_url(self.port)

    @property
    def authenticator_url(self) -> str:
        return database_url(self.port, user="authenticator")

    def command(self, *more: str) -> list[str]:
        options = (f"--data-dir={self.folder}", f"--port={self.port}", *more)
        return [sys.executable, "-m", "laptop.supabase.postgres", *options]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """For a start that is expected to be refused, or a command that ends by itself."""
        return subprocess.run(
            self.command(*more), cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self) -> None:
        log = self.folder.parent / "postgres.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(self.command("--fast"), cwd=PROJECT, stdout=output, stderr=output)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(STOP_SIGNAL)
        return self.process.wait(_STOP_S)


@contextmanager
def own_cluster(folder: Path) -> Iterator[Cluster]:
    """Starts a cluster and removes it afterwards, whatever the test did to it."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
        removed = cluster.run("--remove")
        assert removed.returncode == 0, removed.stderr
        assert not place_for(folder).folder.exists()


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    command = [sys.executable, "-m", "tests.postgres_support"]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        try:
            ready = owner.stdout.readline()
            assert ready, "no Postgres for the tests: its standard error says why"
            port, strategy = ready.split()
            with closing(PostgresServer(int(port), strategy)) as server:
                yield server
        finally:
            owner.stdin.close()
            owner.wait(2 * _STOP_S)


def _own_the_sessions_cluster() -> None:
    with fast_folder() as folder, own_cluster(folder / "postgres") as cluster:
        strategy = "file_copy" if folder.is_relative_to(IN_MEMORY) else "wal_log"  # the faster one of each
        sys.stdout.write(f"{cluster.port} {strategy}\n")
        sys.stdout.flush()
        sys.stdin.read()
        cluster.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _own_the_sessions_cluster()
