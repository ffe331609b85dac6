"""Decides what a response of Mirakl means; pure.

Statuses and their remedies are those of the vendor's general notes. Instead of the marketplace a gateway in front
of it may answer, with a web page: for an IP address that is not on the shop's list, or in an outage.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import ValidationError

from shared.fulfillment.ports import Attachment, Cause, Done, NotSent, Posted, Refused, Unclear
from shared.retries import Again, retry_after
from shared.vendors.mirakl.answers import ErrorAnswer, PostedAnswer
from shared.vendors.response import Response

REFUSED_WAIT = 300.0
"""Seconds to wait after a refusal that only a person can mend."""

_NOT_ALLOWED = frozenset({401, 403})
_NO_CONTENT, _REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 204, 408, 429
_LONGEST_QUOTE = 300  # characters of the vendor's text in a message
_LONGEST_WAIT = 172_800.0  # seconds; a longer Retry-After is cut to this
_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def reading_of(response: Response, now: datetime) -> dict[str, Any] | Again[NotSent] | Refused | NotSent:
    """The JSON object in a 200, or the failure of a call that only reads."""
    failure = _read_failure(response, now)
    if failure is not None:
        return failure
    read = json_object(response)
    return Again(NotSent(explanation(response), None, _cause(response))) if read is None else read


def outcome_of(response: Response, now: datetime) -> Done | Refused | Unclear | NotSent:
    """The outcome of a call that changes something."""
    failure = _change_failure(response, now)
    if failure is not None:
        return failure
    return Done() if _is_clean_success(response) else Unclear(explanation(response))


def posted_of(response: Response, now: datetime) -> Posted | Refused | Unclear | NotSent:
    """The outcome of M12 and OR43."""
    failure = _change_failure(response, now)
    if failure is not None:
        return failure
    try:
        posted = PostedAnswer.model_validate(json_object(response))
    except ValidationError:
        return Unclear(explanation(response))
    return Posted(posted.message_id, posted.thread_id)


def file_of(response: Response, now: datetime) -> Attachment | Again[NotSent] | Refused | NotSent:
    """The file in an answer of M13. A file may be a web page itself, but then it is sent as an attachment."""
    failure = _read_failure(response, now)
    if failure is not None:
        return failure
    if response.content_type in _PAGES and "content-disposition" not in response.headers:
        return Again(NotSent(explanation(response), None, _cause(response)))
    return Attachment(response.body, response.content_type or "application/octet-stream")


def _read_failure(response: Response, now: datetime) -> Again[NotSent] | Refused | NotSent | None:
    """None for a success. A redirect is refused, since none is followed."""
    if _is_class(response, 2):
        return None
    if response.status in {_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT} or _is_class(response, 5):
        wait = _wait(response, now)
        return Again(NotSent(explanation(response), wait, _cause(response)), wait)
    return _refusal(response)


def _change_failure(response: Response, now: datetime) -> Refused | Unclear | NotSent | None:
    """None for a success."""
    if _is_class(response, 2):
        return None
    if response.status == _TOO_MANY_REQUESTS:
        return NotSent(explanation(response), _wait(response, now), _cause(response))
    if not _is_class(response, 4) or response.status == _REQUEST_TIMEOUT:
        return Unclear(explanation(response))
    return _refusal(response)


def _refusal(response: Response) -> Refused | NotSent:
    """A refused account is not the order's fault. A gateway refused before the marketplace read the call."""
    if _cause(response) is Cause.ACCOUNT:
        return NotSent(explanation(response), REFUSED_WAIT, Cause.ACCOUNT)
    error = _error_in(response)
    return Refused(explanation(response), _code(error) if error else None)


def _cause(response: Response) -> Cause:
    if response.status == _TOO_MANY_REQUESTS:
        return Cause.THROTTLED
    is_gateways = is_page(response) and not _is_class(response, 5)
    return Cause.ACCOUNT if response.status in _NOT_ALLOWED or is_gateways else Cause.AWAY


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
