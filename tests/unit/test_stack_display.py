import io
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from rich.console import Console

from infra.local.commands import Commands, Display
from infra.local.settings import read_local_settings
from laptop.supervisor.errors import StackError
from laptop.supervisor.overview import StackOverview, look
from laptop.supervisor.state import PartRecord, StackState, write_state

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


def narrow(overview: StackOverview, width: int) -> str:
    output = io.StringIO()
    Display(Console(file=output, force_terminal=True, width=width, color_system=None)).overview(overview)
    return output.getvalue()


def test_where_the_table_does_not_fit_each_part_is_a_paragraph_that_can_be_copied_from() -> None:
    long = "http://" + "x" * 50

    shown = narrow(look(StackState(parts={"a": record(url=long), "b": record()})), 60)

    assert [line.split() for line in shown.splitlines() if line.startswith("  url")] == [
        ["url", long],
        ["url", "http://127.0.0.1:1"],
    ]
    assert "a  running" in shown
    assert max(len(line) for line in shown.splitlines() if long not in line) < 60


def test_a_wide_terminal_gets_one_row_for_each_part() -> None:
    shown = narrow(look(StackState(parts={"a": record()})), 140)

    assert [line.split()[0] for line in shown.splitlines()] == ["part", "a"]


@pytest.mark.parametrize("width", [60, 140])
def test_a_part_that_does_not_run_is_shown_with_the_command_that_brings_it_back(width: int) -> None:
    dead = record().model_copy(update={"started": 0.0})
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        silent = record().model_copy(update={"ports": {"b": closed.getsockname()[1]}})
        state = StackState(names=["a", "b", "c", "d"], parts={"a": dead, "b": silent, "d": record()})
        shown = narrow(look(state), width)

    assert shown.splitlines()[-3:] == [
        "a is dead: `python -m infra.local restart a` starts it again, `python -m infra.local logs a` shows its end.",
        "b is silent: `python -m infra.local restart b` stops it and starts it again.",
        "c is stopped: `make up` starts it.",
    ]


class TestEnvironment:
    """Shells read the output of `env`."""

    VALUES: ClassVar = {
        "SENDER": '{"name": "Ana O\'Neil", "city": "Québec $HOME `date`"}',
        "EMPTY": "",
        "PLAIN": "a",
    }

    def run(self, tmp_path: Path, *, export: bool) -> str:
        write_state(tmp_path, StackState(environment=self.VALUES, parts={"a": record()}))
        output = io.StringIO()
        settings = read_local_settings({"LOCAL_STATE_DIR": str(tmp_path)})
        assert Commands(settings, Display(Console(file=output))).environment(export=export) == 0
        return output.getvalue()

    def test_without_export_it_is_one_plain_line_for_each_variable(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, export=False).splitlines() == [
            f"{name}={value}" for name, value in sorted(self.VALUES.items())
        ]

    @pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
    def test_with_export_a_shell_gets_every_value_as_it_is(self, tmp_path: Path, shell: str) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed here")
        show = "import json, os; print(json.dumps(dict(os.environ)))"
        script = f'eval "$1"; "{sys.executable}" -c "{show}"'

        done = subprocess.run(
            [shell, "-c", script, shell, self.run(tmp_path, export=True)],
            check=True,
            text=True,
            capture_output=True,
        )

        seen = json.loads(done.stdout)
        assert {name: seen[name] for name in self.VALUES} == self.VALUES

    def test_with_export_a_stack_that_does_not_run_is_an_error(self, tmp_path: Path) -> None:
        settings = read_local_settings({"LOCAL_STATE_DIR": str(tmp_path)})

        with pytest.raises(StackError, match="make up"):
            Commands(settings, Display(Console(file=io.StringIO()))).environment(export=True)
