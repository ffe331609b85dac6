"""Decides what a response of Mirakl means; pure.

Statuses and their remedies are those of the vendor's general notes. Instead of the marketplace a gateway in front
of it may answer, with a web page: for an IP address that is not on the shop's list, or in an outage.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import ValidationError

from shared.fulfillment.ports import Done, NotSent, Refused, Unclear
from shared.retries import Again, retry_after
from shared.vendors.mirakl.answers import ErrorAnswer
from shared.vendors.response import Response

_NO_CONTENT, _REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 204, 408, 429
_LONGEST_QUOTE = 300  # characters of the vendor's text in a message
_LONGEST_WAIT = 172_800.0  # seconds; a longer Retry-After is cut to this
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def reading_of(response: Response, now: datetime) -> dict[str, Any] | Again[str] | Refused:
    """The JSON object in a 200, or the failure of a call that only reads."""
    text = explanation(response)
    if response.status in {_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT} or _is_class(response, 5):
        return Again(text, _wait(response, now))
    if not _is_class(response, 2):
        return Refused(text)
    read = json_object(response)
    return Again(text) if read is None else read


def outcome_of(response: Response, now: datetime) -> Done | Refused | Unclear | NotSent:
    """The outcome of a call that changes something."""
    text = explanation(response)
    if response.status == _TOO_MANY_REQUESTS:
        return NotSent(text, _wait(response, now))
    if _is_class(response, 2):
        return Done() if _is_clean_success(response) else Unclear(text)
    if not _is_class(response, 4) or response.status == _REQUEST_TIMEOUT:
        return Unclear(text)
    if is_page(response):
        return NotSent(text)  # a gateway's refusal: the marketplace never read the call
    error = _error_in(response)
    return Refused(text, _code(error) if error else None)


def _is_class(response: Response, hundreds: int) -> bool:
    return response.status // 100 == hundreds


def _is_clean_success(response: Response) -> bool:
    """Whether the body is empty or a JSON object, so that it can be the marketplace's."""
    return response.status == _NO_CONTENT or not response.body.strip() or json_object(response) is not None


def is_page(response: Response) -> bool:
    """Whether it is a web page, whatever its content type."""
    return response.content_type in _PAGES or response.body[:200].lstrip()[:1] == b"<"


def json_object(response: Response) -> dict[str, Any] | None:
    """The body as a JSON object, fractions as Decimal; None for another type or body."""
    kind = response.content_type
    if not (kind == "application/json" or kind.endswith("+json")):
        return None
    try:
        read = json.loads(response.body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def explanation(response: Response) -> str:
    """One sentence: the status and the marketplace's own words.

    Nothing else of a body is quoted: orders and messages hold personal data.
    """
    return f"Mirakl answered {response.status}: {_words(response)}"


def _words(response: Response) -> str:
    if is_page(response):
        return "a web page instead of JSON (a gateway; is this address on the shop's allow-list?)"
    error = _error_in(response)
    if error is None:
        return f"nothing readable ({len(response.body)} bytes, {response.content_type[:50] or 'no type'})"
    items = (": ".join(part for part in (item.field, item.message) if part) for item in error.errors)
    parts = [part for part in (_code(error), error.message, *items) if part]
    words = " ".join(" ".join(dict.fromkeys(parts)).split())
    return words[:_LONGEST_QUOTE] or "no explanation"


def _error_in(response: Response) -> ErrorAnswer | None:
    try:
        return ErrorAnswer.model_validate(json_object(response))
    except ValidationError:
        return None


def _code(error: ErrorAnswer) -> str | None:
    return error.code or next((item.code for item in error.errors if item.code), None)


def _wait(response: Response, now: datetime) -> float | None:
    """The seconds in `Retry-After`, at most two days."""
    asked = retry_after(response.headers, now)
    return asked if asked is None else min(asked, _LONGEST_WAIT)
