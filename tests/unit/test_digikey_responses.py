from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.ports import BurstLimited, DailyLimited, ErrorCategory, Refused, Unavailable
from shared.errors import SettingsInvalid
from shared.vendors.digikey.account import (
    DigiKeyCredentials,
    DigiKeyLocale,
    checked_headers,
)
from shared.vendors.digikey.responses import (
    answer_of,
    error_text,
    failure,
    json_object,
    token_of,
)
from shared.vendors.response import Response

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
AGAIN = b"Please try again after the number of seconds in the Retry-After header"
DAILY = b'{"title": "Too Many Requests", "status": 429, "detail": "Daily Ratelimit exceeded. %s"}' % AGAIN
BURST = b'{"StatusCode": 429, "ErrorMessage": "BurstLimit exceeded", "ErrorDetails": "%s"}' % AGAIN
BURST_OF_V4 = b'{"title": "Too Many Requests", "status": 429, "detail": "BurstLimit exceeded. %s"}' % AGAIN
DAILY_OF_GATEWAY = (
    b'{"StatusCode": 429, "ErrorMessage": "Daily Ratelimit exceeded", "ErrorDetails": "%s"}' % AGAIN
)


def response(status: int = 429, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


# --- statuses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "category"),
    [
        (204, Refused, ErrorCategory.INVALID_RESPONSE),
        (302, Refused, ErrorCategory.INVALID_RESPONSE),
        (400, Refused, ErrorCategory.VENDOR_ERROR),
        (401, Refused, ErrorCategory.AUTH),
        (403, Refused, ErrorCategory.AUTH),
        (404, Refused, ErrorCategory.NOT_FOUND),
        (408, Unavailable, ErrorCategory.TIMEOUT),
        (418, Refused, ErrorCategory.VENDOR_ERROR),
        (500, Unavailable, ErrorCategory.VENDOR_ERROR),
        (599, Unavailable, ErrorCategory.VENDOR_ERROR),
        (600, Refused, ErrorCategory.INVALID_RESPONSE),
    ],
)
def test_each_status_has_one_meaning(
    status: int, outcome: type[Refused | Unavailable], category: ErrorCategory
) -> None:
    result = answer_of(response(status, b"{}", x_digikey_request_id="r-1"), NOW)
    assert isinstance(result, outcome)
    assert result.category is category
    assert "(request r-1)" in result.message
    assert result.answer == {"status": status, "request_id": "r-1", "body": {}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"title": "Not Found", "detail": "Requested Product abc Not Found"}',
            "Not Found: Requested Product abc",
        ),
        (
            b'{"ErrorMessage": "Invalid Client-Id", "ErrorDetails": "for requested"}',
            "Invalid Client-Id: for requ",
        ),
        (b'{"error": "invalid_client", "error_description": "no"}', "invalid_client: no"),
        (b'{"title": "Bad", "errors": {"Limit": ["too large"]}}', 'Bad: {"Limit": ["too large"]}'),
        (b'{"ErrorMessage": "Bad", "ValidationErrors": [{"Field": 1}]}', 'Bad: [{"Field": 1}]'),
        (b'{"title": 7, "detail": ["odd"]}', "7"),
        (b"<html><style>a{}</style><h1>502</h1>\n<p>Bad &amp; gone</p>", "502 Bad &amp; gone"),
        (b"plain  text", "plain text"),
        (b"", "no explanation"),
        (b"{}", "no explanation"),
        (b"[1]", "[1]"),
        (b"\xff\xfe\0", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        (b"x" * 9000, "x" * 500),
    ],
)
def test_the_vendors_words_are_found_in_any_shape(body: bytes, words: str) -> None:
    text = error_text(response(500, body))
    assert text.startswith(words)
    assert len(text) <= 500


# --- bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff",
        b"[" * 99_999,
    ],
)
def test_a_200_that_a_database_cannot_hold_is_refused(body: bytes) -> None:
    refused = answer_of(response(200, body), NOW)
    assert isinstance(refused, Refused)
    assert refused.category is ErrorCategory.INVALID_RESPONSE


def test_a_readable_answer_is_cleaned_for_the_database() -> None:
    body = b'{"a\\u0000": ["b\\u0000\\ud800", {"c": 1.5}], "d": "line\\nbreak \\ud83d\\ude00"}'
    assert answer_of(response(200, body), NOW) == {
        "a": ["b\N{REPLACEMENT CHARACTER}", {"c": 1.5}],
        "d": "line\nbreak \N{GRINNING FACE}",
    }


@pytest.mark.parametrize(
    "body", [b'{"a": "b\xed\xa0\x80"}', '{"a": "b\\ud800"}'.encode("utf-16")], ids=["raw", "UTF-16"]
)
def test_half_a_pair_is_replaced_however_it_was_sent(body: bytes) -> None:
    found = json_object(body)
    assert found is not None
    assert set(found["a"]) == {"b", "\N{REPLACEMENT CHARACTER}"}


@given(st.binary())
def test_any_body_is_an_object_or_nothing(body: bytes) -> None:
    assert json_object(body) is None or isinstance(json_object(body), dict)


@given(st.integers(100, 999), st.binary(), st.dictionaries(st.text(), st.text()))
def test_any_response_means_something(status: int, body: bytes, headers: dict[str, str]) -> None:
    result = failure(Response(status, headers, body), NOW)
    assert isinstance(result, Refused | Unavailable | BurstLimited | DailyLimited)
    assert result.message


@pytest.mark.parametrize(
    ("body", "token", "seconds"),
    [
        (b'{"access_token": "abc", "expires_in": 599, "token_type": "Bearer", "new": 1}', "abc", 599),
        (b'{"access_token": "abc"}', "abc", 599),
        (b'{"access_token": "abc", "expires_in": "1800"}', "abc", 1800),
    ],
)
def test_a_token_is_read_with_its_lifetime(body: bytes, token: str, seconds: float) -> None:
    granted = token_of(response(200, body))
    assert granted is not None
    assert (granted.access_token, granted.expires_in) == (token, seconds)
    assert token not in repr(granted)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": "a b"}',
        b'{"access_token": 5}',
        b'{"access_token": "a", "expires_in": 0}',
        b'{"access_token": "a", "expires_in": "soon"}',
    ],
)
def test_an_unusable_token_is_none(body: bytes) -> None:
    assert token_of(response(200, body)) is None


# --- 429 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limited",
    [
        response(body=BURST),
        response(body=BURST_OF_V4),
        response(x_burstlimit_remaining="0", x_ratelimit_remaining="0"),
        response(),
        response(body=b"slow down", retry_after="3", x_ratelimit_remaining="12"),
    ],
)
def test_a_burst_limit_is_recognised_by_text_or_headers(limited: Response) -> None:
    assert isinstance(failure(limited, NOW), BurstLimited)


@pytest.mark.parametrize(
    "limited",
    [
        response(body=DAILY),
        response(body=DAILY_OF_GATEWAY, x_burstlimit_limit="120"),
        response(x_ratelimit_remaining="0"),
        response(retry_after="12397"),
    ],
)
def test_a_daily_limit_is_recognised_by_text_or_headers(limited: Response) -> None:
    assert isinstance(failure(limited, NOW), DailyLimited)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("1.5", 1.5),
        ("999", 120),
        ("", 5),
        ("soon", 5),
        ("Thu, 01 Oct 2026 12:00:30 GMT", 30),
        ("Thu, 01 Oct 2026 11:00:00 GMT", 1),
        ("Thu, 01 Oct 2026 12:00:30 -0000", 30),
    ],
)
def test_a_burst_waits_as_asked_within_bounds(retry_after: str, seconds: float) -> None:
    limited = failure(response(body=BURST, retry_after=retry_after), NOW)
    assert isinstance(limited, BurstLimited)
    assert limited.retry_after == seconds


@pytest.mark.parametrize(
    ("reset", "retry_after", "wait"),
    [
        ("2026-10-01T15:26:37Z", "1", timedelta(hours=3, minutes=26, seconds=37)),
        ("2026-10-01T15:00:00.1234567Z", "1", timedelta(hours=3, microseconds=123456)),
        ("2026-10-01T13:00:00", "1", timedelta(hours=1)),
        ("2026-10-01T13:00:00+02:00", "12397", timedelta(seconds=12397)),
        ("2036-01-01T00:00:00Z", "60", timedelta(minutes=1)),
        ("tomorrow", "60", timedelta(minutes=1)),
        ("", "999999999", timedelta(hours=48)),
        ("", "0", timedelta(hours=1)),
        ("", "", timedelta(hours=1)),
    ],
)
def test_the_day_resets_at_the_named_time_if_it_is_ahead(
    reset: str, retry_after: str, wait: timedelta
) -> None:
    limited = failure(response(body=DAILY, x_ratelimit_resettime=reset, retry_after=retry_after), NOW)
    assert isinstance(limited, DailyLimited)
    assert limited.resets_at == NOW + wait


# --- the account ------------------------------------------------------------------------------------------


def test_the_optional_headers_are_sent_only_when_set() -> None:
    plain = checked_headers(DigiKeyCredentials("id", "secret"), DigiKeyLocale())
    assert plain == {
        "Accept": "application/json",
        "X-DIGIKEY-Client-Id": "id",
        "X-DIGIKEY-Locale-Site": "CA",
        "X-DIGIKEY-Locale-Language": "en",
        "X-DIGIKEY-Locale-Currency": "CAD",
    }
    whole = checked_headers(DigiKeyCredentials("id", "secret", "7", "8"), DigiKeyLocale())
    assert (whole["X-DIGIKEY-Account-Id"], whole["X-DIGIKEY-Customer-Id"]) == ("7", "8")


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "é"])
def test_credentials_that_no_header_can_carry_are_named_not_shown(bad: str) -> None:
    for credentials in (DigiKeyCredentials(bad, "s3cret"), DigiKeyCredentials("id", bad)):
        with pytest.raises(SettingsInvalid) as refused:
            checked_headers(credentials, DigiKeyLocale())
        assert "s3cret" not in str(refused.value)
        assert not bad or bad not in str(refused.value)


def test_secrets_stay_out_of_representations() -> None:
    assert "s3cret" not in repr(DigiKeyCredentials("id", "s3cret"))
