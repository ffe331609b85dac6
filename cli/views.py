"""The summary that a person sees for each kind of answer."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cli.answers import (
    Again,
    Audit,
    BatchStatus,
    Configuration,
    DryRun,
    Equation,
    KnownPart,
    ManualTask,
    Redriven,
    RunReport,
    Vendor,
    Vendors,
)
from cli.called_as import typed
from cli.screen import Screen, shown
from shared.schedule import ScheduledJob


def moment(time: datetime | None) -> str:
    """In UTC, to the second."""
    return "-" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


PLACES = ("completed", "with_a_person", "in_flight", "failed", "rejected")
_SYMBOL_OF_STATE = {"completed": "done", "failed": "bad", "completed_with_failures": "warning"}


def show_batch(screen: Screen, batch: BatchStatus) -> None:
    symbol = screen.symbol(_SYMBOL_OF_STATE.get(batch.state, "working"))
    screen.line(f"{symbol} {shown(batch.batch_id)}: {state_in_words(batch.state)}", style="bold")
    if not batch.parent_batch_id:
        screen.line(f"{batch.taken} taken{_places(batch)}")
        screen.line(f"policy {shown(batch.policy)}, by {shown(batch.trigger)}")
        screen.line(f"{screen.symbol('automation')} {counted(_automated(batch))}")
    screen.line(f"{screen.symbol('person')} {counted(batch.manual)}")
    if batch.handed_over:
        name = ", ".join(map(shown, batch.fallback_batches))
        screen.line(f"after automation failed ({name}): {counted(batch.handed_over)}")
    finished = "still open" if batch.finished_at is None else f"last task ended {moment(batch.finished_at)}"
    screen.line(f"begun {moment(batch.created_at)}, {finished}")
    if batch.parent_batch_id:
        parent = shown(batch.parent_batch_id)
        screen.line(f"holds what automation could not finish in {parent}, which counts these records")
    if batch.decisions:
        rows = [(count.rule, count.route, count.records) for count in batch.decisions]
        screen.table(("rule", "route", "records"), rows, title="Decisions")


def _places(batch: BatchStatus) -> str:
    """The right side of the equation of `reconcile`."""
    return (
        f" = {' + '.join(f'{batch.places.get(p, 0)} {state_in_words(p)}' for p in PLACES)}"
        if batch.places
        else ""
    )


def _automated(batch: BatchStatus) -> Mapping[str, int]:
    """A task that failed and is with a person is no failed record."""
    handed = sum(batch.handed_over.values())
    failed = batch.automation.get("failed", 0) - handed
    counts = batch.automation | {"failed": failed, "handed_to_people": handed}
    return {state: number for state, number in counts.items() if number}


def state_in_words(state: str) -> str:
    return shown(state).replace("_", " ")


def counted(counts: Mapping[str, int]) -> str:
    """Such as `3 completed, 1 failed`, the largest count first."""
    if not counts:
        return "none"
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {state_in_words(name)}" for name, count in ordered)


MOST_DECISIONS = 50
"""The most decisions of a dry run that are shown; `--output` has them all."""


def show_run(screen: Screen, report: RunReport) -> None:
    name = shown(report.batch_id)
    if not report.started:
        screen.line(f"{screen.symbol('warning')} {name} was there before: nothing was started")
        if report.status:
            show_batch(screen, report.status)
        return
    screen.line(
        f"{screen.symbol('done')} {name}: {report.opened} records opened of {report.read} read", style="bold"
    )
    screen.line(f"{screen.symbol('automation')} {report.automation}")
    screen.line(f"{screen.symbol('person')} {report.manual}")
    skipped = {reason: count for reason, count in report.skipped.items() if count}
    if skipped:
        screen.line(f"{screen.symbol('skipped')} {counted(skipped)}")
    for warning in _warnings(report):
        screen.line(f"{screen.symbol('warning')} {warning}", style="yellow")
    if report.source_exhausted:
        screen.line("the source has no more records for now")
    screen.line(f"watch it: {typed()} watch {name}")


def _warnings(report: RunReport) -> list[str]:
    warnings = [shown(note) for note in report.notes]
    if report.rejected:
        warnings.append(f"{report.rejected} records rejected: they cannot be worked on as they are")
    if report.not_enqueued:
        warnings.append(f"{report.not_enqueued} tasks did not reach the queue yet; the sweep enqueues them")
    if report.daily_limit_reached:
        warnings.append("the day's limit of tasks is reached")
    return warnings


def show_dry_run(screen: Screen, trial: DryRun) -> None:
    routes = Counter(decision.route for decision in trial.decisions)
    screen.line(
        f"{screen.symbol('trial')} {len(trial.decisions)} decisions, nothing was changed: {counted(routes)}",
        style="bold",
    )
    if trial.decisions:
        screen.table(
            ("part", "manufacturer", "route", "priority", "rule", "confidence", "reason"),
            [
                (
                    each.pn,
                    each.manufacturer,
                    each.route,
                    each.priority,
                    each.rule,
                    f"{each.confidence:.2f}",
                    each.reason,
                )
                for each in trial.decisions[:MOST_DECISIONS]
            ],
        )
    if len(trial.decisions) > MOST_DECISIONS:
        screen.line(f"and {len(trial.decisions) - MOST_DECISIONS} more; --output writes them all")


def show_task(screen: Screen, task: ManualTask, done: str) -> None:
    """`done` is what was done with it, such as `claimed`."""
    screen.line(f"{screen.symbol('done')} {done}: {shown(task.pn)} {shown(task.manufacturer)}", style="bold")
    facts = {
        "task": task.id,
        "state": state_in_words(task.state),
        "batch": task.batch_id,
        "priority": task.priority,
        "why": _why(task),
        "by": task.assignee,
        "claimed until": task.claimed_until and moment(task.claimed_until),
        "due": task.due_at and moment(task.due_at),
        "note": task.note,
    }
    for name, value in facts.items():
        if value:
            screen.line(f"  {name}: {shown(value)}")


def show_part(screen: Screen, part: KnownPart) -> None:
    screen.line(f"{screen.symbol('done')} {shown(part.part_key)}", style="bold")
    screen.table(
        ("field", "value", "said by", "when", "stands"),
        [
            (
                each.field,
                "(removed)" if each.value is None else each.value,
                _said_by(each.layer, each.by),
                moment(each.at),
                "yes" if each.wins else "",
            )
            for each in part.fields
        ],
    )
    for each in part.suggestions:
        screen.line(
            f"{screen.symbol('warning')} {shown(each.field)}: {shown(each.by)} keeps {shown(each.kept)},"
            f" the {shown(each.source)} says {shown(each.offered)}",
            style="yellow",
        )


def _said_by(layer: str, name: str | None) -> str:
    return f"{layer} by {name}" if layer in ("edited", "approved") else name or layer


def show_redriven(screen: Screen, redriven: Redriven) -> None:
    if redriven.redriven:
        screen.line(
            f"{screen.symbol('done')} given back to automation as batch {shown(redriven.batch_id)}:"
            f" {redriven.redriven} dead letters",
            style="bold",
        )
        screen.line("  the next sweep puts them into the queue")
    else:
        screen.line(f"{screen.symbol('done')} no unclaimed dead letter is given back")
    if redriven.left:
        why = "the day's quota is spent" if redriven.daily_limit_reached else "a further call takes more"
        screen.line(f"  {redriven.left} are left: {why}")


def show_again(screen: Screen, again: Again) -> None:
    screen.line(f"{screen.symbol('done')} {shown(again.record_key)} has its turn: the next run takes it")


def show_vendors(screen: Screen, found: Vendors) -> None:
    for vendor in found.vendors:
        show_vendor(screen, vendor)
    if not found.vendors:
        screen.line(f"{screen.symbol('done')} no vendor has ever failed record after record")


def show_vendor(screen: Screen, vendor: Vendor) -> None:
    is_open = vendor.state == "open"
    said = f"paused ({state_in_words(vendor.cause or '?')})" if is_open else "may be called"
    screen.line(
        f"{screen.symbol('warning' if is_open else 'done')} {shown(vendor.vendor)} {said}, {vendor.waiting} waiting",
        style="bold",
    )
    facts = {
        "since": is_open and moment(vendor.opened_at),
        "next probe": is_open and moment(vendor.until),
        "last failure": vendor.reason,
        "closed": not is_open and vendor.closed_at and f"{moment(vendor.closed_at)} by {vendor.closed_by}",
        "note": vendor.note,
    }
    for name, value in facts.items():
        if value:
            screen.line(f"  {name}: {shown(value)}")


def _why(task: ManualTask) -> str:
    reason = shown(task.reason)
    return f"{reason} (after {task.attempts} attempts: {shown(task.cause)})" if task.cause else reason


def show_equation(screen: Screen, equation: Equation) -> None:
    about = shown(equation.batch_id) if equation.batch_id else f"batches begun on {equation.day} (UTC)"
    screen.line(about, style="bold")
    screen.line(
        f"{equation.taken} taken = {equation.completed} completed + {equation.with_a_person} with a person"
        f" + {equation.in_flight} in flight + {equation.failed} failed + {equation.rejected} rejected"
    )
    if equation.holds:
        archived = equation.audit is not None and equation.audit.state == "archived"
        why = "; its decisions and events are archived" if archived else ""
        screen.line(f"{screen.symbol('done')} balanced: every record is accounted for{why}", style="green")
    elif equation.verdict == "nothing_ran":
        screen.line(f"{screen.symbol('warning')} nothing ran: no batch was begun on this day", style="yellow")
    elif equation.verdict == "unverified" and equation.audit is not None:
        screen.line(f"{screen.symbol('warning')} not verified: {_looked_at(equation.audit)}", style="yellow")
    else:
        _show_imbalance(screen, equation)


def _show_imbalance(screen: Screen, equation: Equation) -> None:
    faults = equation.audit.faults if equation.audit else {}
    # counters keep a row that was deleted, the audit does not
    missing = equation.taken - equation.accounted_for or equation.lost
    why = f"{missing} of the records taken have no place ({equation.lost} lost)"
    if not missing:
        why = "the rows contradict the account"
    screen.line(f"{screen.symbol('bad')} NOT balanced: {why}", style="bold red")
    for name, line in faults.items():
        examples = ", ".join(shown(example) for example in line.examples)
        screen.line(f"  {state_in_words(name)}: {line.count}, such as {examples}")


def _looked_at(audit: Audit) -> str:
    if audit.pending:
        return f"the audit has {audit.pending} of {audit.batches + audit.pending} batches still to look at"
    return "the audit has not looked at all open records, tasks and products yet"


def show_configuration(screen: Screen, found: Configuration) -> None:
    for title, values in (("Workflow", found.workflow), ("Settings", found.settings)):
        rows = [
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in sorted(values.items())
        ]
        screen.table(("name", "value"), rows, title=title)


_DONE = {"pause": "paused", "resume": "resumed", "run": "asked to run"}


def show_jobs(screen: Screen, jobs: Sequence[ScheduledJob], action: str) -> None:
    if action in _DONE:
        for job in jobs:
            screen.line(f"{screen.symbol('done')} {_DONE[action]}: {shown(job.name)}", style="bold")
    if not jobs:
        screen.line(f"{screen.symbol('warning')} Cloud Scheduler has no jobs there")
        return
    screen.table(
        ("job", "state", "schedule", "time zone", "next", "last attempt", "answer"),
        [
            (
                job.name,
                job.state.lower(),
                job.schedule,
                job.time_zone,
                moment(job.next_time),
                moment(job.last_attempt),
                job.last_status or "never run",
            )
            for job in jobs
        ],
    )
