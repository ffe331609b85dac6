"""The BigQuery emulator in its own process."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.processes import started

PROJECT = "switchyard-test"
_PATIENCE = 60


@dataclass(frozen=True)
class Emulator:
    process: subprocess.Popen[str]
    endpoint: str

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    def client(self) -> bigquery.Client:
        anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth has no types here
        options = {"api_endpoint": self.endpoint}
        return bigquery.Client(project=PROJECT, credentials=anonymous, client_options=options)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.client() as client:
            return [dict(row) for row in client.query(sql, timeout=_PATIENCE).result(timeout=_PATIENCE)]

    def replace(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Replaces the table `project.dataset.table` by a load job; its columns follow from the rows."""
        config = bigquery.LoadJobConfig(autodetect=True, write_disposition="WRITE_TRUNCATE")
        with self.client() as client:
            client.create_dataset(table.rpartition(".")[0], exists_ok=True)
            client.load_table_from_json(rows, table, job_config=config).result(timeout=_PATIENCE)


def serve_command(data_dir: Path, port: int = 0) -> list[str]:
    return [
        *(sys.executable, "-m", "laptop.google.bigquery"),
        *("--port", str(port), "--data-dir", str(data_dir)),
    ]


@contextmanager
def running_emulator(data_dir: Path, port: int = 0) -> Iterator[Emulator]:
    """SIGTERM ends it at the end of the block; `process.stderr` may be read after that."""
    with started(
        serve_command(data_dir, port), stop=signal.SIGTERM, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        endpoint = re.search(r"http://[\d.]+:\d+", ready)
        assert endpoint, f"not ready: {ready}{process.stderr.read()}"
        yield Emulator(process, endpoint.group())
