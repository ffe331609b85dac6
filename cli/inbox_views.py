"""The summaries of manual tasks, batches and parts."""

from collections.abc import Sequence

from cli.answers import ManualTask
from cli.inbox_answers import (
    BatchList,
    Event,
    FlatProduct,
    PartHistory,
    Reasoning,
    Taken,
    TaskGroups,
    TaskList,
    WholeTask,
)
from cli.screen import Screen, shown
from cli.views import moment, state_in_words

SHORT = 8
"""Digits of an id that are shown; they name the task while no other begins with them."""

_NOTHING = {None: "no manual task is waiting", "free": "no manual task is waiting"}


def show_tasks(screen: Screen, found: TaskList, state: str | None) -> None:
    tasks = found.manual_tasks
    if not tasks:
        screen.line(f"{screen.symbol('done')} {_NOTHING.get(state, 'no manual task fits')}")
        return
    screen.line(
        f"{screen.symbol('person')} {of_all(len(tasks), found.total, 'manual task', 'manual tasks')}",
        style="bold",
    )
    if screen.is_terminal:
        _list(screen, tasks)
    else:
        screen.table(
            ("task", "priority", "part", "manufacturer", "state", "why", "due"),
            [
                (
                    each.id[:SHORT],
                    each.priority,
                    each.pn,
                    each.manufacturer,
                    state_of(each),
                    why(each),
                    moment(each.due_at),
                )
                for each in tasks
            ],
        )
    if found.next:
        screen.line("--all shows all of them, --limit more at a time")


def of_all(number: int, total: int, what: str, several: str) -> str:
    counted = f"{total} {what if total == 1 else several}"
    return counted if number == total else f"showing {number} of {counted}"


def _list(screen: Screen, tasks: Sequence[ManualTask]) -> None:
    """Several lines for each task: a terminal is too narrow for all of it side by side."""
    for task in tasks:
        screen.line()
        screen.line(f"{task.id[:SHORT]}  {shown(task.priority)}, due {moment(task.due_at)}", style="bold")
        screen.line(f"  {shown(task.pn)} {shown(task.manufacturer)}, {state_of(task)}")
        screen.line(f"  {why(task)}")


def name_of(task: ManualTask) -> str:
    return f"{task.id}  {task.pn} {task.manufacturer or ''}, {state_of(task)}, batch {task.batch_id}"


def state_of(task: ManualTask) -> str:
    """In people's words: waiting, claimed by ana, completed by ana."""
    state = {"initialized": "waiting", "processing": "claimed", "failed": "given up"}.get(
        task.state, task.state
    )
    return shown(f"{state} by {task.assignee}" if task.assignee else state)


def why(task: ManualTask) -> str:
    reason = shown(task.reason)
    if not task.cause:
        return reason
    tried = f"after {task.attempts} attempts: " if task.attempts else ""
    return f"{reason} ({tried}{shown(task.cause)})"


def show_groups(screen: Screen, found: TaskGroups) -> None:
    screen.line(
        f"{screen.symbol('person')} {of_all(found.total, found.total, 'manual task', 'manual tasks')}",
        style="bold",
    )
    if found.groups:
        screen.table(
            ("tasks", "overdue", "oldest", "rule", "cause", "type"),
            [
                (
                    each.tasks,
                    each.overdue,
                    moment(each.oldest),
                    each.rule,
                    each.cause,
                    state_in_words(each.type),
                )
                for each in found.groups
            ],
        )


def show_whole_task(screen: Screen, task: WholeTask) -> None:
    screen.line(f"{screen.symbol('person')} {shown(task.pn)} {shown(task.manufacturer)}", style="bold")
    held = f"{state_of(task)} until {moment(task.claimed_until)}" if task.claimed_until else state_of(task)
    facts = {
        "task": task.id,
        "state": f"{held}; anybody may claim it" if task.free else held,
        "assigned to": task.assigned_to,
        "batch": task.batch_id,
        "priority": task.priority,
        "due": task.due_at and moment(task.due_at) + (", overdue" if task.overdue else ""),
        "why": why(task),
        "rule": task.decision and rule_in_words(task.decision),
        "note": task.note,
        "draft": task.draft and f"by {task.draft.by}, saved {moment(task.draft.saved_at)}",
    }
    for name, value in facts.items():
        if value:
            screen.line(f"  {name}: {shown(value)}")
    _show_fields(screen, task)
    _show_products(screen, "What the vendor offered", task.candidates)
    _show_products(screen, "Similar products", task.similar)
    show_events(screen, task.timeline)


def rule_in_words(decision: Reasoning) -> str:
    compared = [
        f"{each.feature} {each.actual} {each.operator} {each.threshold}"
        for each in decision.comparisons
        if each.outcome
    ]
    return f"{decision.rule}: {', '.join(compared)}" if compared else decision.rule


def _show_fields(screen: Screen, task: WholeTask) -> None:
    row, vendor = task.source.fields, task.vendor.fields if task.vendor else {}
    names = [*row, *(name for name in vendor if name not in row)]
    if names:
        screen.table(
            ("field", "the row", "the vendor"),
            [(n, row.get(n), vendor.get(n)) for n in names],
            title="Fields",
        )


def _show_products(screen: Screen, title: str, products: Sequence[FlatProduct]) -> None:
    if products:
        screen.table(
            ("part", "manufacturer", "order number", "price", "category", "description"),
            [(p.pn, p.manufacturer, p.vendor_pn, p.money, p.category, p.description) for p in products],
            title=title,
        )


def show_events(screen: Screen, events: Sequence[Event]) -> None:
    if events:
        screen.table(
            ("when", "what", "by", "cause", "message"),
            [(moment(e.at), e.what, e.by, e.cause, e.message) for e in events],
            title="What happened",
        )


def show_batches(screen: Screen, found: BatchList) -> None:
    if not found.batches:
        screen.line(f"{screen.symbol('warning')} no batch has been begun: `run` begins one")
        return
    screen.line(of_all(len(found.batches), found.total, "batch", "batches"), style="bold")
    places = ("completed", "with_a_person", "in_flight", "failed", "rejected")
    screen.table(
        ("batch", "begun", "state", "by", "taken", *map(state_in_words, places)),
        [
            (
                each.batch_id,
                moment(each.created_at),
                state_in_words(each.state),
                each.trigger,
                each.taken,
                *(getattr(each, place) for place in places),
            )
            for each in found.batches
        ],
    )
    if found.next:
        screen.line("--all shows all of them, --limit more at a time")


def show_history(screen: Screen, found: PartHistory) -> None:
    for record in found.records:
        times = "once" if record.openings == 1 else f"{record.openings} times"
        work = ", being worked on" if record.open else ""
        screen.line(f"{shown(record.pn)} {shown(record.manufacturer)}: taken {times}{work}", style="bold")
        if record.product:
            fields = record.product.fields.items()
            screen.table(("field", "value"), fields, title="The product as it stands")
        for taken in record.history:
            _show_taken(screen, taken)


def _show_taken(screen: Screen, taken: Taken) -> None:
    screen.line()
    rule = f", rule {taken.decision.rule}" if taken.decision else ""
    screen.line(f"{moment(taken.at)} batch {shown(taken.batch_id)}{shown(rule)}", style="bold")
    if taken.automation:
        handed = ", handed to people" if taken.automation.handed_over else ""
        attempts = f"{taken.automation.attempts} attempt{'' if taken.automation.attempts == 1 else 's'}"
        screen.line(f"  automation: {state_in_words(taken.automation.state)} after {attempts}{handed}")
    if taken.manual:
        screen.line(f"  people: {state_of(taken.manual)} (task {taken.manual.id[:SHORT]})")
    for event in taken.events:
        said = ": ".join(part for part in (event.cause, event.message) if part)
        by = f" by {event.by}" if event.by and event.by != "automation" else ""
        screen.line(f"    {moment(event.at)}  {shown(event.what)}{shown(by)}  {shown(said)}".rstrip())
