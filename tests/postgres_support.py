"""A real Postgres for a test session.

Run as a program, it owns one cluster: it says the port, then waits for its standard input to end, which it does
however the session ends (also when it is killed), and then stops and removes the cluster.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

from infra.local import migrations
from laptop.supabase.postgres import STOP_SIGNAL, database_url
from tests.folders import IN_MEMORY, fast_folder
from tests.ports import free_port

PROJECT = Path(__file__).parents[1]
START_S = 60.0


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
        """As whom the REST server connects."""
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

    def create_migrated(self, name: str) -> str:
        """A template with the project's migrations applied."""
        with self._template(name) as connection:
            migrations.apply(connection)
        return name

    def create_from_script(self, name: str, script: Path) -> str:
        """A template with what the SQL script makes."""
        with self._template(name) as connection:
            connection.execute(script.read_bytes())
        return name

    @contextmanager
    def _template(self, name: str) -> Iterator[psycopg.Connection]:
        self._create(name, "template1")
        with psycopg.connect(database_url(self.port, database=name), autocommit=True) as connection:
            yield connection

    def _create(self, name: str, template: str) -> None:
        self._admin.execute(f"create database {name} template {template} strategy {self._strategy}")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.postgres_support"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl+C is for the session, which then ends its standard input
    )
    with owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        try:
            line = owner.stdout.readline()
            if not line.startswith("ready "):
                raise RuntimeError(f"no Postgres for the tests: {line}{owner.stdout.read()}")
            _, port, strategy = line.split()
            server = PostgresServer(int(port), strategy)
            try:
                yield server
            finally:
                server.close()
        finally:
            owner.stdin.close()


def own_cluster() -> None:
    with fast_folder() as folder:
        strategy = "file_copy" if folder.is_relative_to(IN_MEMORY) else "wal_log"  # the faster one of each
        data, log = folder / "postgres", folder / "log"
        command = [sys.executable, "-m", "laptop.supabase.postgres", f"--data-dir={data}"]
        port = free_port()
        with log.open("wb") as output:
            server = subprocess.Popen([*command, f"--port={port}", "--fast"], stdout=output, stderr=output)
        try:
            if not wait_until_it_answers(port, server):
                sys.stdout.write(log.read_text())
                return
            sys.stdout.write(f"ready {port} {strategy}\n")
            sys.stdout.flush()
            sys.stdin.read()
        finally:
            server.send_signal(STOP_SIGNAL)
            server.wait()
            subprocess.run([*command, "--remove"], check=True)


def wait_until_it_answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(database_url(port), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return True
    return False


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    own_cluster()
