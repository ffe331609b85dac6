"""What a response of Mirakl means; pure.

Statuses and their remedies are those of the vendor's general notes. A gateway in front of the marketplace may
answer with a web page of its own (an IP address that is not on the shop's list, an outage), whatever was asked.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from pydantic import ValidationError

from shared.fulfillment.ports import Done, NotSent, Refused, Unclear
from shared.vendors.mirakl.answers import ErrorAnswer
from shared.vendors.transport import Response

_NO_CONTENT, _REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 204, 408, 429
_LONGEST_QUOTE = 300  # characters of the vendor's text in a message
_LONGEST_WAIT = 172_800.0  # seconds, of a Retry-After that is believed
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True)
class Failure:
    """Why a call that only reads has no answer; `again` where the same call may have one later."""

    message: str
    again: bool
    retry_after: float | None = None


def reading_of(response: Response, now: datetime) -> dict[str, Any] | Failure:
    """The JSON object in a 200, or what the failure means for a call that only reads."""
    if response.status == _TOO_MANY_REQUESTS:
        return Failure(explanation(response), again=True, retry_after=retry_after(response, now))
    if response.status == _REQUEST_TIMEOUT or _is_class(response, 5):
        return Failure(explanation(response), again=True, retry_after=retry_after(response, now))
    if not _is_class(response, 2):
        return Failure(explanation(response), again=False)
    read = json_object(response)
    if read is None:
        return Failure(explanation(response), again=True)
    return read


def outcome_of(response: Response, now: datetime) -> Done | Refused | Unclear | NotSent:
    """What an answer says of a call that changes something."""
    text = explanation(response)
    if response.status == _TOO_MANY_REQUESTS:
        return NotSent(text, retry_after(response, now))
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
    """Without a body, or with one that is the marketplace's own kind."""
    return response.status == _NO_CONTENT or not response.body.strip() or json_object(response) is not None


def is_page(response: Response) -> bool:
    """Whether it is a web page, whatever type it is said to have."""
    return response.content_type in _PAGES or response.body[:200].lstrip()[:1] == b"<"


def json_object(response: Response) -> dict[str, Any] | None:
    """The body as a JSON object, its fractions as Decimal; None where the type or the body is anything else."""
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
    told = [part for part in (_code(error), error.message, *items) if part]
    words = " ".join(" ".join(dict.fromkeys(told)).split())
    return words[:_LONGEST_QUOTE] or "no explanation"


def _error_in(response: Response) -> ErrorAnswer | None:
    try:
        return ErrorAnswer.model_validate(json_object(response))
    except ValidationError:
        return None


def _code(error: ErrorAnswer) -> str | None:
    return error.code or next((item.code for item in error.errors if item.code), None)


def retry_after(response: Response, now: datetime) -> float | None:
    """Seconds; the vendor documents seconds, the header may also hold a date."""
    raw = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", raw, flags=re.ASCII):
        return min(float(raw), _LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(raw)
    except (ValueError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), _LONGEST_WAIT)
