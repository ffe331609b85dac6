"""A cluster of one test's own, run through its command line, for tests that kill it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from laptop.supabase.postgres import STOP_SIGNAL, database_url
from laptop.supabase.postgres.place import place_for
from tests.ports import free_port
from tests.postgres_support import PROJECT, wait_until_it_answers


@dataclass
class Cluster:
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
        return [
            sys.executable,
            "-m",
            "laptop.supabase.postgres",
            f"--data-dir={self.folder}",
            f"--port={self.port}",
            *more,
        ]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """For a start that is expected to be refused, or a command that ends by itself."""
        return subprocess.run(
            self.command(*more), cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self) -> None:
        with (self.folder.parent / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(self.command("--fast"), cwd=PROJECT, stdout=log, stderr=log)
        assert wait_until_it_answers(self.port, self.process), (
            self.folder.parent / "postgres.log"
        ).read_text()

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(STOP_SIGNAL)
        return self.process.wait()


@contextmanager
def own_cluster(folder: Path) -> Iterator[Cluster]:
    """Started, and whatever the test does to it, gone afterwards."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
        removed = cluster.run("--remove")
        assert removed.returncode == 0, removed.stderr
        assert not place_for(folder).folder.exists()
