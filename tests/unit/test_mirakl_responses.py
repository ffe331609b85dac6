import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.fulfillment.ports import Attachment, Cause, Done, NotSent, Posted, Refused, Unclear
from shared.retries import Again
from shared.vendors.mirakl.responses import explanation, file_of, outcome_of, posted_of, reading_of
from shared.vendors.response import Response

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PAGE = b"<!DOCTYPE html><html><body>Access denied for Chlo\xc3\xa9 Tremblay</body></html>"


def answer(
    status: int, body: object = None, kind: str = "application/json;charset=UTF-8", **headers: str
) -> Response:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(status, {"content-type": kind} | headers, raw)


# --- calls that change something --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response", [answer(204), answer(204, PAGE), answer(200), answer(200, {"ok": 1}), answer(202, b"  ")]
)
def test_a_success_is_done(response: Response) -> None:
    assert outcome_of(response, NOW) == Done()


@pytest.mark.parametrize(
    "response",
    [
        answer(200, b'{"answer": {"cut off'),
        answer(200, PAGE, "text/html"),
        answer(200, [1]),
        answer(201, b"accepted", "text/plain"),
        answer(302, b"", location="https://elsewhere.example"),
        answer(304),
        answer(408),
        answer(500, {"message": "oops"}),
        answer(502, PAGE, "text/html"),
        answer(503),
        answer(504),
        answer(599),
    ],
)
def test_a_change_that_may_have_happened_is_unclear(response: Response) -> None:
    assert isinstance(outcome_of(response, NOW), Unclear)


def test_a_full_minute_means_that_nothing_was_done() -> None:
    limited = answer(429, {"message": "Too many requests", "status": 429}, **{"retry-after": "42"})
    text = "Mirakl answered 429: Too many requests"
    assert outcome_of(limited, NOW) == NotSent(text, 42.0, Cause.THROTTLED)
    page = answer(429, PAGE, "text/html")
    assert outcome_of(page, NOW) == NotSent(explanation(page), None, Cause.THROTTLED)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 422])
def test_a_refusal_quotes_the_marketplace(status: int) -> None:
    refused = answer(status, {"message": "Order with identifier 'X-A' not found", "status": status})
    assert outcome_of(refused, NOW) == Refused(
        f"Mirakl answered {status}: Order with identifier 'X-A' not found"
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_allowed_is_the_accounts_fault_and_not_the_orders(status: int) -> None:
    outcome = outcome_of(answer(status, {"message": "no", "status": status}), NOW)
    assert outcome == NotSent(f"Mirakl answered {status}: no", 300, Cause.ACCOUNT)


def test_a_code_is_found_in_either_error_shape() -> None:
    plain = answer(400, {"code": "ORDER_INVALID_STATE", "message": "no", "status": 400})
    assert outcome_of(plain, NOW) == Refused(
        "Mirakl answered 400: ORDER_INVALID_STATE no", "ORDER_INVALID_STATE"
    )
    errors = [{"field": "order_lines", "message": "must not be empty"}, {"code": "VALIDATION_ERROR"}]
    listed = outcome_of(answer(400, {"errors": errors}), NOW)
    assert listed == Refused(
        "Mirakl answered 400: VALIDATION_ERROR order_lines: must not be empty", "VALIDATION_ERROR"
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_gateways_refusal_never_reached_the_marketplace(status: int) -> None:
    turned_away = outcome_of(answer(status, PAGE, "text/html"), NOW)
    assert isinstance(turned_away, NotSent)
    assert (turned_away.retry_after, turned_away.cause) == (300, Cause.ACCOUNT)
    assert "allow-list" in turned_away.message
    assert "Tremblay" not in turned_away.message


def test_a_page_with_another_content_type_is_recognised() -> None:
    assert isinstance(outcome_of(answer(403, PAGE), NOW), NotSent)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nothing to read", "nothing readable (15 bytes, application/json)"),
        ([1], "nothing readable (3 bytes, application/json)"),
        ({"detail": "other words"}, "no explanation"),
        ({"errors": "none", "message": None}, "no explanation"),
        (b'{"message": NaN}', "nothing readable (16 bytes, application/json)"),
        (b"[" * 100_000, "nothing readable (100000 bytes, application/json)"),
    ],
)
def test_a_refusal_without_words_is_still_a_refusal(body: object, words: str) -> None:
    assert outcome_of(answer(400, body), NOW) == Refused(f"Mirakl answered 400: {words}")


def test_long_words_are_cut_and_plain_text_is_not_quoted() -> None:
    assert len(explanation(answer(400, {"message": "x" * 5000}))) < 400
    assert "Tremblay" not in explanation(answer(400, b"for Tremblay", "text/plain"))
    assert explanation(Response(400, {}, b"x")) == "Mirakl answered 400: nothing readable (1 bytes, no type)"


# --- replies and files -------------------------------------------------------------------------------------


def test_a_stored_reply_has_an_id() -> None:
    assert posted_of(answer(201, {"message_id": "m-1", "thread_id": "t-1"}), NOW) == Posted("m-1", "t-1")


@pytest.mark.parametrize(
    "response", [answer(201), answer(201, {"thread_id": "t-1"}), answer(201, PAGE, "text/html"), answer(503)]
)
def test_a_reply_without_a_readable_id_is_unclear(response: Response) -> None:
    assert posted_of(response, NOW) == Unclear(explanation(response))


def test_a_reply_is_refused_or_not_sent_like_any_change() -> None:
    for response in (answer(404, {"message": "no"}), answer(401), answer(429), answer(403, PAGE)):
        assert posted_of(response, NOW) == outcome_of(response, NOW)


def test_a_file_is_taken_as_it_is() -> None:
    assert file_of(answer(200, b"\x00\xff", "Image/JPEG; x=1"), NOW) == Attachment(b"\x00\xff", "image/jpeg")
    assert file_of(Response(200, {}, b"?"), NOW) == Attachment(b"?", "application/octet-stream")
    assert file_of(answer(200, b"<svg/>", "image/svg+xml"), NOW) == Attachment(b"<svg/>", "image/svg+xml")


def test_a_web_page_is_a_file_only_if_it_is_sent_as_one() -> None:
    sent = answer(200, PAGE, "text/html", **{"content-disposition": "attachment"})
    assert file_of(sent, NOW) == Attachment(PAGE, "text/html")
    gateways = answer(200, PAGE, "text/html")
    assert file_of(gateways, NOW) == Again(NotSent(explanation(gateways), None, Cause.ACCOUNT))


@pytest.mark.parametrize(
    ("response", "cause"),
    [(answer(429), Cause.THROTTLED), (answer(408), Cause.AWAY), (answer(503), Cause.AWAY)],
)
def test_a_file_that_cannot_be_had_now_is_asked_for_again(response: Response, cause: Cause) -> None:
    assert file_of(response, NOW) == Again(NotSent(explanation(response), None, cause))


def test_an_unknown_file_is_refused_and_a_wrong_key_is_the_accounts_fault() -> None:
    unknown = answer(404, {"message": "no"})
    assert file_of(unknown, NOW) == Refused("Mirakl answered 404: no")
    assert file_of(answer(403), NOW) == outcome_of(answer(403), NOW)


# --- calls that read --------------------------------------------------------------------------------------


def test_fractions_are_read_exactly() -> None:
    assert reading_of(answer(200, b'{"total": 1249.99, "count": 3}'), NOW) == {
        "total": Decimal("1249.99"),
        "count": 3,
    }


def test_any_type_that_is_json_is_read() -> None:
    assert reading_of(answer(200, {"a": 1}, "application/problem+json"), NOW) == {"a": 1}


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_read_in_an_outage_is_tried_again(status: int) -> None:
    failure = reading_of(answer(status, **{"retry-after": "7"}), NOW)
    assert isinstance(failure, Again)
    assert (failure.reason.cause, failure.after) == (Cause.AWAY, 7)


def test_a_read_over_the_limit_is_tried_again() -> None:
    assert reading_of(answer(429, {}), NOW) == Again(
        NotSent("Mirakl answered 429: no explanation", None, Cause.THROTTLED)
    )


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (answer(200, b"{"), Cause.AWAY),
        (answer(204), Cause.AWAY),
        (answer(200, PAGE, "text/html"), Cause.ACCOUNT),
        (answer(502, PAGE, "text/html"), Cause.AWAY),
    ],
)
def test_a_read_without_a_json_object_is_tried_again(response: Response, cause: Cause) -> None:
    failure = reading_of(response, NOW)
    assert isinstance(failure, Again)
    assert failure.reason.cause is cause


@pytest.mark.parametrize("status", [301, 400, 404, 406])
def test_a_refused_read_is_final(status: int) -> None:
    failure = reading_of(answer(status, {"message": "no"}), NOW)
    assert failure == Refused(f"Mirakl answered {status}: no")


@pytest.mark.parametrize(
    "response", [answer(401, {"message": "no"}), answer(403, {"message": "no"}), answer(404, PAGE)]
)
def test_a_read_that_our_account_may_not_make_is_final(response: Response) -> None:
    assert reading_of(response, NOW) == NotSent(explanation(response), 300, Cause.ACCOUNT)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("42", 42.0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 09:01:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 09:01:00 -0000", 60.0),
        ("Sun, 22 Nov 2026 08:00:00 GMT", 0.0),
        ("999999999", 172_800.0),
        ("Sun, 22 Nov 2099 08:00:00 GMT", 172_800.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_in_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    limited = outcome_of(answer(429, **{"retry-after": header}), NOW)
    assert isinstance(limited, NotSent)
    assert limited.retry_after == seconds
