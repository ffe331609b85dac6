"""The client against the running sandbox: the outcome of each answer of DigiKey."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import Clock, system_clock
from shared.enrichment.ports import (
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    Found,
    PartCatalogue,
    Product,
    Refused,
    Unavailable,
)
from shared.vendors.digikey.account import DigiKeyCredentials, DigiKeyLocale
from shared.vendors.digikey.client import DigiKeyBounds, DigiKeyCatalogue
from tests.laptop.vendors.sandboxes import MAKER, DigiKeySandbox, row, write_catalogue
from tests.laptop.vendors.sandboxes import digikey as digikey_sandbox

ODD_NUMBERS = ["A/B", "C#1", "DS1302S+", "TWO WORDS", "100%41", "Q?x=1&y", "Ünïcode-µ", ";a=b", "a..b", "%2F"]
ROWS = [
    *(row(pn) for pn in ODD_NUMBERS),
    row("PLAIN", specs={"package": "0402"}, datasheet="https://example.com/p.pdf"),
    row("DUP", "Texas Instruments"),
    row("DUP", "onsemi"),
    row("LONELY", ambiguous=True),
    row("OTHER", also_answers=["MISTAKEN", "VANISHED"]),
    row("MISTAKEN"),
    row(".."),
]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DigiKeySandbox]:
    folder = tmp_path_factory.mktemp("digikey")
    catalogue = write_catalogue(folder / "catalogue.jsonl", ROWS)
    options = ("--client-id", "our-app", "--client-secret", "our-secret")
    with digikey_sandbox(catalogue, folder / "data", *options) as running:
        yield running


@pytest.fixture
def digikey(vendor: DigiKeySandbox) -> Iterator[DigiKeyCatalogue]:
    vendor.calm()
    with client(vendor) as built:
        yield built


OURS = DigiKeyCredentials("our-app", "our-secret")


def client(
    vendor: DigiKeySandbox,
    credentials: DigiKeyCredentials = OURS,
    *,
    read: float = 20,
    clock: Clock = system_clock,
) -> DigiKeyCatalogue:
    return DigiKeyCatalogue(credentials, base_url=vendor.url, bounds=DigiKeyBounds(read=read), clock=clock)


def test_it_is_a_part_catalogue(digikey: DigiKeyCatalogue) -> None:
    catalogue: PartCatalogue = digikey
    found = catalogue.look_up("plain", MAKER)
    assert isinstance(found, Found)
    product = catalogue.read(found.answer, "plain", MAKER)
    assert isinstance(product, Product)
    assert found.product == product, "the fresh answer has been read: it is not read a second time"
    assert (product.pn, product.manufacturer, product.category) == ("PLAIN", MAKER, "Ceramic")
    assert product.currency == "CAD"
    assert [attribute.value for attribute in product.attributes] == ["0402"]


@pytest.mark.parametrize("pn", ODD_NUMBERS)
def test_a_part_number_of_any_characters_is_found_in_one_call(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox, pn: str
) -> None:
    before = vendor.outcomes(pn)
    assert isinstance(digikey.look_up(f" {pn} ", MAKER), Found)
    assert vendor.outcomes(pn)[len(before) :] == ["found"]


def test_a_number_of_dots_does_not_climb_the_address_but_is_searched(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    assert isinstance(digikey.look_up("..", MAKER), Found)
    assert vendor.outcomes("..") == ["search_hit"]


@pytest.mark.parametrize("pn", ["", "   ", "x" * 251, "\0\u200b", "\ud800"])
def test_a_text_that_cannot_be_a_part_number_is_not_sent(vendor: DigiKeySandbox, pn: str) -> None:
    vendor.calm()
    before = vendor.control("GET", "books")["calls_in_all"]
    with client(vendor) as digikey:
        refused = digikey.look_up(pn, None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.NOT_FOUND
    assert vendor.control("GET", "books")["calls_in_all"] == before


def test_an_unknown_part_is_refused_as_not_found_with_the_vendors_words(digikey: DigiKeyCatalogue) -> None:
    refused = digikey.look_up("NO-SUCH-PART", MAKER)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.NOT_FOUND
    assert "Requested Product NO-SUCH-PART Not Found" in refused.message
    assert refused.answer is not None
    assert refused.answer["status"] == 404
    assert refused.answer["request_id"] in refused.message


def test_the_manufacturer_resolves_an_ambiguous_number(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    before = len(vendor.outcomes("DUP"))
    found = digikey.look_up("DUP", "Onsemi Inc.")
    assert isinstance(found, Found)
    product = digikey.read(found.answer, "DUP", "Onsemi Inc.")
    assert isinstance(product, Product)
    assert (product.manufacturer, product.currency) == ("onsemi", "CAD")
    assert vendor.outcomes("DUP")[before:] == ["ambiguous", "search_hit"]


def test_without_a_manufacturer_an_ambiguous_number_goes_to_a_person(digikey: DigiKeyCatalogue) -> None:
    refused = digikey.look_up("DUP", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.AMBIGUOUS
    assert "Texas Instruments, onsemi" in refused.message
    assert refused.answer is not None
    assert len(refused.answer["ExactMatches"]) == 2


def test_an_ambiguous_number_of_another_manufacturer_is_not_found(digikey: DigiKeyCatalogue) -> None:
    refused = digikey.look_up("DUP", "Nexperia")
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.NOT_FOUND
    assert "not by Nexperia" in refused.message


def test_an_ambiguous_number_with_one_exact_match_is_found(digikey: DigiKeyCatalogue) -> None:
    assert isinstance(digikey.look_up("LONELY", None), Found)


def test_details_of_another_part_lead_to_a_search(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    found = digikey.look_up("MISTAKEN", MAKER)
    assert isinstance(found, Found)
    assert found.answer["Product"]["ManufacturerProductNumber"] == "MISTAKEN"
    assert vendor.outcomes("MISTAKEN") == ["mistaken", "search_hit"]


def test_details_of_another_part_are_never_taken_for_the_asked_one(digikey: DigiKeyCatalogue) -> None:
    refused = digikey.look_up("VANISHED", MAKER)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.NOT_FOUND


@pytest.mark.parametrize("path", ["/products/v4/search/DUP", "/products/v4/search/keyword"])
def test_either_call_meets_the_vendors_faults(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox, path: str
) -> None:
    vendor.faults({"kind": "error_before", "status": 502, "path": path})
    result = digikey.look_up("DUP", "onsemi")
    assert isinstance(result, Unavailable)
    assert "502" in result.message


@pytest.mark.parametrize(
    ("status", "outcome", "category"),
    [
        (403, Refused, ErrorCategory.AUTH),
        (404, Refused, ErrorCategory.NOT_FOUND),
        (408, Unavailable, ErrorCategory.TIMEOUT),
        (422, Refused, ErrorCategory.VENDOR_ERROR),
        (500, Unavailable, ErrorCategory.VENDOR_ERROR),
        (503, Unavailable, ErrorCategory.VENDOR_ERROR),
        (504, Unavailable, ErrorCategory.VENDOR_ERROR),
    ],
)
def test_an_error_status_says_whether_asking_again_can_help(
    digikey: DigiKeyCatalogue,
    vendor: DigiKeySandbox,
    status: int,
    outcome: type[Refused | Unavailable],
    category: ErrorCategory,
) -> None:
    vendor.faults({"kind": "error_before", "status": status, "path": "/products"})
    result = digikey.look_up("PLAIN", None)
    assert isinstance(result, outcome)
    assert result.category is category
    assert (
        vendor.control("GET", "faults")["faults"][0]["struck"] == 1
    )  # asked once: the queue retries, not the client


def test_a_bad_request_in_the_search_as_well_is_refused(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    vendor.faults({"kind": "error_before", "status": 400, "path": "/products"})
    refused = digikey.look_up("PLAIN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.VENDOR_ERROR


def test_many_look_ups_share_one_token(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    before = vendor.tokens()
    assert all(isinstance(digikey.look_up("PLAIN", None), Found) for _ in range(5))
    assert vendor.tokens() == before + 1


def test_threads_that_start_at_once_share_one_token(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    before = vendor.tokens()
    start = threading.Barrier(16)

    def look_up(_: int) -> object:
        start.wait(timeout=30)
        return digikey.look_up("PLAIN", None)

    with ThreadPoolExecutor(16) as pool:
        assert all(isinstance(result, Found) for result in pool.map(look_up, range(16)))
    assert vendor.tokens() == before + 1


def test_a_token_is_renewed_a_minute_before_its_end(vendor: DigiKeySandbox) -> None:
    vendor.calm()
    passed = timedelta()
    with client(vendor, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC) + passed) as digikey:
        before = vendor.tokens()
        digikey.look_up("PLAIN", None)
        passed = timedelta(seconds=538)
        digikey.look_up("PLAIN", None)
        assert vendor.tokens() == before + 1
        passed = timedelta(seconds=539)
        digikey.look_up("PLAIN", None)
        assert vendor.tokens() == before + 2


def test_a_revoked_token_is_replaced_unnoticed(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    digikey.look_up("PLAIN", None)
    vendor.control("DELETE", "tokens")
    before = vendor.tokens()
    assert isinstance(digikey.look_up("PLAIN", None), Found)
    assert vendor.tokens() == before + 1


def test_threads_whose_token_was_revoked_share_the_next_one(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    digikey.look_up("PLAIN", None)
    vendor.control("DELETE", "tokens")
    vendor.faults(
        {"kind": "latency", "seconds": 0.1, "path": "/products"}
    )  # so that all are under way at once
    before = vendor.tokens()
    with ThreadPoolExecutor(8) as pool:
        assert all(
            isinstance(found, Found) for found in pool.map(lambda _: digikey.look_up("PLAIN", None), range(8))
        )
    assert vendor.tokens() == before + 1


def test_a_refusal_after_a_new_token_is_final_and_quotes_the_vendor(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    vendor.faults({"kind": "error_before", "status": 401, "path": "/products"})
    before = vendor.tokens()
    refused = digikey.look_up("PLAIN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.AUTH
    assert "X-DIGIKEY-Client-Id invalid for requested resource" in refused.message
    assert vendor.tokens() == before + 2


def test_a_vendor_that_gives_no_second_token_is_as_unavailable_as_it_says(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    digikey.look_up("PLAIN", None)
    vendor.control("DELETE", "tokens")
    vendor.faults({"kind": "error_before", "status": 503, "path": "/v1/oauth2/token"})
    assert isinstance(digikey.look_up("PLAIN", None), Unavailable)


def test_wrong_credentials_are_refused_without_showing_them(vendor: DigiKeySandbox) -> None:
    vendor.calm()
    with client(vendor, DigiKeyCredentials("our-app", "not-our-secret")) as digikey:
        refused = digikey.look_up("PLAIN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.AUTH
    assert "invalid_client" in refused.message
    assert "not-our-secret" not in repr(refused)


def test_an_unreadable_token_does_not_refuse_the_record(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox
) -> None:
    vendor.faults({"kind": "malformed", "path": "/v1/oauth2/token"})
    result = digikey.look_up("PLAIN", None)
    assert isinstance(result, Unavailable)
    assert result.category is ErrorCategory.VENDOR_ERROR


def test_a_burst_limit_has_its_wait(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    vendor.control("PUT", "limits", {"burst": 1})
    assert isinstance(digikey.look_up("PLAIN", None), Found)
    limited = digikey.look_up("PLAIN", None)
    assert isinstance(limited, BurstLimited)
    assert 1 <= limited.retry_after <= 60
    assert "BurstLimit exceeded" in limited.message


def test_a_daily_limit_has_its_reset(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    vendor.control("PUT", "limits", {"daily": 1, "resets_in": 5000})
    assert isinstance(digikey.look_up("PLAIN", None), Found)
    limited = digikey.look_up("PLAIN", None)
    assert isinstance(limited, DailyLimited)
    wait = limited.resets_at - system_clock()
    assert timedelta(seconds=4000) < wait <= timedelta(seconds=5000)
    vendor.control("PUT", "limits", {"reset_day": True})
    assert isinstance(digikey.look_up("PLAIN", None), Found)


@pytest.mark.parametrize(
    "path", ["/v1/oauth2/token", "/products/v4/search/DUP", "/products/v4/search/keyword"]
)
def test_a_limit_is_understood_at_every_call(
    digikey: DigiKeyCatalogue, vendor: DigiKeySandbox, path: str
) -> None:
    vendor.faults({"kind": "rate_limited", "limit": "burst", "seconds": 7, "path": path})
    limited = digikey.look_up("DUP", "onsemi")
    assert isinstance(limited, BurstLimited)
    assert limited.retry_after == 7
    vendor.faults({"kind": "rate_limited", "limit": "daily", "seconds": 7200, "path": path})
    assert isinstance(digikey.look_up("DUP", "onsemi"), DailyLimited)


def test_a_silent_vendor_is_given_up_in_time(vendor: DigiKeySandbox) -> None:
    vendor.calm()
    vendor.faults({"kind": "timeout", "seconds": 60, "effect": "before", "path": "/products"})
    before = len(vendor.outcomes("PLAIN"))
    with client(vendor, read=0.2) as digikey:
        result = digikey.look_up("PLAIN", MAKER)
    assert isinstance(result, Unavailable)
    assert result.category is ErrorCategory.TIMEOUT
    assert vendor.outcomes("PLAIN")[before:] == ["found"]


def test_a_lost_answer_can_be_asked_for_again(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    vendor.faults({"kind": "lost_answer", "path": "/products", "times": 1})
    lost = digikey.look_up("PLAIN", None)
    assert isinstance(lost, Unavailable)
    assert lost.category is ErrorCategory.VENDOR_ERROR
    assert isinstance(digikey.look_up("PLAIN", None), Found)


def test_a_lost_search_can_be_asked_for_again(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    vendor.faults({"kind": "lost_answer", "path": "/products/v4/search/keyword", "times": 1})
    assert isinstance(digikey.look_up("LONELY", None), Unavailable)
    assert isinstance(digikey.look_up("LONELY", None), Found)


def test_an_unreadable_answer_is_refused(digikey: DigiKeyCatalogue, vendor: DigiKeySandbox) -> None:
    vendor.faults({"kind": "malformed", "path": "/products"})
    refused = digikey.look_up("PLAIN", None)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE


def test_the_locale_and_the_accounts_are_sent_along(vendor: DigiKeySandbox) -> None:
    vendor.calm()
    credentials = DigiKeyCredentials("our-app", "our-secret", account_id="7", customer_id="8")
    locale = DigiKeyLocale("FR", "fr", "EUR")
    with DigiKeyCatalogue(credentials, base_url=vendor.url, locale=locale) as digikey:
        found = digikey.look_up("PLAIN", None)
    assert isinstance(found, Found)
    assert found.answer["SearchLocaleUsed"] == {"Site": "FR", "Language": "fr", "Currency": "EUR"}
