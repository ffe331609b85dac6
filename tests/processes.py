"""Starts programs for tests. None outlives the `with` that started it, not even after a time-out."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
_STOP_SECONDS = 30


@contextmanager
def started(
    command: Sequence[str],
    *,
    stop: signal.Signals | None = None,
    **options: Any,  # noqa: ANN401 - those of Popen
) -> Iterator[subprocess.Popen[str]]:
    """The running program, in its own session.

    When the `with` ends well, `stop` is sent and the program gets 30 s for it: coverage is written only then. What
    still runs, and after an exception everything, is killed together with its process group.
    """
    options = {"cwd": PROJECT} | options
    # Popen's own `with` closes the pipes and waits without limit, hence the kill inside it.
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as process:
        try:
            yield process
            if stop is not None:
                process.send_signal(stop)
                process.wait(_STOP_SECONDS)
        finally:
            kill_group(process)


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Does nothing once the process was waited for: its number may belong to another one by then."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def default_signals_for_children() -> None:
    """Gives programs that the tests start the default signals, though nohup, cron or `&` made this process ignore some.

    A child inherits an ignored signal, but not a handler: the handler that does nothing keeps the signal ignored here.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)
