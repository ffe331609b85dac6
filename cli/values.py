"""Parsers for single values of the command line. The bounds are those of the functions."""

import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from uuid import UUID

from shared.enrichment.naming import BATCH_ID
from shared.limits import LINK, LONGEST_LINK, LONGEST_NAME, LONGEST_TEXT
from shared.storable import UNSTORABLE

PRODUCT_FIELDS = ("category", "description", "manufacturer")
ORIGINS = ("source", "vendor", "similar", "typed")


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", given) or not least <= int(given) <= most:
            raise ArgumentTypeError(f"{given!r} is not a whole number from {least} to {most}")
        return int(given)

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    def read(given: str) -> float:
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not least <= value <= most:  # false for "nan" too
            raise ArgumentTypeError(f"{given!r} is not a number from {least:g} to {most:g}")
        return value

    return read


share = number(0, 1)


def batch_id(given: str) -> str:
    if not re.fullmatch(BATCH_ID, given):
        raise ArgumentTypeError(
            f"{given!r} cannot name a batch: up to 100 letters, digits and _ . : -, beginning with a letter or digit"
        )
    return given


def known_batch_id(given: str) -> str:
    """A batch id, or the name that the system gives to a batch of fallback tasks."""
    batch_id(given.removesuffix("_fallback"))
    return given


def task_name(given: str) -> str:
    """An id, the beginning of one, or a part number: the function knows which tasks exist."""
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_NAME or _forbidden(name):
        raise ArgumentTypeError(f"{given!r} cannot name a task; `pending` lists them")
    return name


def day(given: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass  # a date that does not exist, such as 2026-02-30: refused below
    raise ArgumentTypeError(f"{given!r} is not a day; write YYYY-MM-DD")


def instant(given: str) -> datetime:
    """A day is its beginning; a time without a zone is UTC."""
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ArgumentTypeError(
            f"{given!r} is not a time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM, in UTC"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def order_id(given: str) -> str:
    return _ident(given, "an order; `orders` lists them")


def thread_id(given: str) -> str:
    return _ident(given, "a thread; `messages` lists them")


def attachment_id(given: str) -> str:
    return _ident(given, "a file; `messages` lists them")


def _ident(given: str, what: str) -> str:
    """Checks only the form: a vendor gives these ids."""
    if not re.fullmatch(r"[^\s/,]{1,200}", given) or not given.isprintable():
        raise ArgumentTypeError(f"{given!r} cannot name {what}")
    return given


def finding(given: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise ArgumentTypeError(f"{given!r} is not the number of a finding; `findings` lists them")
    return int(given)


def reply_id(given: str) -> str:
    try:
        return str(UUID(given))
    except ValueError:
        raise ArgumentTypeError(f"{given!r} is not the id of a reply: a UUID") from None


def job_id(given: str) -> str:
    try:
        return str(UUID(given))
    except ValueError:
        raise ArgumentTypeError(f"{given!r} is not the id of a job; `jobs` lists them") from None


def policy_name(given: str) -> str:
    """Checks only the form: the function knows which policies exist."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", given):
        raise ArgumentTypeError(f"{given!r} cannot name a policy")
    return given


def job_name(given: str) -> str:
    """Checks only the form: Cloud Scheduler knows which jobs exist."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,500}", given):
        raise ArgumentTypeError(f"{given!r} cannot name a job; `schedule list` lists them")
    return given


def sized_text(least: int, longest: int) -> Callable[[str], str]:
    def read(given: str) -> str:
        value = given.strip()
        if not least <= len(value) <= longest or _forbidden(value):
            raise ArgumentTypeError(f"give a text of {least} to {longest} characters")
        return value

    return read


person = sized_text(1, LONGEST_NAME)
text = sized_text(1, LONGEST_TEXT)


def _forbidden(value: str) -> bool:
    """True for what the database cannot hold: NUL, and bytes from the terminal that are not UTF-8."""
    return bool(UNSTORABLE.search(value))


def link(given: str) -> str:
    if len(given) > LONGEST_LINK or not re.fullmatch(LINK, given) or _forbidden(given):
        raise ArgumentTypeError(f"{given[:100]!r} is not a link; a link begins with https:// or http://")
    return given


def named_value(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ArgumentTypeError(f"{given!r} is not of the form name=value")
    return text(name), text(value)


def product_field(given: str) -> tuple[str, str]:
    name, value = named_value(given)
    if name not in PRODUCT_FIELDS:
        raise ArgumentTypeError(
            f"{name!r} is not a field; use {', '.join(PRODUCT_FIELDS)}, or --attribute for others"
        )
    return (name, person(value)) if name == "manufacturer" else (name, value)


def origin(given: str) -> tuple[str, str]:
    """`FIELD=ORIGIN`; an address may hold further signs of equality."""
    field, equals, found = given.rpartition("=")
    if not equals or not field.strip() or found not in ORIGINS:
        raise ArgumentTypeError(
            f"{given!r} is not of the form field=origin; an origin is {', '.join(ORIGINS)}"
        )
    return text(field), found


def token(given: str) -> str:
    """The error message does not repeat the secret."""
    if not re.fullmatch(r"[\x21-\x7e]{1,10000}", given.strip()):
        raise ArgumentTypeError("this is not a token: a token is one word of visible characters")
    return given.strip()


def once(pairs: Iterable[tuple[str, str]], option: str) -> dict[str, str]:
    """Raises ArgumentTypeError for a name that was given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ArgumentTypeError(f"{option}: {name!r} was given twice")
        found[name] = value
    return found
