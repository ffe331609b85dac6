from collections import Counter

from cli.answers import DryRun, RunReport
from cli.screen import Screen, shown
from cli.views.batches import counted, show_batch

MOST_DECISIONS = 50
"""Shown of a dry run; `--output` has them all."""


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
    screen.line(f"watch it: python run_workflow.py watch {name}")


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
