"""Google's public keys, fetched from a server that answers as scripted."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from shared.cloud import iap_keys
from shared.cloud.iap_keys import APART, STALE, IapKeys
from shared.errors import VendorUnavailable
from tests.desk_support import new_key, public_jwk
from tests.scripted_vendor import respond, serving, trickling

ONE, TWO = public_jwk(new_key(), "one"), public_jwk(new_key(), "two")


class Google:
    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"keys": [ONE]}).encode()

    def list(self, *keys: dict[str, object]) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        respond(handler, self.status, self.body)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_keys_are_fetched_once_and_an_unknown_name_fetches_again_at_most_once_a_minute() -> None:
    google, clock = Google(), Clock()
    with serving(google) as (address, asked):
        keys = IapKeys(ssl.create_default_context, address=address, clock=clock)
        assert keys.key("one") == ONE
        assert keys.key("one") == ONE
        for name in map(str, range(20)):
            assert keys.key(name) is None
        assert len(asked) == 1
        google.list(ONE, TWO)
        clock.now += APART
        assert keys.key("two") == TWO
        assert keys.key("made up") is None
        assert len(asked) == 2


def test_a_withdrawn_key_counts_no_more_after_a_day() -> None:
    google, clock = Google(), Clock()
    with serving(google) as (address, _asked):
        keys = IapKeys(ssl.create_default_context, address=address, clock=clock)
        assert keys.key("one") == ONE
        google.list(TWO)
        clock.now += STALE
        assert keys.key("one") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (200, b"no json"),
        (200, b"[]"),
        (200, b'{"keys": 1}'),
        (200, b'{"keys": []}'),
        (302, b""),
    ],
)
def test_an_answer_without_keys_keeps_the_ones_that_are_known(status: int, body: bytes) -> None:
    google, clock = Google(), Clock()
    with serving(google) as (address, asked):
        keys = IapKeys(ssl.create_default_context, address=address, clock=clock)
        assert keys.key("one") == ONE
        google.status, google.body = status, body
        clock.now += STALE
        assert keys.key("one") == ONE
        assert len(asked) == 2
        nobody = IapKeys(ssl.create_default_context, address=address, clock=clock)
        with pytest.raises(VendorUnavailable):
            nobody.key("one")


def test_a_server_that_never_ends_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(iap_keys, "TIMEOUT", 0.2)
    with serving(trickling(ended)) as (address, _asked):
        try:
            with pytest.raises(VendorUnavailable):
                IapKeys(ssl.create_default_context, address=address).key("one")
        finally:
            ended.set()
