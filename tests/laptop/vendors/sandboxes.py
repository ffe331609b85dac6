"""Starts the vendors' sandboxes as the laptop does, and steers them through their controls."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from tests.processes import PROJECT, started

SHOP_KEY = "our-shop-key"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MAKER = "Murata Electronics"


@dataclass(frozen=True)
class Sandbox:
    """One running sandbox and a client for it."""

    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        answer.raise_for_status()
        return cast("dict[str, Any]", answer.json()) if answer.content else {}

    def faults(self, *faults: Mapping[str, object], seed: int = 1) -> None:
        self.control("PUT", "faults", {"seed": seed, "faults": faults})


class CanadaPostSandbox(Sandbox):
    def behave(self, **settings: object) -> None:
        self.control("PUT", "settings", settings)

    def books(self, **query: str) -> dict[str, Any]:
        return cast("dict[str, Any]", self.http.get(f"{self.url}/_control/books", params=query).json())

    def sold(self, request_id: str) -> int:
        return int(self.books(request_id=request_id)["labels_sold"])

    def calls(self, outcome: str) -> int:
        return int(self.books()["calls"].get(outcome, 0))

    def plant(self, api: str, **fields: object) -> dict[str, Any]:
        """Sells a shipment that no client asked for."""
        return self.control("POST", "shipments", {"api": api, **fields})

    def change(self, shipment_id: str, **fields: object) -> None:
        self.control("PUT", f"shipments/{shipment_id}", fields)

    def forget(self, shipment_id: str) -> None:
        self.control("DELETE", f"shipments/{shipment_id}")

    def calm(self) -> None:
        """No faults, no strange behaviour, the real time, no token and no sale left from another test."""
        for name in ("faults", "settings", "clock", "tokens", "books"):
            self.control("DELETE", name)
        self.behave(pending_labels=0)


class DigiKeySandbox(Sandbox):
    def outcomes(self, pn: str) -> list[str]:
        """The outcome of every call for the part, in order."""
        books = self.http.get(f"{self.url}/_control/books", params={"pn": pn}).json()
        return [call["outcome"] for call in books["calls"]]

    def tokens(self) -> int:
        return int(self.control("GET", "books")["totals"].get("token", 0))

    def calm(self) -> None:
        """No faults, no limits used, no token left from another test."""
        self.control("DELETE", "faults")
        self.control("DELETE", "tokens")
        self.control("PUT", "limits", {"burst": 100_000, "daily": 100_000, "reset_day": True})


class MiraklSandbox(Sandbox):
    def ask(self, method: str, path: str, *, key: str = SHOP_KEY, **sent: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        headers = {"Authorization": key, "Accept": "application/json"} | sent.pop("headers", {})
        return self.http.request(method, f"{self.url}/api/{path}", headers=headers, **sent)

    def order(self, **spec: object) -> str:
        """The id of a new order."""
        return str(self.control("POST", "orders", {"orders": [spec]})["order_ids"][0])

    def thread(self, *messages: object, **spec: object) -> str:
        """The id of a new thread."""
        made = self.control("POST", "threads", {"threads": [{**spec, "messages": messages}]})
        return str(made["thread_ids"][0])

    def truth(self, order_id: str) -> dict[str, Any]:
        """The order as the marketplace knows it, whatever its answers show."""
        return self.control("GET", f"orders/{order_id}")

    def state(self, order_id: str) -> str:
        return str(self.truth(order_id)["state"])

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.control("GET", f"books?operation={operation}")["calls"])

    def advance(self, seconds: float) -> None:
        self.control("PUT", "clock", {"advance": seconds})

    def calm(self) -> None:
        """A clock that stands at noon, no orders, threads, faults or limit, the usual delays, empty books."""
        self.control("DELETE", "faults")
        self.control("PUT", "clock", {"now": NOON.isoformat()})
        self.control("PUT", "limits", {"per_minute": None})
        self.control("PUT", "delays", {"acceptance": 86_400, "debit": 2, "payment": 3})
        for name in ("orders", "threads", "books"):
            self.control("DELETE", name)


Kind = TypeVar("Kind", bound=Sandbox)


def command(vendor: str, data_dir: Path, *options: str) -> list[str]:
    """The command that starts a sandbox; `vendor` is the name of its folder."""
    place = ["--port", "0", "--data-dir", str(data_dir)]
    return [sys.executable, "-m", f"laptop.vendors.{vendor}", *place, *options]


def run_to_its_end(vendor: str, data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(vendor, data_dir, *options),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def _running(kind: type[Kind], arguments: Sequence[str]) -> Iterator[Kind]:
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        started(arguments, stdout=subprocess.PIPE, stop=signal.SIGTERM) as process,
    ):
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert "ready on http://" in ready, "the sandbox did not start"
        yield kind(ready.split(" on ")[1].split()[0], process, http)


@contextmanager
def canada_post(data_dir: Path, *options: str) -> Iterator[CanadaPostSandbox]:
    with _running(CanadaPostSandbox, command("canada_post", data_dir, *options)) as running:
        yield running


@contextmanager
def mirakl(data_dir: Path, *options: str) -> Iterator[MiraklSandbox]:
    with _running(MiraklSandbox, command("mirakl", data_dir, *options)) as running:
        yield running


@contextmanager
def digikey(catalogue: Path, data_dir: Path, *options: str) -> Iterator[DigiKeySandbox]:
    arguments = command("digikey", data_dir, "--catalogue", str(catalogue), *options)
    with _running(DigiKeySandbox, arguments) as running:
        yield running


def row(pn: str, manufacturer: str = MAKER, **fields: object) -> dict[str, object]:
    """A row of DigiKey's catalogue."""
    return {
        "pn": pn,
        "manufacturer": manufacturer,
        "category": "Capacitor / Ceramic",
        "keywords": "cap",
    } | fields


def write_catalogue(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path
