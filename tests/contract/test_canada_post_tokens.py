"""The JSON API's token: one for all threads, renewed early, and never the cause of a second POST."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.fulfillment.carrier import Bought, Unknown
from shared.fulfillment.ports import Cause, NotSent
from shared.vendors.canada_post.account import JsonCredentials, XmlCredentials
from shared.vendors.canada_post.carrier import CanadaPost
from shared.vendors.canada_post.json_api import CanadaPostJson
from shared.vendors.canada_post.xml_api import CanadaPostXml
from tests.canada_post_support import (
    ACCOUNT,
    JSON_SHIPMENTS,
    NEVER_LATE,
    SECRETS,
    bounds,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

TOKEN = "/cpc-api-native-oauth-provider/oauth2/token"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    folder = tmp_path_factory.mktemp("canada-post")
    ours = (
        "--client-id",
        "our-app",
        "--client-secret",
        SECRETS[0],
        "--user",
        "our-key",
        "--password",
        SECRETS[1],
    )
    with canada_post(folder, *ours) as running:
        yield running


@pytest.fixture
def carrier(vendor: CanadaPostSandbox) -> Iterator[CanadaPost]:
    vendor.calm()
    with client("json", vendor.url) as built:
        yield built


def test_threads_that_start_at_once_share_one_token(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    before = vendor.calls("token")
    start = threading.Barrier(12)

    def look_up(_: int) -> object:
        start.wait(timeout=30)
        return carrier.find("order")

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(look_up, range(12))) == {Unknown()}
    assert vendor.calls("token") == before + 1


def test_a_token_is_renewed_a_minute_before_its_end(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    passed = timedelta()
    with client("json", vendor.url, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC) + passed) as carrier:
        before = vendor.calls("token")
        carrier.find("order")
        passed = timedelta(seconds=3539)
        carrier.find("order")
        assert vendor.calls("token") == before + 1
        passed = timedelta(seconds=3540)
        carrier.find("order")
        assert vendor.calls("token") == before + 2


def test_a_revoked_token_is_replaced_for_a_look_up(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    carrier.find("order")
    vendor.control("DELETE", "tokens")
    before = vendor.calls("token")
    assert carrier.find("order") == Unknown()
    assert vendor.calls("token") == before + 1


def test_threads_whose_token_was_revoked_share_the_next_one(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    carrier.find("order")
    vendor.control("DELETE", "tokens")
    vendor.faults(
        {"kind": "latency", "seconds": 0.1, "path": JSON_SHIPMENTS}
    )  # so that all are under way at once
    before = vendor.calls("token")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: carrier.find("order"), range(8))) == {Unknown()}
    assert vendor.calls("token") == before + 1


def test_a_purchase_with_a_revoked_token_is_not_repeated_but_the_next_one_succeeds(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    carrier.find("order")
    vendor.control("DELETE", "tokens")
    request = label_request()
    before = vendor.calls("unauthorized")
    assert carrier.buy(request, NEVER_LATE) == NotSent(
        "Canada Post refused the token; the next call gets a new one"
    )
    assert vendor.calls("unauthorized") == before + 1
    assert isinstance(carrier.buy(request, NEVER_LATE), Bought)
    assert vendor.sold(request.request_id) == 1


def test_a_token_that_is_refused_again_is_final(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    vendor.faults({"kind": "error_before", "status": 401, "path": JSON_SHIPMENTS})
    before = vendor.calls("token")
    refused = carrier.find("order")
    assert isinstance(refused, NotSent)
    assert refused.cause is Cause.ACCOUNT
    assert vendor.calls("token") == before + 2


def test_a_second_refused_token_in_a_row_means_a_wrong_account(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    vendor.faults({"kind": "error_before", "status": 401, "path": JSON_SHIPMENTS, "times": 2})
    causes = []
    for _ in range(2):
        unsent = carrier.buy(label_request(), NEVER_LATE)
        assert isinstance(unsent, NotSent)
        causes.append(unsent.cause)
    assert causes == [Cause.AWAY, Cause.ACCOUNT]
    assert isinstance(carrier.buy(label_request(), NEVER_LATE), Bought)


@pytest.mark.parametrize(
    ("fault", "cause", "retry_after"),
    [
        ({"kind": "error_before", "status": 503}, Cause.AWAY, None),
        ({"kind": "error_before", "status": 401}, Cause.ACCOUNT, 300),
        ({"kind": "rate_limited"}, Cause.THROTTLED, 60),
        ({"kind": "malformed"}, Cause.AWAY, None),
        ({"kind": "html"}, Cause.AWAY, None),
        ({"kind": "lost_answer"}, Cause.AWAY, None),
    ],
)
def test_without_a_token_nothing_is_sent(
    carrier: CanadaPost,
    vendor: CanadaPostSandbox,
    fault: dict[str, object],
    cause: Cause,
    retry_after: float | None,
) -> None:
    vendor.faults({**fault, "path": TOKEN})
    request = label_request()
    unsent = carrier.buy(request, NEVER_LATE)
    assert isinstance(unsent, NotSent)
    assert (unsent.cause, unsent.retry_after) == (cause, retry_after)
    assert unsent.message.startswith("no token: ")
    assert carrier.find(request.request_id) == unsent
    assert vendor.sold(request.request_id) == 0


def test_a_vendor_that_gives_no_second_token_leaves_a_look_up_for_later(
    carrier: CanadaPost, vendor: CanadaPostSandbox
) -> None:
    carrier.find("order")
    vendor.control("DELETE", "tokens")
    vendor.faults({"kind": "error_before", "status": 503, "path": TOKEN})
    assert isinstance(carrier.find("order"), NotSent)


@pytest.mark.parametrize("backend", ["json", "xml"])
def test_wrong_credentials_are_reported_without_showing_them(vendor: CanadaPostSandbox, backend: str) -> None:
    vendor.calm()
    wrong: CanadaPost
    if backend == "json":
        wrong = CanadaPostJson(
            JsonCredentials("our-app", "not-ours"),
            ACCOUNT,
            base_url=vendor.url,
            bounds=bounds(),
            pause=lambda _: None,
        )
    else:
        wrong = CanadaPostXml(
            XmlCredentials("our-key", "not-ours"), ACCOUNT, base_url=vendor.url, bounds=bounds()
        )
    with wrong as carrier:
        unsent = carrier.buy(label_request(), NEVER_LATE)
        assert isinstance(unsent, NotSent)
        assert "401" in unsent.message
        assert (unsent.cause, unsent.retry_after) == (Cause.ACCOUNT, 300)
        found = carrier.find("order")
        assert isinstance(found, NotSent)
        assert found.cause is Cause.ACCOUNT
        assert "not-ours" not in unsent.message + found.message


def test_calls_have_a_pause_between_them(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    waited: list[float] = []
    with client("json", vendor.url, bounded=bounds(apart=30.0), pause=waited.append) as carrier:
        carrier.find("order")
        carrier.find("order")
    assert len(waited) == 2  # after the token, and after the first look-up
    assert all(0 < seconds <= 30 for seconds in waited)
