"""Starts the Canada Post sandbox as the laptop cloud does, and makes clients of both its APIs."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import httpx

from shared.clock import Clock, system_clock
from shared.fulfillment.ports import LabelRequest, Parcel, Party
from shared.vendors.canada_post.account import JsonCredentials, Settlement, ShippingAccount, XmlCredentials
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.json_api import CanadaPostJson
from shared.vendors.canada_post.transport import CanadaPostBounds
from shared.vendors.canada_post.xml_api import CanadaPostXml

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT.parent / "shared" / "contracts" / "canadapost"
CUSTOMER = "2004381"
SECRETS = ("our-secret", "our-word")
BACKENDS = ("json", "xml")
JSON_SHIPMENTS = f"/shipping/v1/{CUSTOMER}/{CUSTOMER}/shipments"
XML_SHIPMENTS = f"/rs/{CUSTOMER}/{CUSTOMER}/shipment"
SHIPMENTS = {"json": JSON_SHIPMENTS, "xml": XML_SHIPMENTS}
ARTIFACTS = {"json": "/shipping/v1/artifacts", "xml": "/rs/artifact"}
SENDER = Party(
    "Shipping desk", "Acme Parts", "514-555-0100", "502 Main St N", None, "Montreal", "QC", "H2B1A0"
)
DESTINATION = Party(
    name="Alex Tremblay",
    company=None,
    phone="613-555-0199",
    line_1="123 Example Street",
    line_2="Unit 4",
    city="Ottawa",
    province="ON",
    postal_code="K1A0B1",
)
PARCEL = Parcel(Decimal("1.2"), Decimal(20), Decimal("15.5"), Decimal(10))
ACCOUNT = ShippingAccount(CUSTOMER, SENDER, Settlement("42708517", CUSTOMER), email="desk@acme.example")
_numbers = itertools.count(1)


def label_request(request_id: str | None = None, **fields: Any) -> LabelRequest:  # noqa: ANN401  # any of its fields
    """A good request, of an id that no other test uses."""
    chosen = request_id or f"order-{next(_numbers)}-A-1"
    given: dict[str, Any] = {
        "reference": chosen[:-2],
        "service_code": "DOM.EP",
        "destination": DESTINATION,
        "parcel": PARCEL,
        "options": ("DC",),
    }
    return LabelRequest(request_id=chosen, **(given | fields))


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        answer.raise_for_status()
        return cast("dict[str, Any]", answer.json()) if answer.content else {}

    def faults(self, *faults: Mapping[str, object]) -> None:
        self.control("PUT", "faults", {"seed": 1, "faults": faults})

    def behave(self, **settings: object) -> None:
        self.control("PUT", "settings", settings)

    def books(self, **query: str) -> dict[str, Any]:
        return cast("dict[str, Any]", self.http.get(f"{self.url}/_control/books", params=query).json())

    def sold(self, request_id: str) -> int:
        return int(self.books(request_id=request_id)["labels_sold"])

    def calls(self, outcome: str) -> int:
        return int(self.books()["calls"].get(outcome, 0))

    def calm(self) -> None:
        """No faults, no strange behaviour, the real time, no token left from another test."""
        for what in ("faults", "settings", "clock", "tokens"):
            self.control("DELETE", what)
        self.behave(pending_labels=0)


def command(data_dir: Path, *options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "laptop.vendors.canada_post",
        "--port",
        "0",
        "--data-dir",
        str(data_dir),
        *options,
    ]


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


def bounds(**given: Any) -> CanadaPostBounds:  # noqa: ANN401  # any of the bounds
    """Those of a test: nothing waits between calls."""
    return CanadaPostBounds(**{"apart": 0.0, **given})


def client(
    backend: str,
    url: str,
    *,
    account: ShippingAccount = ACCOUNT,
    bounded: CanadaPostBounds | None = None,
    clock: Clock = system_clock,
    pause: Callable[[float], None] = lambda _seconds: None,
) -> CanadaPost:
    bounded = bounded or bounds()
    if backend == "xml":
        key = XmlCredentials("our-key", SECRETS[1])
        return CanadaPostXml(key, account, base_url=url, bounds=bounded, pause=pause)
    application = JsonCredentials("our-app", SECRETS[0])
    return CanadaPostJson(application, account, base_url=url, bounds=bounded, clock=clock, pause=pause)


def wait_until(holds: Callable[[], bool]) -> None:
    """Looks again until it holds; the test's own timeout is the bound."""
    while not holds():
        time.sleep(0.02)
