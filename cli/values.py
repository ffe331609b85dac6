"""Single values of the command line, each read or refused in words. The ranges are those of the functions."""

import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import date
from uuid import UUID

from shared.enrichment.naming import BATCH_ID
from shared.storable import UNSTORABLE

PRODUCT_FIELDS = ("category", "description", "manufacturer")
_LONGEST_NAME = 200
_LONGEST_TEXT = 10_000
_LONGEST_LINK = 2_000


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", given) or not least <= int(given) <= most:
            raise ArgumentTypeError(f"{given!r} is no whole number from {least} to {most}")
        return int(given)

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    def read(given: str) -> float:
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not least <= value <= most:  # not so for "nan" either
            raise ArgumentTypeError(f"{given!r} is no number from {least:g} to {most:g}")
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
    """Also the name that the system gives the batch of a batch's fallback tasks."""
    batch_id(given.removesuffix("_fallback"))
    return given


def task_id(given: str) -> str:
    try:
        return str(UUID(given))
    except ValueError:
        raise ArgumentTypeError(f"{given!r} is no task id; `pending` lists them") from None


def day(given: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass  # a day that no calendar has: refused below like what is no day at all
    raise ArgumentTypeError(f"{given!r} is no day; write YYYY-MM-DD")


def policy_name(given: str) -> str:
    """Which policies there are is the function's to say."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", given):
        raise ArgumentTypeError(f"{given!r} cannot name a policy")
    return given


def job_name(given: str) -> str:
    """Which jobs there are is Cloud Scheduler's to say."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,500}", given):
        raise ArgumentTypeError(f"{given!r} cannot name a job; `schedule list` lists them")
    return given


def person(given: str) -> str:
    return _text(given, _LONGEST_NAME)


def text(given: str) -> str:
    return _text(given, _LONGEST_TEXT)


def _text(given: str, longest: int) -> str:
    value = given.strip()
    if not 0 < len(value) <= longest or _forbidden(value):
        raise ArgumentTypeError(f"give a text of 1 to {longest} characters")
    return value


def _forbidden(value: str) -> bool:
    """Whether the database cannot hold it: NUL, or bytes of the terminal that were no UTF-8."""
    return bool(UNSTORABLE.search(value))


def link(given: str) -> str:
    if len(given) > _LONGEST_LINK or not re.fullmatch(r"https?://[^\s\x00]+", given) or _forbidden(given):
        raise ArgumentTypeError(f"{given[:100]!r} is no link; it begins with https:// or http://")
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
            f"{name!r} is no field; there are {', '.join(PRODUCT_FIELDS)}, and --attribute for all others"
        )
    return (name, person(value)) if name == "manufacturer" else (name, value)


def token(given: str) -> str:
    """The refusal does not repeat the secret."""
    if not re.fullmatch(r"[\x21-\x7e]{1,10000}", given.strip()):
        raise ArgumentTypeError("this is no token: it is one word of visible characters")
    return given.strip()


def once(pairs: Iterable[tuple[str, str]], option: str) -> dict[str, str]:
    """Raises ArgumentTypeError for a name that was given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ArgumentTypeError(f"{option}: {name!r} was given twice")
        found[name] = value
    return found
