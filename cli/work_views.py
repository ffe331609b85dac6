"""The summaries of people's work on manual tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.answers import ManualTask, Preview, SavedDraft
from cli.screen import Screen, shown
from cli.views import moment, show_task

KINDS = {"attributes": "attribute", "docs": "datasheet", "images": "photo"}


def show_completed(screen: Screen, task: ManualTask) -> None:
    """Says what the person changed, or that the row stands as it came."""
    show_task(screen, task, "completed")
    changes = list(_changes(task.edited_fields or {}))
    if changes:
        screen.line("  changed:")
    else:
        screen.line("  nothing edited: approved as it stands")
        changes = list(_fields(task.product or {}))
    for change in changes:
        screen.line(f"    {change}")
    if task.undo_until:
        screen.line(
            f"  may be taken back until {moment(task.undo_until)}: take-back {task.id} --as {shown(task.assignee)}"
        )


def _changes(edited: Mapping[str, Any]) -> Iterator[str]:
    origins = edited.get("origins") or {}
    for field, value in _flat(edited):
        source = origins.get(field)
        yield f"{shown(field)}: {shown(value)}" + (f" (from {shown(source)})" if source else "")
    removed = edited.get("removed") or {}
    for name, kind in KINDS.items():
        for each in removed.get(name) or ():
            yield f"{kind}:{shown(each)}: removed"


def _flat(edited: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("manufacturer", "category", "description"):
        if edited.get(name):
            yield name, edited[name]
    for name, value in (edited.get("attributes") or {}).items():
        yield f"attribute:{name}", value
    for name in ("docs", "images"):
        for link in edited.get(name) or ():
            yield f"{KINDS[name]}:{link}", link


def _fields(product: Mapping[str, Any]) -> Iterator[str]:
    for name in ("manufacturer", "category", "description"):
        if product.get(name):
            yield f"{name}: {shown(product[name])}"
    for name, value in (product.get("attributes") or {}).items():
        yield f"attribute:{shown(name)}: {shown(value)}"
    for link in product.get("media") or ():
        yield f"{shown(link.get('kind'))}: {shown(link.get('url'))}"


def show_changes(screen: Screen, preview: Preview) -> None:
    if not preview.changes:
        screen.line(f"{screen.symbol('done')} the product stays as it is")
        return
    number = len(preview.changes)
    screen.line(f"{screen.symbol('done')} {number} field{'s' * (number != 1)} would change", style="bold")
    screen.table(
        ("field", "now", "then"),
        [(each.field, _value(each.before), _value(each.after)) for each in preview.changes],
    )


def _value(value: object) -> str:
    return "" if value is None else str(value)


def show_draft(screen: Screen, saved: SavedDraft) -> None:
    claim = saved.claim
    if claim.held:
        until = f", the task is yours until {moment(claim.until)}" if claim.until else ""
        screen.line(f"{screen.symbol('done')} draft saved{until}", style="bold")
        return
    ended = claim.state in ("completed", "failed")
    why = f"the task was {claim.state} by {shown(claim.by)}" if ended else f"{shown(claim.by)} holds the task"
    until = f" until {moment(claim.until)}" if claim.until else ""
    screen.line(f"{screen.symbol('warning')} draft saved, but {why}{until}", style="yellow")
