import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from infra.local.parts import connected, load_intake
from tests.processes import started

PROJECT = "switchyard-test"


@dataclass(frozen=True)
class Emulator:
    process: subprocess.Popen[str]
    endpoint: str

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    def client(self) -> bigquery.Client:
        return connected(self.endpoint, PROJECT)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.client() as client:
            return [dict(row) for row in client.query(sql, timeout=60).result(timeout=60)]

    def fill(self, table: str, rows: Sequence[object], folder: Path) -> None:
        path = folder / f"{table}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with self.client() as client:
            load_intake(client, table, path)


def serve_command(data_dir: Path, port: int = 0) -> list[str]:
    module = [sys.executable, "-m", "laptop.google.bigquery"]
    return [*module, "--port", str(port), "--data-dir", str(data_dir)]


@contextmanager
def running_emulator(data_dir: Path, port: int = 0) -> Iterator[Emulator]:
    """The launcher's own process, ended by SIGTERM. `process.stderr` may be read once it has ended."""
    with started(
        serve_command(data_dir, port), stop=signal.SIGTERM, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        endpoint = re.search(r"http://[\d.]+:\d+", ready)
        assert endpoint, f"not ready: {ready}{process.stderr.read()}"
        yield Emulator(process, endpoint.group())
