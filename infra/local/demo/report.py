"""The demo's report at the end, in lines of at most a hundred columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.answers import ManualTask
from cli.screen import Screen, shown

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    field: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Completed:
    pn: str
    maker: str | None
    changes: tuple[Change, ...]

    @property
    def filled(self) -> int:
        """The number of fields that the record did not have."""
        return sum(change.before is None for change in self.changes)


def most_completed(products: Sequence[Json], count: int) -> list[Completed]:
    """The products that gained most fields, of different manufacturers where possible."""
    ranked = sorted(map(_completed, products), key=lambda each: (-each.filled, each.pn))
    first_of_maker = {each.maker: each for each in reversed(ranked)}.values()
    chosen = [each for each in ranked if each in first_of_maker]
    chosen += [each for each in ranked if each not in chosen]
    return chosen[:count]


def _completed(product: Json) -> Completed:
    before, after = product["before"], product["after"]
    return Completed(after["pn"], after["manufacturer"], tuple(_changes(before, after)))


def _changes(before: Json, after: Json) -> list[Change]:
    pairs = [
        (field, before.get(field), after[field]) for field in ("manufacturer", "category", "description")
    ]
    pairs += [(name, _spec(before, value), value) for name, value in sorted(after["attributes"].items())]
    pairs += [
        ("price", None, _price(after)),
        ("status", None, after["status"]),
        ("datasheet", _first(before.get("docs")), _link(after, "datasheet")),
        ("photo", _first(before.get("images")), _link(after, "photo")),
    ]
    return [
        Change(field, None if old is None else str(old), str(new))
        for field, old, new in pairs
        if new is not None and not _same(old, new)
    ]


def _same(old: object, new: object) -> bool:
    """Compares without case and spaces."""
    return old is not None and "".join(str(old).split()).casefold() == "".join(str(new).split()).casefold()


def _spec(before: Json, value: str) -> str | None:
    """The record's value that equals this one: vendors use other names for their parameters."""
    specs = before.get("specs")
    known = specs.values() if isinstance(specs, dict) else ()
    return next((str(each) for each in known if _same(each, value)), None)


def _price(after: Json) -> str | None:
    return (
        None
        if after["unit_price"] is None
        else f"{after['unit_price']:.2f} {after['currency'] or ''}".strip()
    )


def _first(links: object) -> object:
    return links[0] if isinstance(links, list) and links else None


def _link(after: Json, kind: str) -> str | None:
    return next((media["url"] for media in after["media"] if media["kind"] == kind), None)


_WIDTH = 100
_BEFORE, _FIELD = 26, 22
_SHOWN_CHANGES = 8
_SHOWN_TASKS = 5
_USUAL = {
    "found",
    "search_hit",
    "not_found",
    "search_empty",
    "fault",
    "token",
    "burst_limited",
    "daily_limited",
}


def heading(screen: Screen, text: str) -> None:
    screen.line()
    screen.line(text, style="bold")


def show_products(screen: Screen, products: Sequence[Completed]) -> None:
    for product in products:
        screen.line(f"  {shown(product.pn)}")
        for change in product.changes[:_SHOWN_CHANGES]:
            field = cut(shown(change.field), _FIELD)
            before = cut("-" if change.before is None else shown(change.before), _BEFORE)
            line = f"    {field:<{_FIELD}} {before:<{_BEFORE}} -> {shown(change.after)}"
            screen.line(cut(line, _WIDTH))
        if len(product.changes) > _SHOWN_CHANGES:
            screen.line(f"    ... and {len(product.changes) - _SHOWN_CHANGES} more")
    if not products:
        screen.line("  none was completed")


def show_manual_tasks(screen: Screen, tasks: Sequence[ManualTask]) -> None:
    """Shows a few tasks of both kinds, the most urgent first."""
    dead = [task for task in tasks if task.type == "automation_fallback"]
    decided = [task for task in tasks if task not in dead]
    few = max(_SHOWN_TASKS - len(dead), _SHOWN_TASKS // 2 + 1)
    for title, kind, count in (
        ("given to a person by decision", decided, few),
        (
            "dead letters of automation, with what the vendor said",
            dead,
            _SHOWN_TASKS - min(few, len(decided)),
        ),
    ):
        if kind:
            screen.line(f"  {len(kind)} {title}")
        for task in kind[:count]:
            screen.line(cut(f"    {task.priority:<7}{cut(shown(task.pn), 16):<17}{_why(task)}", _WIDTH))


def show_books(screen: Screen, books: dict[str, Any], ordered: Sequence[int]) -> None:
    """`ordered`: the number of calls that were answered 503 and 429 on the demo's order."""
    totals: dict[str, int] = books["totals"]
    unavailable, slowed = ordered
    found, unknown = len(books["looked_up"]), totals.get("not_found", 0) + totals.get("search_empty", 0)
    limited = slowed + totals.get("burst_limited", 0) + totals.get("daily_limited", 0)
    twice = sum(times > 1 for times in books["delivered"].values())
    screen.line(
        f"  {books['calls_in_all']} calls: {found} parts found, {unknown} not found,"
        f" {limited} too many (429), {unavailable} unavailable (503), {totals.get('token', 0)} tokens"
    )
    others = {name: calls for name, calls in totals.items() if name not in _USUAL}
    if others:
        screen.line(f"  also {', '.join(f'{calls} {shown(name)}' for name, calls in sorted(others.items()))}")
    screen.line(f"  parts looked up again once their answer had arrived: {twice or 'none'}")


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def _why(task: ManualTask) -> str:
    reason = shown(task.reason)
    if task.cause is None:
        return reason
    return reason.removeprefix(f"automation failed ({task.cause}): ").partition(" (request ")[0]
