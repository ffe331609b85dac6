"""The demo's calls beside those of the command line: the controls of the stand-ins, the stages, the sweep, reports."""

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

import httpx

from infra.local.local_stack import LocalStack

Json = dict[str, Any]

PAYMENT_DELAYS = {"debit": 0.3, "payment": 0.3}
"""Seconds until the marketplace has charged a buyer: before that, an order has no address."""

_TIMEOUT = 120.0
_IDLE = 1.0
"""Seconds: gunicorn hangs up after 2, uvicorn after 5, and a call that is sent in that moment is lost."""


class Backstage:
    """Use it in a `with`. Raises httpx.HTTPError."""

    def __init__(self, stack: LocalStack) -> None:
        self._parts = stack.state.parts
        self._http = httpx.Client(
            timeout=_TIMEOUT,
            trust_env=False,  # all of it runs on this machine: no proxy
            limits=httpx.Limits(keepalive_expiry=_IDLE),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def control(self, part: str, method: str, path: str, body: object = None) -> Json:
        return self._call(method, f"{self._parts[part].url}/_control/{path}", body)

    def report(self, path: str) -> Json:
        """The answer of the function `workflow`."""
        return self._call("GET", f"{self._parts['workflow'].url}{path}")

    def faults_hit(self) -> list[int]:
        """The number of DigiKey calls that each ordered fault hit."""
        return [fault["struck"] for fault in self.control("digikey", "GET", "faults")["faults"]]

    def queued(self) -> int:
        """Tasks that any queue still holds."""
        port = self._parts["tasks"].ports["tasks-control"]
        return sum(queue["depth"] for queue in self._call("GET", f"http://127.0.0.1:{port}/queues")["queues"])

    def sweep(self) -> dict[str, int]:
        """Fires what Cloud Scheduler fires every five minutes."""
        swept: dict[str, int] = self._call("POST", f"{self._parts['fallback'].url}/", {"sweep": True})[
            "swept"
        ]
        return swept

    def products(self, batch_id: str, limit: int) -> list[Json]:
        products: list[Json] = self.report(f"/batches/{batch_id}/products?limit={limit}")["products"]
        return products

    def fire(self, stage: str, request: Json) -> Json:
        """The stage's answer, also when it failed: the next one runs then too, as in the cloud."""
        answer: Json = self._http.post(self._parts[stage].url, json=request).json()
        return answer

    def orders(self) -> list[Json]:
        orders: list[Json] = self.report("/orders?limit=1000")["orders"]
        return orders

    def findings(self, kind: str) -> list[Json]:
        findings: list[Json] = self.report(f"/findings?limit=1000&kind={kind}")["findings"]
        return findings

    def orders_equation(self) -> Json:
        return self.report("/reconcile/orders")

    def order_path(self, order_id: str) -> str:
        """The states that an order went through."""
        return " -> ".join(step["to_state"] for step in self.report(f"/orders/{order_id}")["history"])

    def wait_for_payment(self) -> None:
        """Until the marketplace has charged every buyer; the real one takes minutes, and the next cycle sees it."""
        deadline = time.monotonic() + 10 * sum(PAYMENT_DELAYS.values())
        while time.monotonic() < deadline:
            states = Counter(self.control("mirakl", "GET", "orders")["orders"].values())
            if not (states["WAITING_DEBIT"] or states["WAITING_DEBIT_PAYMENT"]):
                return
            time.sleep(0.1)

    def _call(self, method: str, url: str, body: object = None) -> Json:
        answer = self._http.request(method, url, json=body).raise_for_status()
        found: Json = answer.json() if answer.content else {}
        return found
