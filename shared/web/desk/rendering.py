"""Makes pages of templates. All text is escaped; what a page shows comes as plain values."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from shared.clock import system_clock
from shared.web.call import Page
from shared.web.desk.route import Visit
from shared.web.desk.visitor import Role

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
ASSETS = HERE / "assets"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
SAFE: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every answer of the desk."""

PRIVATE = {"Cache-Control": "private, no-store"}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}

_LONG_NUMBER = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def asset_address(name: str) -> str:
    """Changes with the content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"


class Renderer:
    """`zone` is the shop's, in which people read times."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._made: Environment | None = None

    def page(
        self,
        template: str,
        visit: Visit | None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **facts: object,
    ) -> Page:
        """Shows `template` to the visitor; None is somebody who is not signed in."""
        now = system_clock()
        text = (
            self._environment()
            .get_template(template)
            .render(visit=visit, now=now, Role=Role, new_id=uuid4, **facts)
        )
        return Page(text, status, {**SAFE, **PRIVATE, **(headers or {})})

    def _environment(self) -> "Environment":
        if self._made is None:
            from jinja2 import Environment, FileSystemLoader  # noqa: PLC0415 - not for the assets

            made = Environment(
                loader=FileSystemLoader(HERE / "templates"),
                autoescape=True,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
            )
            made.globals["asset"] = asset_address
            made.filters |= {
                "moment": _moment,
                "clock": self.clock,
                "ago": ago,
                "money": money,
                "cents": cents,
                "words": words,
                "count": count,
                "brief": brief,
                "web_address": web_address,
                "duration": duration,
                "zip": zip,
                "options": options,
                "query": query,
            }
            self._made = made
        return self._made

    def clock(self, given: str | datetime | None, style: str = "%b %-d, %H:%M") -> str:
        moment = _moment(given)
        return "" if moment is None else moment.astimezone(self.zone).strftime(style)


def _moment(given: str | datetime | None) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    return datetime.fromisoformat(given)


def ago(given: str | datetime | None, now: datetime) -> str:
    """The distance in one unit: `in 2 h`, `9 min ago`."""
    moment = _moment(given)
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 172_800), ("h", 7_200), ("min", 60)):
        if size >= length:
            text = f"{int(size // {'d': 86_400, 'h': 3_600, 'min': 60}[unit])} {unit}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now" if seconds >= 0 else "in a moment"


def money(amount: object, currency: str | None) -> str:
    """An amount is never shown without its currency."""
    return "" if amount is None else f"{Decimal(str(amount)):,.2f} {currency or '(no currency)'}"


def cents(amount: int | None, currency: str = "CAD") -> str:
    return "" if amount is None else money(Decimal(amount) / 100, currency)


def words(code: str | None) -> str:
    """A code as people say it: `label_unknown` is `label unknown`."""
    return (code or "").replace("_", " ").replace("-", " ")


def web_address(given: object) -> str:
    """Empty for anything but an http(s) address: what others send is not put into a link as it is."""
    return given if isinstance(given, str) and given.startswith(("https://", "http://")) else ""


def brief(text: str | None) -> str:
    """The long numbers in names of batches are for machines: people see eight digits of them."""
    return _LONG_NUMBER.sub(r"\1", text or "")


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3.5 h`, `2.1 d`."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s"


def options(rows: Sequence[Mapping[str, Any]], key: str, name: str, number: str) -> list[tuple[str, str]]:
    """Value and text of a select's options, with how many there are of each."""
    return [(row[key], f"{row[name]} ({row[number]})") for row in rows]


def query(fields: Mapping[str, str | None]) -> str:
    """The query of an address, without the fields that say nothing."""
    return urlencode({name: value for name, value in fields.items() if value})


def asset(name: str) -> Page | None:
    """None for a name that is not in the folder."""
    path = ASSETS / name
    if path.parent != ASSETS or path.suffix not in MEDIA_TYPES or not path.is_file():
        return None
    return Page(
        path.read_bytes(),
        headers={**SAFE, **FOREVER},
        media_type=f"{MEDIA_TYPES[path.suffix]}; charset=utf-8",
    )
