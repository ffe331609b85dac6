"""The running sandbox behaves as the vendor documents."""

import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.laptop.vendors.sandboxes import MAKER, DigiKeySandbox, row, run_to_its_end, write_catalogue
from tests.laptop.vendors.sandboxes import digikey as digikey_sandbox
from tests.processes import PROJECT

FORM = {"client_id": "app", "client_secret": "secret", "grant_type": "client_credentials"}
DETAILS = "/products/v4/search/{}/productdetails"
KEYWORD = "/products/v4/search/keyword"
ROWS = [
    row("ONE", datasheet="http://example.com/1.pdf", specs={"package": "0402", "max_current": "1 A"}),
    row("SLASH/ED"),
    row("DUP", "Alpha"),
    row("DUP", "Beta"),
    row("1N4148", "Alpha"),
    row("1N4148", "Beta", preferred=True),
    *(row(f"LM317T{suffix}", "Delta", keywords="") for suffix in ("G", "", "/NOPB", "-TR")),
    *(row(f"PART-{number}") for number in range(40)),
    *(row(f"MANY-{number}", "Gamma", keywords="regulator") for number in range(60)),
]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DigiKeySandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with digikey_sandbox(write_catalogue(folder / "catalogue.jsonl", ROWS), folder / "data") as running:
        yield running


def token(vendor: DigiKeySandbox, client_id: str = "app") -> str:
    answer = vendor.http.post(f"{vendor.url}/v1/oauth2/token", data={**FORM, "client_id": client_id})
    return str(answer.json()["access_token"])


def headers(vendor: DigiKeySandbox, client_id: str = "app") -> dict[str, str]:
    return {"Authorization": f"Bearer {token(vendor, client_id)}", "X-DIGIKEY-Client-Id": client_id}


@pytest.fixture
def ours(vendor: DigiKeySandbox) -> dict[str, str]:
    vendor.calm()
    return headers(vendor)


def get(vendor: DigiKeySandbox, path: str, sent: dict[str, str], **params: str) -> httpx.Response:
    return vendor.http.get(vendor.url + path, headers=sent, params=params or None)


def search(vendor: DigiKeySandbox, sent: dict[str, str], body: object) -> httpx.Response:
    return vendor.http.post(vendor.url + KEYWORD, headers=sent, json=body)


# --- tokens -----------------------------------------------------------------------------------------------


def test_a_token_is_given_for_a_form_or_basic_credentials(vendor: DigiKeySandbox) -> None:
    url = f"{vendor.url}/v1/oauth2/token"
    answer = vendor.http.post(url, data=FORM).json()
    assert (answer["expires_in"], answer["token_type"]) == (599, "Bearer")
    basic = {"Authorization": "Basic " + b64encode(b"app:secret").decode()}
    assert vendor.http.post(url, data={"grant_type": "client_credentials"}, headers=basic).is_success


@pytest.mark.parametrize(
    ("request_parts", "status", "error"),
    [
        ({"json": FORM}, 400, "invalid_request"),
        ({"data": {**FORM, "grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"data": {**FORM, "client_secret": ""}}, 401, "invalid_client"),
        (
            {"data": {"grant_type": "client_credentials"}, "headers": {"Authorization": "Basic ???"}},
            401,
            "invalid_client",
        ),
        (
            {"data": {"grant_type": "client_credentials"}, "headers": {"Authorization": "Basic YWJj"}},
            401,
            "invalid_client",
        ),
    ],
)
def test_a_wrong_token_request_is_refused(
    vendor: DigiKeySandbox, request_parts: dict[str, Any], status: int, error: str
) -> None:
    answer = vendor.http.post(f"{vendor.url}/v1/oauth2/token", **request_parts)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_call_needs_a_token_and_the_client_id_it_was_given_to(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    for sent in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": f"Basic {token(vendor)}"}):
        answer = get(vendor, DETAILS.format("ONE"), sent)
        assert (answer.status_code, answer.json()["StatusCode"]) == (401, 401)
        assert search(vendor, sent, {"Keywords": "ONE"}).status_code == 401
    foreign = get(vendor, DETAILS.format("ONE"), {**ours, "X-DIGIKEY-Client-Id": "other"})
    assert foreign.status_code == 401
    assert foreign.json()["ErrorDetails"] == "X-DIGIKEY-Client-Id invalid for requested resource"


# --- details ----------------------------------------------------------------------------------------------


def test_a_part_is_described_from_its_row_and_always_alike(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    answer = get(vendor, DETAILS.format("one"), {**ours, "X-DIGIKEY-Locale-Currency": "CAD"})
    assert answer.json()["SearchLocaleUsed"] == {"Site": "US", "Language": "en", "Currency": "CAD"}
    product = answer.json()["Product"]
    assert product["ManufacturerProductNumber"] == "ONE"
    assert product["Manufacturer"]["Name"] == MAKER
    assert product["Category"]["Name"] == "Capacitor"
    assert product["Category"]["ChildCategories"][0]["Name"] == "Ceramic"
    assert [(each["ParameterText"], each["ValueText"]) for each in product["Parameters"]] == [
        ("Package / Case", "0402"),
        ("Max Current", "1 A"),
    ]
    assert product["DatasheetUrl"] in {"http://example.com/1.pdf", "//example.com/1.pdf"}
    assert product == get(vendor, DETAILS.format("ONE"), ours).json()["Product"]


def test_an_unencoded_slash_is_another_address(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    assert get(vendor, DETAILS.format("SLASH%2FED"), ours).is_success
    assert get(vendor, DETAILS.format("SLASH/ED"), ours).status_code == 404
    assert get(vendor, "/products/v4/search/ONE/media", ours).status_code == 404


def test_an_unknown_part_gets_problem_details(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    answer = get(vendor, DETAILS.format("abc"), ours)
    body = answer.json()
    assert (answer.status_code, body["title"], body["status"]) == (404, "Not Found", 404)
    assert body["detail"] == "Requested Product abc Not Found"


def test_a_number_of_two_manufacturers_needs_their_id(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    answer = get(vendor, DETAILS.format("DUP"), ours)
    assert answer.status_code == 400
    assert "Duplicate Products" in answer.json()["detail"]
    hits = search(vendor, ours, {"Keywords": "DUP"}).json()["ExactMatches"]
    assert [hit["Manufacturer"]["Name"] for hit in hits] == ["Alpha", "Beta"]
    beta = hits[1]["Manufacturer"]["Id"]
    named = get(vendor, DETAILS.format("DUP"), ours, manufacturerId=str(beta)).json()
    assert named["Product"]["Manufacturer"]["Name"] == "Beta"
    chosen = {"Keywords": "DUP", "FilterOptionsRequest": {"ManufacturerFilter": [{"Id": beta}]}}
    assert len(search(vendor, ours, chosen).json()["ExactMatches"]) == 1


def test_details_of_a_number_of_two_manufacturers_may_name_one_of_them(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    named = get(vendor, DETAILS.format("1N4148"), ours).json()["Product"]["Manufacturer"]["Name"]
    assert named == "Beta"
    assert len(search(vendor, ours, {"Keywords": "1N4148"}).json()["ExactMatches"]) == 2


def test_every_packaging_is_found_by_its_order_number(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    product = get(vendor, DETAILS.format("ONE"), ours).json()["Product"]
    numbers = {
        each["PackageType"]["Name"]: each["DigiKeyProductNumber"] for each in product["ProductVariations"]
    }
    assert [numbers[name][-5:] for name in ("Cut Tape (CT)", "Tape & Reel (TR)", "Digi-Reel®")] == [
        "-1-ND", "-2-ND", "-6-ND",
    ]  # fmt: skip
    for number in numbers.values():
        assert get(vendor, DETAILS.format(number.lower()), ours).json()["Product"] == product
        assert search(vendor, ours, {"Keywords": number}).json()["ExactMatches"] == [product]


def test_some_parts_have_another_sellers_offer_and_some_are_sold_no_more(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    found = [get(vendor, DETAILS.format(f"PART-{number}"), ours).json()["Product"] for number in range(40)]
    elsewhere = [each for part in found for each in part["ProductVariations"] if each["MarketPlace"]]
    assert 0 < len(elsewhere) < len(found)
    assert {each["Supplier"]["Name"] for each in elsewhere} == {"Another Seller"}
    unsold = [part for part in found if part["UnitPrice"] == 0]
    assert 0 < len(unsold) < len(found)
    assert {part["ProductStatus"]["Status"] for part in unsold} == {"Obsolete"}
    assert not any(each["StandardPricing"] for part in unsold for each in part["ProductVariations"])


# --- search -----------------------------------------------------------------------------------------------


def test_a_search_pages_through_its_hits(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    first = search(vendor, ours, {"Keywords": "gamma regulator", "Limit": 50}).json()
    rest = search(vendor, ours, {"Keywords": "gamma regulator", "Limit": 50, "Offset": 50}).json()
    assert (len(first["Products"]), len(rest["Products"]), first["ProductsCount"]) == (50, 10, 60)
    assert first["ExactMatches"] == []
    assert len(search(vendor, ours, {"Keywords": "MANY"}).json()["Products"]) == 10


def test_near_misses_are_hits_and_an_exact_one_need_not_be_the_first(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    answer = search(vendor, ours, {"Keywords": "LM317T"}).json()
    numbers = [hit["ManufacturerProductNumber"] for hit in answer["Products"]]
    assert sorted(numbers) == ["LM317T", "LM317T-TR", "LM317T/NOPB", "LM317TG"]
    assert numbers[0] != "LM317T"
    assert [hit["ManufacturerProductNumber"] for hit in answer["ExactMatches"]] == ["LM317T"]
    missed = search(vendor, ours, {"Keywords": "LM317TX"}).json()
    assert (missed["ProductsCount"], missed["ExactMatches"]) == (
        3,
        [],
    )  # a family, and none of it is the part


def test_nothing_found_is_an_answer(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    answer = search(vendor, ours, {"Keywords": "nothing like it"})
    assert answer.status_code == 200
    assert (answer.json()["Products"], answer.json()["ProductsCount"]) == ([], 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "Keywords"),
        ({"Keywords": " "}, "Keywords"),
        ({"Keywords": "a", "Limit": 51}, "Limit"),
        ({"Keywords": "a", "Limit": 0}, "Limit"),
        ([], "$"),
    ],
)
def test_a_wrong_search_names_its_field(
    vendor: DigiKeySandbox, ours: dict[str, str], body: object, field: str
) -> None:
    answer = search(vendor, ours, body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


# --- limits -----------------------------------------------------------------------------------------------


def test_every_data_answer_names_the_calls_left_today(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    vendor.control("PUT", "limits", {"daily": 10})
    left = [
        get(vendor, DETAILS.format(pn), ours).headers["x-ratelimit-remaining"] for pn in ("ONE", "x", "DUP")
    ]
    assert left == ["9", "8", "7"]
    assert vendor.control("GET", "limits")["used_today"] == {"app": 3}


def test_the_minutes_limit_has_the_gateways_shape(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    vendor.control("PUT", "limits", {"burst": 1})
    assert get(vendor, DETAILS.format("ONE"), ours).is_success
    answer = get(vendor, DETAILS.format("ONE"), ours)
    assert (answer.status_code, answer.json()["ErrorMessage"]) == (429, "BurstLimit exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert (answer.headers["x-burstlimit-limit"], answer.headers["x-burstlimit-remaining"]) == ("1", "0")
    assert datetime.fromisoformat(answer.headers["x-burstlimit-resettime"]) > datetime.now(UTC)
    other = headers(vendor, "another-app")
    assert get(vendor, DETAILS.format("ONE"), other).is_success  # limits are per application


def test_the_days_limit_has_problem_details_and_its_reset(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    vendor.control("PUT", "limits", {"daily": 0, "resets_in": 3600})
    answer = get(vendor, DETAILS.format("ONE"), ours)
    assert answer.status_code == 429
    assert answer.json()["detail"].startswith("Daily Ratelimit exceeded")
    assert "x-burstlimit-limit" not in answer.headers
    resets = datetime.fromisoformat(answer.headers["x-ratelimit-resettime"])
    assert abs((resets - datetime.now(UTC)).total_seconds() - int(answer.headers["retry-after"])) < 60


def test_the_day_starts_over_at_its_reset(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    vendor.control("PUT", "limits", {"daily": 1})
    get(vendor, DETAILS.format("ONE"), ours)
    assert get(vendor, DETAILS.format("ONE"), ours).status_code == 429
    vendor.control("PUT", "limits", {"resets_in": 0.05})
    while not get(vendor, DETAILS.format("ONE"), ours).is_success:
        pass  # the test's own time limit ends a day that never resets
    resets = datetime.fromisoformat(vendor.control("GET", "limits")["resets_at"])
    assert (resets.hour, resets.minute) == (0, 0)


def test_a_wrong_change_of_limits_is_refused(vendor: DigiKeySandbox) -> None:
    answer = vendor.http.put(f"{vendor.url}/_control/limits", json={"burst": -1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["burst"]


# --- books ------------------------------------------------------------------------------------------------


def test_the_books_count_look_ups_apart_from_answers_that_arrived(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    pn = "MANY-7"
    vendor.faults(
        {"kind": "error_before", "status": 503, "path": "/products", "times": 1},
        {"kind": "lost_answer", "path": "/products", "times": 1},
    )
    assert get(vendor, DETAILS.format(pn), ours).status_code == 503
    with pytest.raises(httpx.TransportError):
        get(vendor, DETAILS.format(pn), ours)
    assert get(vendor, DETAILS.format(pn), ours).is_success
    books = vendor.control("GET", f"books?pn={pn}")
    assert [(call["outcome"], call["fault"], call["looked_up"]) for call in books["calls"]] == [
        ("fault", "error_before", False),
        ("found", "lost_answer", True),
        ("found", None, True),
    ]
    assert (books["looked_up"], books["delivered"]) == ({pn: 2}, {pn: 1})
    assert books["parts"] == {pn: {"fault": 1, "found": 2}}


def test_an_injected_401_looks_like_a_missing_subscription(
    vendor: DigiKeySandbox, ours: dict[str, str]
) -> None:
    vendor.faults({"kind": "error_before", "status": 401, "path": "/products"})
    assert get(vendor, DETAILS.format("ONE"), ours).json()["ErrorMessage"] == "Invalid Client-Id"


def test_an_injected_end_of_the_day_lasts_to_its_reset(vendor: DigiKeySandbox, ours: dict[str, str]) -> None:
    vendor.control("PUT", "limits", {"resets_in": 7200})
    vendor.faults({"kind": "rate_limited", "limit": "daily", "path": "/products"})
    wait = int(get(vendor, DETAILS.format("ONE"), ours).headers["retry-after"])
    assert 3600 < wait <= 7200
    vendor.faults({"kind": "rate_limited", "path": "/products"})
    assert "x-burstlimit-reset" in get(vendor, DETAILS.format("ONE"), ours).headers


def test_books_tokens_and_the_days_count_survive_a_kill(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path / "catalogue.jsonl", ROWS)
    with digikey_sandbox(catalogue, tmp_path / "data") as first:
        sent = headers(first)
        assert get(first, DETAILS.format("ONE"), sent).is_success
        first.process.kill()
        first.process.wait(timeout=30)
    with digikey_sandbox(catalogue, tmp_path / "data", "--daily-limit", "1") as second:
        assert second.outcomes("ONE") == ["found"]
        assert get(second, DETAILS.format("ONE"), sent).status_code == 429
        assert second.control("GET", "health")["parts"] == len(ROWS)


# --- the catalogue ----------------------------------------------------------------------------------------


def start(catalogue: Path, data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_to_its_end("digikey", data_dir, "--catalogue", str(catalogue), *options)


def test_bad_rows_are_left_out_and_named_by_file_and_line(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.jsonl"
    rows = [
        b'{"pn": "GOOD", "manufacturer": "M"}',
        b"{",
        b"\xff",
        b"[]",
        b'{"pn": "", "manufacturer": 1}',
        b"",
    ]
    rows += [b'{"pn": "good", "manufacturer": "m"}', b"[" * 100_000, b'"' + b"x" * 1_000_001 + b'"'] + [
        b"1"
    ] * 30
    catalogue.write_bytes(b"\n".join(rows))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = start(catalogue, tmp_path / "data", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    complaints = ended.stderr.splitlines()
    assert complaints[0].startswith(f"{catalogue}:2: left out: not JSON")
    assert complaints[1] == f"{catalogue}:3: left out: not UTF-8"
    assert complaints[2].startswith(f"{catalogue}:4: left out: the row: Input should be")
    assert complaints[3].startswith(
        f"{catalogue}:5: left out: pn: String should have at least 1 character; manu"
    )
    assert complaints[4] == f"{catalogue}:7: left out: good by m was already read"
    assert "more rows left out" in complaints[-2]
    assert complaints[-1].startswith("digikey sandbox: cannot listen on 127.0.0.1:")


@pytest.mark.parametrize("content", [None, b"", b"{}\n"])
def test_a_catalogue_without_a_usable_part_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    catalogue = tmp_path / "catalogue.jsonl"
    if content is not None:
        catalogue.write_bytes(content)
    ended = start(catalogue, tmp_path / "data")
    assert ended.returncode == 2
    assert str(catalogue) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_shipped_catalogue_is_read_whole(tmp_path: Path) -> None:
    with digikey_sandbox(PROJECT / "data" / "parts_catalog.jsonl", tmp_path / "data") as running:
        health = running.control("GET", "health")
    assert (health["parts"], health["rows_left_out"]) == (4711, 0)
