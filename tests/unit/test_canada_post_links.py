from dataclasses import replace

import pytest

from shared.vendors.canada_post.links import LinkRule
from shared.vendors.canada_post.redaction import personal_values, redacted
from tests.canada_post_support import label_request

GATEWAY = LinkRule("https://api.example/prod/portal", "/shipping/")
LEGACY = LinkRule("https://soa.example", "/rs/")
LOCAL = LinkRule("http://127.0.0.1:8080", "/rs/")
WHOLE = "https://api.example/prod/portal/shipping/v1/a/1?x=1"


@pytest.mark.parametrize(
    "href",
    [
        WHOLE,
        f"  {WHOLE} ",
        f'"{WHOLE}"',
        f"' {WHOLE}'",
        WHOLE.replace("api.example", "api.example:443"),
        WHOLE.replace("api.example", "API.example"),
        "HTTPS" + WHOLE.removeprefix("https"),
        "//api.example/prod/portal/shipping/v1/a/1?x=1",
        "/prod/portal/shipping/v1/a/1?x=1",
        "/shipping/v1/a/1?x=1",
        "shipping/v1/a/1?x=1",
    ],
)
def test_a_link_on_the_host_is_followed_however_it_is_written(href: str) -> None:
    assert GATEWAY.resolve(href) == WHOLE


def test_http_is_followed_on_this_machine_alone() -> None:
    assert LOCAL.resolve("http://127.0.0.1:8080/rs/a") == "http://127.0.0.1:8080/rs/a"
    assert LOCAL.resolve("https://127.0.0.1:8080/rs/a") is None
    assert LOCAL.resolve("http://127.0.0.1:8081/rs/a") is None
    assert LEGACY.resolve("http://soa.example/rs/a") is None


@pytest.mark.parametrize(
    "href",
    [
        "",
        " '' ",
        "https://soa.example.evil.example/rs/a",
        "https://evil.example/rs/a",
        "https://soa.example@evil.example/rs/a",
        "https://user:word@soa.example/rs/a",
        "https://soa.example:8443/rs/a",
        "https://soa.example:port/rs/a",
        "https://soa.example/rs/a#part",
        "https://soa.example/elsewhere",
        "https://soa.example/rs/../elsewhere",
        "https://soa.example/rs/%2e%2e/elsewhere",
        "https://soa.example/rs/..%2felsewhere",
        "https://soa.example/rs/a/..",
        "https://[broken/rs/a",
        "//evil.example/rs/a",
        "/rs\\..\\elsewhere",
        "/rs/a b",
        "/rs/\u0430",
        "/rs/a\r\nHost: evil.example",
        "javascript:alert(1)",
        "file:///rs/a",
    ],
)
def test_any_other_link_is_not_followed(href: str) -> None:
    assert LEGACY.resolve(href) is None


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        ("K1A0B1", "Postal code k1a 0b1 is invalid"),
        ("613-555-0199", "Telephone 6135550199 is invalid"),
        ("Alex Tremblay", "Name ALEX  TREMBLAY is too long"),
    ],
)
def test_values_are_masked_however_they_are_written(mask: str, text: str) -> None:
    assert "***" in redacted(text, [mask])
    assert redacted(text, ["AB", ""]) == text


def test_everything_that_names_the_addressee_is_personal() -> None:
    request = label_request()
    to = replace(request.destination, company="Chez Nous", additional_info="Buzz 12")
    hidden = personal_values(replace(request, destination=to))
    words = "Alex Tremblay, Chez Nous, Buzz 12, 123 Example Street, Unit 4, Ottawa, K1A 0B1, 613-555-0199"
    assert redacted(words, hidden) == ", ".join(["***"] * 8)
