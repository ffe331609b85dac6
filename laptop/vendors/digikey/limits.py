"""The two limits of the Product Information API (120 calls a minute, 1000 a day) and the vendor's error answers."""

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from starlette.responses import JSONResponse, Response

from laptop.faults import Fault, FaultKind

_AGAIN = "Please try again after the number of seconds in the Retry-After header"
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    503: "Service Unavailable",
}

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Exceeded:
    kind: Literal["burst", "daily"]
    resets_at: datetime


def midnight_after(moment: datetime) -> datetime:
    """The reset of the day's count. The real service's hour is undocumented; here it is UTC midnight."""
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(days=1)


class Limits:
    """Counts calls per client id, in a fixed minute from the first call and in the day."""

    def __init__(self, burst: int, daily: int, now: datetime) -> None:
        self.burst = burst
        self.daily = daily
        self.day_started = now
        self.resets_at = midnight_after(now)
        self._today: Counter[str] = Counter()
        self._minutes: dict[str, tuple[datetime, int]] = {}

    def count_earlier(self, client_id: str, calls: int) -> None:
        """Adds calls that were made on this day before a restart."""
        self._today[client_id] += calls

    def used_today(self) -> dict[str, int]:
        return dict(self._today)

    def remaining_today(self, client_id: str) -> int:
        return max(self.daily - self._today[client_id], 0)

    def start_day(self, began: datetime, resets_at: datetime) -> None:
        """Resets the counts of the day and the minute."""
        self.day_started = began
        self.resets_at = resets_at
        self._today.clear()
        self._minutes.clear()

    def take(self, client_id: str, now: datetime) -> Exceeded | None:
        """Counts one call, unless a limit forbids it."""
        if now >= self.resets_at:
            self.start_day(now, midnight_after(now))
        if self._today[client_id] >= self.daily:
            return Exceeded("daily", self.resets_at)
        began, calls = self._minute(client_id, now)
        if calls >= self.burst:
            return Exceeded("burst", began + MINUTE)
        self._minutes[client_id] = (began, calls + 1)
        self._today[client_id] += 1
        return None

    def _minute(self, client_id: str, now: datetime) -> tuple[datetime, int]:
        began, calls = self._minutes.get(client_id, (now, 0))
        return (began, calls) if now < began + MINUTE else (now, 0)


def problem(status: int, detail: str, errors: dict[str, list[str]] | None = None) -> Response:
    """The error shape of v4: problem details."""
    body: dict[str, Any] = {
        "type": f"https://tools.ietf.org/html/rfc9110#{status}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": None,
        "correlationId": secrets.token_hex(8),
    }
    return JSONResponse(body | ({"errors": errors} if errors else {}), status)


def gateway_error(status: int, message: str, details: str) -> Response:
    """The error shape of the older gateway."""
    body = {
        "ErrorResponseVersion": "3.0.0.0",
        "StatusCode": status,
        "ErrorMessage": message,
        "ErrorDetails": details,
        "RequestId": secrets.token_hex(8),
        "ValidationErrors": [],
    }
    return JSONResponse(body, status)


def limit_headers(limits: Limits, client_id: str) -> dict[str, str]:
    """The headers on every answer of a data call."""
    return {
        "X-RateLimit-Limit": str(limits.daily),
        "X-RateLimit-Remaining": str(limits.remaining_today(client_id)),
    }


def too_many(exceeded: Exceeded, limits: Limits, now: datetime) -> Response:
    """Either 429, each with its own body and headers."""
    seconds = str(max(1, round((exceeded.resets_at - now).total_seconds())))
    moment = exceeded.resets_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if exceeded.kind == "daily":
        body = {"title": "Too Many Requests", "status": 429, "detail": f"Daily Ratelimit exceeded. {_AGAIN}"}
        answer: Response = JSONResponse(body, 429)
        answer.headers["X-RateLimit-Limit"] = str(limits.daily)
        answer.headers["X-RateLimit-Remaining"] = "0"
        answer.headers["X-RateLimit-Reset"] = seconds
        answer.headers["X-RateLimit-ResetTime"] = moment
    else:
        answer = gateway_error(429, "BurstLimit exceeded", _AGAIN)
        answer.headers["X-BurstLimit-Limit"] = str(limits.burst)
        answer.headers["X-BurstLimit-Remaining"] = "0"
        answer.headers["X-BurstLimit-Reset"] = seconds
        answer.headers["X-BurstLimit-ResetTime"] = moment
    answer.headers["Retry-After"] = seconds
    return answer


def fault_limit(fault: Fault, limits: Limits, now: datetime) -> Exceeded:
    """The limit in a `rate_limited` fault's answer: by default burst for 5 s, or the day until its reset."""
    kind = fault.limit or "burst"
    if fault.seconds is not None:
        return Exceeded(kind, now + timedelta(seconds=fault.seconds))
    return Exceeded(kind, limits.resets_at if kind == "daily" else now + timedelta(seconds=5))


def injected(fault: Fault, limits: Limits, now: datetime) -> Response:
    """A fault's answer in the vendor's shape."""
    if fault.kind is FaultKind.RATE_LIMITED:
        return too_many(fault_limit(fault, limits, now), limits, now)
    status = fault.status or 500
    if status == 401:  # noqa: PLR2004  # HTTP's own number
        return gateway_error(401, "Invalid Client-Id", "X-DIGIKEY-Client-Id invalid for requested resource")
    return problem(status, "injected by the fault plan")
