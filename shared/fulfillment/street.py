"""Distributes street and additional information over the carrier's two street lines and its line for more. Pure.

Nothing is cut. A street that is too long breaks where its writer began a new line, else after a comma or before a unit,
else between two words that do not belong together.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

LINE = 44  # characters; Canada Post's limit for names, companies and address lines

_UNIT = (
    r"(?:apartment|appartement|appart|apt|app|flat|unit|unité|suite|ste|bureau|bur|room|rm|pièce|local|porte|floor|fl|étage"
    r"|building|bldg|bâtiment|bât|tower|tour|lot|penthouse|ph)"
)
_BOX = (
    r"(?:p\.?o\.?|box|c\.?p\.?|b\.?p\.?|case|postale|r\.?r\.?|site|comp|stn|station|succ|succursale|rpo|csp)"
)
_BEGINS_UNIT = re.compile(rf"(?:{_UNIT}\.?|#.*)", re.IGNORECASE)
_TIED = re.compile(rf"(?:(?:{_UNIT}|{_BOX})\.?|#|no\.?|n°|-|\u2013)", re.IGNORECASE)
_NUMBER = r"(?=[\w-]{1,7}(?![\w-]))[\w-]*\d[\w-]*"  # longer ones are codes and phone numbers
_LEADING_UNIT = re.compile(
    rf"(?P<unit>{_UNIT}\.?\s*(?:#|no\.?|n°|:)?\s*{_NUMBER}|{_UNIT}\.?\s+(?-i:[A-Z])|#\s*{_NUMBER}|basement|sous-sol)"
    r"(?:\s*[,;.:|/\u2013-]+\s*|\s+)(?P<rest>\S.*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Placed:
    """Every line has at most 44 characters; absent ones are empty."""

    line_1: str
    line_2: str
    info: str = ""


def place_street(first: Sequence[str], second: Sequence[str], info: str) -> Placed | str:
    """Takes the lines of both streets and the additional information; returns the reason if they do not fit."""
    one, two = " ".join(first), " ".join(second)
    if _same(one, two):
        second, two = (), ""
    if info and any(_same(info, street) for street in (one, two)):
        info = ""
    if len(one) <= LINE and len(two) <= LINE:
        return _with_info(Placed(one, two), info)
    if lines := _folded([*first, *second]):
        return _with_info(Placed(*lines), info)
    lines = _folded(first)
    if lines and len(two) <= LINE and not info:
        return Placed(*lines, two)
    return f"the street does not fit into two lines of {LINE} characters"


def _same(one: str, other: str) -> bool:
    """Equal but for case and punctuation."""
    words = [re.findall(r"\w+", text.casefold()) for text in (one, other)]
    return words[0] == words[1] != []


def _folded(parts: Sequence[str]) -> tuple[str, str] | None:
    """Two lines with all words, broken at the best place; None if there is none."""
    if sum(map(len, parts)) > 2 * LINE:
        return None
    breaks = [(" ".join(parts[:at]), " ".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    words = " ".join(parts).split()
    cuts = range(len(words) - 1, 0, -1)
    apart = [at for at in cuts if not _TIED.fullmatch(words[at - 1])]
    ranks: tuple[Iterator[int], ...] = (
        (at for at in apart if words[at - 1][-1] in ",;" or _BEGINS_UNIT.fullmatch(words[at])),
        iter(apart),
        iter(cuts),
    )
    breaks += [(" ".join(words[:at]), " ".join(words[at:])) for rank in ranks for at in rank]
    return next((pair for pair in breaks if max(map(len, pair)) <= LINE), None)


def _with_info(placed: Placed, info: str) -> Placed | str:
    """Additional information in its own line. Of one that is too long, units at its start move behind the street."""
    line_2 = placed.line_2
    while len(info) > LINE:
        leading = _LEADING_UNIT.fullmatch(info)
        line_2 = f"{line_2} {leading['unit']}".strip() if leading else line_2
        if leading is None or len(line_2) > LINE:
            return f"the additional information does not fit into {LINE} characters"
        info = leading["rest"]
    return replace(placed, line_2=line_2, info=info)
