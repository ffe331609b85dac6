from collections.abc import Sequence

from cli.answers import ManualTask, Pending, Redriven
from cli.screen import Screen, shown
from cli.views.batches import state_in_words
from cli.views.times import moment


def show_pending(screen: Screen, pending: Pending) -> None:
    tasks = pending.manual_tasks
    if not tasks:
        screen.line(f"{screen.symbol('done')} no manual task is waiting")
        return
    screen.line(f"{screen.symbol('person')} {len(tasks)} manual tasks, most urgent first", style="bold")
    if screen.is_terminal:
        _list(screen, tasks)
        return
    screen.table(
        ("task", "priority", "part", "manufacturer", "type", "why", "due"),
        [
            (
                task.id,
                task.priority,
                task.pn,
                task.manufacturer,
                state_in_words(task.type),
                _why(task),
                moment(task.due_at),
            )
            for task in tasks
        ],
    )


def show_task(screen: Screen, task: ManualTask, done: str) -> None:
    """`done` says what became of it, such as `claimed`."""
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


def show_redriven(screen: Screen, redriven: Redriven) -> None:
    if redriven.redriven:
        screen.line(
            f"{screen.symbol('done')} given back to automation as batch {shown(redriven.batch_id)}:"
            f" {redriven.redriven} dead letters",
            style="bold",
        )
        screen.line("  the next sweep puts them into the queue")
    else:
        screen.line(f"{screen.symbol('done')} no dead letter that nobody holds is given back")
    if redriven.left:
        why = "the day's quota is spent" if redriven.daily_limit_reached else "a further call takes more"
        screen.line(f"  {redriven.left} are left: {why}")


def _list(screen: Screen, tasks: Sequence[ManualTask]) -> None:
    """A terminal is too narrow for an id and a reason side by side."""
    for task in tasks:
        screen.line()
        screen.line(f"{shown(task.id)}  {shown(task.priority)}, due {moment(task.due_at)}", style="bold")
        screen.line(f"  {shown(task.pn)} {shown(task.manufacturer)}, {state_in_words(task.type)}")
        screen.line(f"  {_why(task)}")


def _why(task: ManualTask) -> str:
    reason = shown(task.reason)
    return f"{reason} (after {task.attempts} attempts: {shown(task.cause)})" if task.cause else reason
