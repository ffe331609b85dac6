"""What the demo asks beside the functions that everybody calls: the stand-ins' books and controls, and the sweep."""

from types import TracebackType
from typing import Any, Self

import httpx

from infra.local.local_stack import LocalStack

Json = dict[str, Any]

_TIMEOUT = 60.0


class Backstage:
    """Use it in a `with`. Raises httpx.HTTPError."""

    def __init__(self, stack: LocalStack) -> None:
        self._parts = stack.state.parts
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False)  # no proxy is asked for what runs here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def order_faults(self, faults: list[Json]) -> None:
        self._call("PUT", self._at("digikey", "/_control/faults"), {"faults": faults})

    def struck(self) -> list[int]:
        """How many calls each ordered fault struck."""
        return [
            fault["struck"] for fault in self._call("GET", self._at("digikey", "/_control/faults"))["faults"]
        ]

    def limits(self) -> Json:
        return self._call("GET", self._at("digikey", "/_control/limits"))

    def books(self) -> Json:
        return self._call("GET", self._at("digikey", "/_control/books"))

    def queued(self) -> int:
        """Tasks that any queue still holds."""
        port = self._parts["tasks"].ports["tasks-control"]
        queues = self._call("GET", f"http://127.0.0.1:{port}/queues")["queues"]
        return sum(queue["depth"] for queue in queues)

    def sweep(self) -> Json:
        """Fires what Cloud Scheduler fires every five minutes."""
        swept: Json = self._call("POST", self._at("fallback", "/"), {"sweep": True})["swept"]
        return swept

    def products(self, batch_id: str, limit: int) -> list[Json]:
        url = self._at("workflow", f"/batches/{batch_id}/products?limit={limit}")
        products: list[Json] = self._call("GET", url)["products"]
        return products

    def _at(self, name: str, path: str) -> str:
        return self._parts[name].url + path

    def _call(self, method: str, url: str, body: Json | None = None) -> Json:
        answer = self._http.request(method, url, json=body).raise_for_status()
        found: Json = answer.json()
        return found
