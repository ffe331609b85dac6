"""The outcome of a purchase under each fault, for both APIs, and the look-up after it."""

import socket
from collections.abc import Iterator

import pytest

from shared.fulfillment.carrier import Bought, Pdf, Unknown
from shared.fulfillment.ports import Cause, NotSent, Refused, Unclear
from shared.vendors.canada_post.carrier import CanadaPost
from tests.canada_post_support import (
    ARTIFACTS,
    BACKENDS,
    NEVER_LATE,
    SECRETS,
    SHIPMENTS,
    bounds,
    client,
    label_request,
)
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture(params=BACKENDS)
def backend(vendor: CanadaPostSandbox, request: pytest.FixtureRequest) -> str:
    vendor.calm()
    return str(request.param)


@pytest.fixture
def carrier(vendor: CanadaPostSandbox, backend: str) -> Iterator[CanadaPost]:
    with client(backend, vendor.url) as built:
        yield built


@pytest.mark.parametrize(
    ("fault", "sold"),
    [
        ({"kind": "error_before", "status": 500}, 0),
        ({"kind": "error_after", "status": 500}, 1),
        ({"kind": "error_before", "status": 503}, 0),
        ({"kind": "error_after", "status": 504}, 1),
        ({"kind": "error_after", "status": 408}, 1),
        ({"kind": "error_before", "status": 409}, 0),
        ({"kind": "error_before", "status": 412}, 0),
        ({"kind": "timeout", "seconds": 0}, 0),
        ({"kind": "timeout", "seconds": 0, "effect": "before"}, 1),
        ({"kind": "lost_answer"}, 1),
        ({"kind": "malformed"}, 1),
        ({"kind": "html"}, 0),
        ({"kind": "html", "effect": "before"}, 1),
        ({"kind": "html", "status": 404}, 0),
        ({"kind": "html", "status": 502, "effect": "before"}, 1),
    ],
)
def test_after_an_unclear_answer_the_look_up_finds_the_truth(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], sold: int
) -> None:
    vendor.faults({**fault, "path": SHIPMENTS[backend], "method": "POST"})
    request = label_request()
    assert isinstance(carrier.buy(request, NEVER_LATE), Unclear)
    assert vendor.sold(request.request_id) == sold
    assert vendor.control("GET", "faults")["faults"][0]["struck"] == 1  # one POST, never repeated
    found = carrier.find(request.request_id)
    assert isinstance(found, Bought) if sold else found == Unknown()


@pytest.mark.parametrize("effect", ["none", "before"])
def test_a_silent_purchase_is_unclear_and_found_later(
    backend: str, vendor: CanadaPostSandbox, effect: str
) -> None:
    vendor.faults(
        {"kind": "timeout", "seconds": 60, "effect": effect, "path": SHIPMENTS[backend], "method": "POST"}
    )
    request = label_request()
    with client(backend, vendor.url, bounded=bounds(buy=0.5)) as impatient:
        assert impatient.buy(request, NEVER_LATE) == Unclear(
            "Canada Post did not answer in time (ReadTimeout)"
        )
        if effect == "before":
            wait_until(lambda: vendor.sold(request.request_id) == 1)
            assert isinstance(impatient.find(request.request_id), Bought)
        else:
            assert impatient.find(request.request_id) == Unknown()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "rate_limited"}, NotSent),
        ({"kind": "error_before", "status": 401}, NotSent),
        ({"kind": "error_before", "status": 400}, Refused),
        ({"kind": "error_before", "status": 403}, NotSent),
        ({"kind": "html", "status": 403}, NotSent),
        ({"kind": "error_before", "status": 422}, Refused),
    ],
)
def test_a_purchase_that_was_not_made_is_never_taken_for_one(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], outcome: type
) -> None:
    vendor.faults({**fault, "path": SHIPMENTS[backend], "method": "POST"})
    request = label_request()
    assert isinstance(carrier.buy(request, NEVER_LATE), outcome)
    assert vendor.sold(request.request_id) == 0
    assert vendor.control("GET", "faults")["faults"][0]["struck"] == 1


def test_a_refusal_quotes_the_vendor(carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox) -> None:
    vendor.faults({"kind": "error_before", "status": 400, "path": SHIPMENTS[backend]})
    words = "Canada Post answered 400: 9111 Injected by the fault plan"
    assert carrier.buy(label_request(), NEVER_LATE) == Refused(words, "9111")


def test_a_throttled_key_waits_a_minute(carrier: CanadaPost, vendor: CanadaPostSandbox) -> None:
    carrier.find("warm-up")
    vendor.behave(calls_per_minute=0)
    limited = carrier.buy(label_request(), NEVER_LATE)
    assert isinstance(limited, NotSent)
    assert limited.retry_after == 60
    assert "Rejected by SLM Monitor" in limited.message
    before = vendor.calls("throttled")
    found = carrier.find("order")
    assert isinstance(found, NotSent)
    assert (found.cause, found.retry_after) == (Cause.THROTTLED, 60)
    assert vendor.calls("throttled") == before + 1  # waiting here would take too long


def test_nothing_is_sent_if_nobody_listens(backend: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with client(backend, url) as carrier:
            unsent = carrier.buy(label_request(), NEVER_LATE)
            label = carrier.fetch_label(f"{url}{ARTIFACTS[backend]}/1/1/0")
            for outcome in (unsent, carrier.find("order"), label):
                assert isinstance(outcome, NotSent)
                assert outcome.cause is Cause.AWAY


@pytest.mark.parametrize(
    "fault",
    [{"kind": "error_before", "status": 503}, {"kind": "lost_answer"}, {"kind": "timeout", "seconds": 0}],
)
def test_a_look_up_survives_two_failures_but_not_three(
    backend: str, vendor: CanadaPostSandbox, fault: dict[str, object]
) -> None:
    waited: list[float] = []
    with client(backend, vendor.url, pause=waited.append) as carrier:
        request = label_request()
        label = carrier.buy(request, NEVER_LATE)
        struck = {**fault, "path": SHIPMENTS[backend], "method": "GET"}
        vendor.faults({**struck, "times": 2})
        assert carrier.find(request.request_id) == label
        assert waited == [1, 2]
        vendor.faults({**struck, "times": 3})
        assert isinstance(carrier.find(request.request_id), Unclear)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "malformed"},
        {"kind": "html"},
        {"kind": "html", "status": 404},
        {"kind": "error_before", "status": 400},
    ],
)
def test_a_look_up_that_cannot_be_read_never_says_unknown(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object]
) -> None:
    request = label_request()
    carrier.buy(request, NEVER_LATE)
    vendor.faults({**fault, "path": SHIPMENTS[backend], "method": "GET"})
    assert isinstance(carrier.find(request.request_id), Unclear)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "malformed"}, {"kind": "error_before", "status": 404}, {"kind": "lost_answer"}],
)
def test_a_shipment_that_was_found_but_cannot_be_read_stays_unclear(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object]
) -> None:
    request = label_request()
    carrier.buy(request, NEVER_LATE)
    vendor.faults({**fault, "path": f"{SHIPMENTS[backend]}/"})
    assert isinstance(carrier.find(request.request_id), Unclear)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "error_before", "status": 503, "times": 2}, "Pdf"),
        ({"kind": "error_before", "status": 503}, "Unclear"),
        ({"kind": "lost_answer"}, "Unclear"),
        ({"kind": "malformed"}, "NotReady"),
        ({"kind": "html"}, "NotReady"),
        ({"kind": "error_before", "status": 404}, "Refused"),
        ({"kind": "rate_limited"}, "NotSent"),
        ({"kind": "error_before", "status": 401}, "NotSent"),
    ],
)
def test_only_a_pdf_is_taken_for_a_label(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox, fault: dict[str, object], outcome: str
) -> None:
    label = carrier.buy(label_request(), NEVER_LATE)
    assert isinstance(label, Bought)
    vendor.faults({**fault, "path": ARTIFACTS[backend]})
    assert type(carrier.fetch_label(label.label_link or "")).__name__ == outcome
    vendor.control("DELETE", "faults")
    assert isinstance(carrier.fetch_label(label.label_link or ""), Pdf)


def test_no_outcome_shows_a_secret_or_the_addressee(
    carrier: CanadaPost, backend: str, vendor: CanadaPostSandbox
) -> None:
    kinds = ("lost_answer", "malformed", "html", "rate_limited")
    faults: list[dict[str, object]] = [{"kind": kind} for kind in kinds]
    faults += [{"kind": "error_before", "status": status} for status in (400, 401, 403, 500, 503)]
    for fault in faults:
        vendor.faults({**fault, "path": SHIPMENTS[backend]})
        shown = repr(carrier.buy(label_request(), NEVER_LATE)) + repr(carrier.find("order"))
        assert not any(
            hidden in shown for hidden in (*SECRETS, "Tremblay", "Example Street", "K1A0B1", "613-555")
        )
