"""One vendor for all systems: DigiKey's token and product-details calls, answered with 4 KB after a delay.

`python -m infra.bench.peers.vendor PORT RECORDS`. The first call of some parts, chosen by number, is answered 503.
`GET /_stats` counts the calls; `POST /_reset` with `{"delay": seconds, "fail_permille": n}` forgets them.
"""

import asyncio
import json
import sys
import zlib
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import uvicorn
from starlette.types import Receive, Scope, Send

_LENGTH = 4096
_DETAILS = 6
_UNAVAILABLE = b'{"title":"Service Unavailable","status":503,"detail":"try again"}'
_TOKEN = b'{"access_token":"bench-token","expires_in":86400,"token_type":"Bearer"}'


def _variation(number: str, package: str, least: int) -> dict[str, object]:
    steps = (1, 10, 25, 100, 250, 500, 1000)
    pricing = [
        {
            "BreakQuantity": least * q,
            "UnitPrice": round(1.23 / (1 + q / 50), 4),
            "TotalPrice": round(1.23 * q, 2),
        }
        for q in steps
    ]
    return {
        "DigiKeyProductNumber": number,
        "PackageType": {"Id": 2, "Name": package},
        "StandardPricing": pricing,
        "MyPricing": [],
        "QuantityAvailableforPackageType": 12345,
        "MinimumOrderQuantity": least,
        "StandardPackage": least,
    }


def _parameters() -> list[dict[str, object]]:
    names = (
        "Package / Case", "Mounting Type", "Operating Temperature", "Voltage - Supply", "Current - Output",
        "Frequency", "Tolerance", "Number of Pins",
    )  # fmt: skip
    return [
        {
            "ParameterId": 100 + n,
            "ParameterText": name,
            "ParameterType": "String",
            "ValueId": str(n),
            "ValueText": f"value {n}",
        }
        for n, name in enumerate(names)
    ]


def _category(number: int, name: str, children: list[object]) -> dict[str, object]:
    return {"CategoryId": number, "ParentId": number - 1, "Name": name, "ChildCategories": children}


def _template() -> tuple[bytes, bytes, bytes]:
    """The answer, cut at the maker and at the part number."""
    product = {
        "Description": {"ProductDescription": "IC SOMETHING OR OTHER SOT-23", "DetailedDescription": ""},
        "Manufacturer": {"Id": 296, "Name": "@MAKER@"},
        "ManufacturerProductNumber": "@PN@",
        "UnitPrice": 1.23,
        "ProductUrl": "https://www.digikey.example/en/products/detail/296/1234567",
        "DatasheetUrl": "https://www.example.com/datasheets/1234567.pdf",
        "PhotoUrl": "https://mm.digikey.example/photos/1234567.jpg",
        "ProductVariations": [
            _variation("296-1234-1-ND", "Cut Tape (CT)", 1),
            _variation("296-1234-2-ND", "Tape & Reel (TR)", 2500),
        ],
        "QuantityAvailable": 12345,
        "ProductStatus": {"Id": 0, "Status": "Active"},
        "Discontinued": False,
        "EndOfLife": False,
        "PrimaryVideoUrl": None,
        "Parameters": _parameters(),
        "Category": _category(1, "Integrated Circuits", [_category(2, "Linear", [])]),
        "ManufacturerLeadWeeks": "12",
        "Series": {"Id": 77, "Name": "ABC"},
        "Classifications": {"RohsStatus": "ROHS3 Compliant", "ExportControlClassNumber": "EAR99"},
    }
    answer = {"SearchLocaleUsed": {"Site": "CA", "Language": "en", "Currency": "CAD"}, "Product": product}
    missing = _LENGTH - len(json.dumps(answer, separators=(",", ":")))
    product["Description"] = {
        "ProductDescription": "IC SOMETHING SOT-23",
        "DetailedDescription": "d" * missing,
    }
    first, _, rest = json.dumps(answer, separators=(",", ":")).encode().partition(b"@MAKER@")
    second, _, third = rest.partition(b"@PN@")
    return first, second, third


class Vendor:
    def __init__(self, makers: dict[str, str]) -> None:
        self._makers = makers
        self._template = _template()
        self._delay = 0.02
        self._fail_permille = 0
        self._calls: Counter[str] = Counter()
        self._found: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        pieces = scope["raw_path"].split(b"?")[0].split(b"/")
        status, body = 200, b"{}"
        if path.startswith("/products/v4/search/") and len(pieces) == _DETAILS:
            status, body = await self._details(unquote(pieces[4].decode()))
        elif path == "/v1/oauth2/token":
            body = _TOKEN
        elif path == "/_stats":
            body = json.dumps(self._stats()).encode()
        elif path == "/_reset":
            self._reset(json.loads((await receive())["body"]))
        else:
            status = 404
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _details(self, pn: str) -> tuple[int, bytes]:
        self._calls[pn] += 1
        is_first = self._calls[pn] == 1
        await asyncio.sleep(self._delay)
        if is_first and zlib.crc32(pn.encode()) % 1000 < self._fail_permille:
            return 503, _UNAVAILABLE
        self._found[pn] += 1
        first, second, third = self._template
        maker = json.dumps(self._makers.get(pn, "Acme"))[1:-1].encode()
        return 200, first + maker + second + pn.encode() + third

    def _stats(self) -> dict[str, int]:
        again = sum(count - 1 for count in self._found.values())
        return {"found": self._found.total(), "parts": len(self._found), "again": again}

    def _reset(self, order: dict[str, float]) -> None:
        self._delay, self._fail_permille = order["delay"], int(order["fail_permille"])
        self._calls.clear()
        self._found.clear()


def main(port: int, records: Path) -> None:
    with records.open(encoding="utf-8") as lines:
        makers = {part["pn"]: part["manufacturer"] for part in map(json.loads, lines)}
    config = uvicorn.Config(
        Vendor(makers),
        port=port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=300,
        lifespan="off",
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
