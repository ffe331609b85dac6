import io
from pathlib import Path

import psutil
from rich.console import Console

from infra.local.commands import Display
from laptop.supervisor.overview import look
from laptop.supervisor.state import PartRecord, StackState

HERE = str(Path.cwd() / ".local" / "logs" / "a.log")


def record(url: str = "http://127.0.0.1:1", log: str = HERE) -> PartRecord:
    """A part that runs: this process."""
    myself = psutil.Process()
    return PartRecord(
        pid=myself.pid,
        started=myself.create_time(),
        ports={},
        url=url,
        log=log,
        tier=0,
        stop_signal="SIGTERM",
        fingerprint="",
    )


def test_a_table_in_a_pipe_cuts_nothing_off_and_shows_logs_relative_to_here() -> None:
    output = io.StringIO()
    long = "postgresql://postgres:postgres@127.0.0.1:65535/" + "database" * 20
    running = look(
        StackState(names=["a", "gone"], parts={"a": record(url=long, log="/var/log/elsewhere.log")})
    )

    Display(Console(file=output)).overview(running)
    Display(Console(file=output)).overview(look(StackState(parts={"a": record()})))

    assert long in output.getvalue()
    assert "/var/log/elsewhere.log" in output.getvalue()
    assert " .local/logs/a.log" in output.getvalue()


def test_a_table_on_a_narrow_terminal_folds_instead_of_cutting() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=60, color_system=None)

    Display(console).overview(look(StackState(parts={"a": record(url="http://" + "x" * 50)})))

    assert "…" not in output.getvalue()
    assert output.getvalue().count("x") == 50
