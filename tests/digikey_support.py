"""Starts the DigiKey sandbox as the laptop cloud does, for the contract tests."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

ROOT = Path(__file__).parents[1]
MAKER = "Murata Electronics"


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        answer.raise_for_status()
        return cast("dict[str, Any]", answer.json()) if answer.content else {}

    def faults(self, *faults: Mapping[str, object], seed: int = 1) -> None:
        self.control("PUT", "faults", {"seed": seed, "faults": faults})

    def outcomes(self, pn: str) -> list[str]:
        """What the books say of every call for the part, in order."""
        books = self.http.get(f"{self.url}/_control/books", params={"pn": pn}).json()
        return [call["outcome"] for call in books["calls"]]

    def tokens(self) -> int:
        return int(self.control("GET", "books")["totals"].get("token", 0))

    def calm(self) -> None:
        """No faults, no limits used, no token left from another test."""
        self.control("DELETE", "faults")
        self.control("DELETE", "tokens")
        self.control("PUT", "limits", {"burst": 100_000, "daily": 100_000, "reset_day": True})


def row(pn: str, manufacturer: str = MAKER, **fields: object) -> dict[str, object]:
    return {
        "pn": pn,
        "manufacturer": manufacturer,
        "category": "Capacitor / Ceramic",
        "keywords": "cap",
    } | fields


def write_catalogue(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def command(catalogue: Path, data_dir: Path, *options: str) -> list[str]:
    place = ["--port", "0", "--catalogue", str(catalogue), "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "laptop.vendors.digikey", *place, *options]


@contextmanager
def sandbox(catalogue: Path, data_dir: Path, *options: str) -> Iterator[Running]:
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        subprocess.Popen(
            command(catalogue, data_dir, *options), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert "ready on http://" in ready, "the sandbox did not start"
            yield Running(ready.split(" on ")[1].split()[0], process, http)
        finally:
            process.terminate()
            process.wait(timeout=30)
