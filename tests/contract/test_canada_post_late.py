"""A purchase that has become too late is not sent, whatever took the time."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import system_clock
from shared.fulfillment.carrier import Bought
from shared.fulfillment.ports import Cause, NotSent
from shared.vendors.canada_post.carrier import CanadaPost
from tests.canada_post_support import BACKENDS, bounds, client, label_request
from tests.laptop.vendors.sandboxes import CanadaPostSandbox, canada_post

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOKEN = "/cpc-api-native-oauth-provider/oauth2/token"


class Watch:
    """A clock that stands at noon until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanadaPostSandbox]:
    with canada_post(tmp_path_factory.mktemp("canada-post")) as running:
        yield running


@pytest.fixture
def watch(vendor: CanadaPostSandbox) -> Watch:
    vendor.calm()
    return Watch()


def bought_late(carrier: CanadaPost, vendor: CanadaPostSandbox) -> bool:
    """Whether a purchase until noon was too late, and so reached the carrier with no byte."""
    request = label_request()
    outcome = carrier.buy(request, NOON)
    assert vendor.books(request_id=request.request_id)["calls"] == (
        {"sold": 1} if isinstance(outcome, Bought) else {}
    )
    return isinstance(outcome, NotSent) and outcome.cause is Cause.LATE


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_purchase_is_sent_until_its_last_moment_and_not_after(
    vendor: CanadaPostSandbox, watch: Watch, backend: str
) -> None:
    with client(backend, vendor.url, clock=watch) as carrier:
        assert not bought_late(carrier, vendor)
        watch.advance(0.001)
        assert bought_late(carrier, vendor)


def test_a_slow_token_makes_a_purchase_late(vendor: CanadaPostSandbox) -> None:
    vendor.calm()
    vendor.faults({"kind": "latency", "seconds": 0.3, "path": TOKEN})
    before = vendor.calls("token")
    request = label_request()
    with client("json", vendor.url) as carrier:
        outcome = carrier.buy(request, system_clock() + timedelta(seconds=0.1))
    assert isinstance(outcome, NotSent)
    assert outcome.cause is Cause.LATE
    assert vendor.calls("token") == before + 1
    assert vendor.books(request_id=request.request_id)["calls"] == {}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pause_between_calls_makes_a_purchase_late(
    vendor: CanadaPostSandbox, watch: Watch, backend: str
) -> None:
    with client(backend, vendor.url, clock=watch, bounded=bounds(apart=30.0), pause=watch.advance) as carrier:
        carrier.find("order")
        watch.now = NOON
        assert bought_late(carrier, vendor)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_slow_connection_makes_a_purchase_late(
    vendor: CanadaPostSandbox, watch: Watch, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def slow(*given: object, **named: object) -> socket.socket:
        watch.advance(60)
        return connect(*given, **named)  # type: ignore[arg-type]  # the network's own

    monkeypatch.setattr(socket, "create_connection", slow)
    with client(backend, vendor.url, clock=watch) as carrier:
        assert bought_late(carrier, vendor)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_client_whose_purchase_was_late_can_still_buy(
    vendor: CanadaPostSandbox, watch: Watch, backend: str
) -> None:
    with client(backend, vendor.url, clock=watch) as carrier:
        carrier.find("order")
        for _ in range(20):  # more than there are connections in the pool
            watch.now = NOON + timedelta(seconds=1)
            assert bought_late(carrier, vendor)
            watch.now = NOON
            assert not bought_late(carrier, vendor)
