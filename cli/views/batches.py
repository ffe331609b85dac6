from collections.abc import Mapping

from cli.answers import BatchStatus
from cli.screen import Screen, shown
from cli.views.times import moment

_SYMBOL_OF_STATE = {"completed": "done", "failed": "bad", "completed_with_failures": "warning"}


def show_batch(screen: Screen, batch: BatchStatus) -> None:
    symbol = screen.symbol(_SYMBOL_OF_STATE.get(batch.state, "working"))
    screen.line(f"{symbol} {shown(batch.batch_id)}: {state_in_words(batch.state)}", style="bold")
    screen.line(f"{batch.taken} records taken, policy {shown(batch.policy)}, by {shown(batch.trigger)}")
    screen.line(f"{screen.symbol('automation')} {counted(batch.automation)}")
    screen.line(f"{screen.symbol('person')} {counted(batch.manual)}")
    finished = "still open" if batch.finished_at is None else f"last task ended {moment(batch.finished_at)}"
    screen.line(f"begun {moment(batch.created_at)}, {finished}")
    if batch.parent_batch_id:
        screen.line(f"holds what automation could not finish in {shown(batch.parent_batch_id)}")
    if batch.decisions:
        rows = [(count.rule, count.route, count.records) for count in batch.decisions]
        screen.table(("rule", "route", "records"), rows, title="Decisions")
    if batch.fallback_batches:
        screen.line()
        screen.line(f"handed to people: {', '.join(map(shown, batch.fallback_batches))}")


def state_in_words(state: str) -> str:
    return shown(state).replace("_", " ")


def counted(counts: Mapping[str, int]) -> str:
    """`3 completed, 1 failed`; the most first."""
    if not counts:
        return "none"
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {state_in_words(name)}" for name, count in ordered)
