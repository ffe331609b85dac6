"""Decides what a response of DigiKey means; pure.

The vendor documents the statuses and their remedies, both error shapes and the two kinds of 429.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from pydantic import ValidationError

from shared.enrichment.ports import (
    BurstLimited,
    DailyLimited,
    ErrorCategory,
    JsonObject,
    Refused,
    Unavailable,
)
from shared.retries import retry_after
from shared.storable import storable_text
from shared.vendors.digikey.answers import ErrorAnswer, TokenAnswer
from shared.vendors.response import Response

Failure = Refused | Unavailable | BurstLimited | DailyLimited

_OK, _TOO_MANY_REQUESTS = 200, 429
_LONGEST_QUOTE = 500  # characters of the vendor's text in a message
_BURST_WAIT = 5.0  # seconds, if the answer names none
_LONGEST_BURST_WAIT = 120.0  # seconds; the burst window is a minute, so a longer wait means the day
_DAILY_WAIT = timedelta(hours=1)  # if the answer names none: the hour of the reset is undocumented
_LONGEST_DAILY_WAIT = timedelta(hours=48)
_UNSTORABLE_SIGNS = (b"\\u", b"\0", b"\xed")
"""Without one of these no text of an answer can hold a NUL or half of a surrogate pair: an escape, UTF-16's zeros, and
the first byte of such a half in UTF-8, which Python's decoder lets pass."""


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object that a database can hold, or None."""
    try:
        read = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
        if not isinstance(read, dict):
            return None
        return _storable(read) if any(sign in body for sign in _UNSTORABLE_SIGNS) else read
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is no storable number")
    return number


def _storable(value: Any) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def answer_of(response: Response, now: datetime) -> dict[str, Any] | Failure:
    """The answer in a 200, or the failure. An unreadable 200 is permanent."""
    if response.status != _OK:
        return failure(response, now)
    read = json_object(response.body)
    if read is None:
        message = f"DigiKey answered 200 with a body that is no JSON object{_trace(response)}"
        return Refused(ErrorCategory.INVALID_RESPONSE, message, evidence(response))
    return read


def token_of(response: Response) -> TokenAnswer | None:
    """The token in an answer of the token endpoint; None if there is no usable one."""
    try:
        return TokenAnswer.model_validate(json_object(response.body))
    except ValidationError:
        return None


def failure(response: Response, now: datetime) -> Failure:
    """The failure that an answer other than 200 means for the record."""
    message = f"DigiKey answered {response.status}: {error_text(response)}{_trace(response)}"
    if response.status == _TOO_MANY_REQUESTS:
        return _limited(response, message, now)
    outcome, category = _meaning(response.status)
    return outcome(category, message, evidence(response))


def _meaning(status: int) -> tuple[type[Refused | Unavailable], ErrorCategory]:
    match status:
        case 401 | 403:
            return Refused, ErrorCategory.AUTH
        case 404:
            return Refused, ErrorCategory.NOT_FOUND
        case 408:
            return Unavailable, ErrorCategory.TIMEOUT
        case _ if 500 <= status <= 599:  # noqa: PLR2004  # HTTP's class of server errors
            return Unavailable, ErrorCategory.VENDOR_ERROR
        case _ if 400 <= status <= 499:  # noqa: PLR2004  # HTTP's class of client errors
            return Refused, ErrorCategory.VENDOR_ERROR
        case _:  # a redirect, or a success without an answer: neither is in the vendor's contract
            return Refused, ErrorCategory.INVALID_RESPONSE


def error_text(response: Response) -> str:
    """The vendor's own words, from either error shape, an HTML page or anything else; never empty."""
    read = json_object(response.body)
    if read is None:
        page = response.body[: _LONGEST_QUOTE * 8].decode("utf-8", "replace")
        text = re.sub(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", page, flags=re.DOTALL | re.IGNORECASE)
    else:
        error = ErrorAnswer.model_validate(read)
        parts = (
            error.title or error.error_message or error.error,
            error.detail or error.error_details or error.error_description,
            *(json.dumps(fields) for fields in (error.errors, error.validation_errors) if fields),
        )
        text = ": ".join(part for part in parts if part)
    words = " ".join(storable_text(text).split())
    return words[:_LONGEST_QUOTE] or "no explanation"


def evidence(response: Response) -> JsonObject:
    """The stored part of a failed answer: status, request id, and the body or the beginning of its text."""
    read = json_object(response.body)
    body = error_text(response) if read is None else read
    return {"status": response.status, "request_id": _request_id(response), "body": body}


def _request_id(response: Response) -> str | None:
    return response.headers.get("x-digikey-request-id")


def _trace(response: Response) -> str:
    request_id = _request_id(response)
    return f" (request {request_id})" if request_id else ""


def _limited(response: Response, message: str, now: datetime) -> BurstLimited | DailyLimited:
    wait = retry_after(response.headers, now)
    if _is_daily(response, wait):
        return DailyLimited(message, _reset(response, wait, now))
    return BurstLimited(message, min(max(_BURST_WAIT if wait is None else wait, 1.0), _LONGEST_BURST_WAIT))


def _is_daily(response: Response, wait: float | None) -> bool:
    """Decides by the text, else by the headers: burst headers first, since every answer has the daily ones."""
    text = error_text(response).casefold()
    if "daily" in text:
        return True
    if "burst" in text or any(name.startswith("x-burstlimit-") for name in response.headers):
        return False
    if response.headers.get("x-ratelimit-remaining", "").strip() == "0":
        return True
    return wait is not None and wait > _LONGEST_BURST_WAIT


def _reset(response: Response, wait: float | None, now: datetime) -> datetime:
    """The time at which calls are allowed again: the named one if it is ahead, else by Retry-After, else in an hour."""
    try:
        named = _aware(datetime.fromisoformat(response.headers.get("x-ratelimit-resettime", "").strip()))
    except (ValueError, OverflowError):
        named = None
    if named is not None and now < named <= now + _LONGEST_DAILY_WAIT:
        return named
    if wait is not None and wait >= 1:
        return now + min(timedelta(seconds=wait), _LONGEST_DAILY_WAIT)
    return now + _DAILY_WAIT


def _aware(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
