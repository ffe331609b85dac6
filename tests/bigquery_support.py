"""The BigQuery emulator with tables of part records."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.local.parts import load_intake
from tests.laptop.google import emulator
from tests.laptop.google.emulator import PROJECT

__all__ = ["PROJECT", "Emulator", "running_emulator"]


class Emulator(emulator.Emulator):
    def fill(self, table: str, rows: Sequence[object], folder: Path) -> None:
        path = folder / f"{table}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with self.client() as client:
            load_intake(client, table, path)


@contextmanager
def running_emulator(data_dir: Path) -> Iterator[Emulator]:
    with emulator.running_emulator(data_dir) as running:
        yield Emulator(running.process, running.endpoint)
