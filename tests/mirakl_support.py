"""Starts the Mirakl sandbox as the laptop cloud does, for the tests."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx

from shared.clock import Clock, system_clock
from shared.vendors.mirakl.client import MiraklBounds, MiraklMarketplace

ROOT = Path(__file__).parents[1]
KEY = "our-shop-key"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ignore(_seconds: float) -> None:
    """A pause that takes no time."""


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        answer.raise_for_status()
        return cast("dict[str, Any]", answer.json())

    def ask(self, method: str, path: str, *, key: str = KEY, **sent: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        headers = {"Authorization": key, "Accept": "application/json"} | sent.pop("headers", {})
        return self.http.request(method, f"{self.url}/api/{path}", headers=headers, **sent)

    def faults(self, *faults: Mapping[str, object]) -> None:
        self.control("PUT", "faults", {"seed": 1, "faults": faults})

    def order(self, **spec: object) -> str:
        """A new order's id."""
        return str(self.control("POST", "orders", {"orders": [spec]})["order_ids"][0])

    def truth(self, order_id: str) -> dict[str, Any]:
        """What the marketplace knows of an order, whatever its answers say."""
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
        for each in ("orders", "threads", "books"):
            self.control("DELETE", each)


def command(data_dir: Path, *options: str) -> list[str]:
    place = ["--port", "0", "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "laptop.vendors.mirakl", *place, *options]


@contextmanager
def sandbox(data_dir: Path, *options: str) -> Iterator[Running]:
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        subprocess.Popen(command(data_dir, *options), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert "ready on http://" in ready, "the sandbox did not start"
            yield Running(ready.split(" on ")[1].split()[0], process, http)
        finally:
            process.terminate()
            process.wait(timeout=30)


@dataclass
class Pauses:
    """Collects the pauses instead of waiting; `then` is told of each."""

    seconds: list[float] = field(default_factory=list)
    then: Callable[[float], None] = ignore

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then(seconds)


def marketplace(
    url: str,
    *,
    key: str = KEY,
    shop_id: int | None = None,
    bounds: MiraklBounds | None = None,
    pause: Callable[[float], None] = ignore,
    clock: Clock = system_clock,
) -> MiraklMarketplace:
    return MiraklMarketplace(key, base_url=url, shop_id=shop_id, bounds=bounds, pause=pause, clock=clock)
