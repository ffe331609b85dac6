import io

import pytest

from cli.answers import Equation
from cli.screen import Screen
from infra.local.demo.drain import shown_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def equation(in_flight: int, failed: int = 0) -> Equation:
    return Equation(
        taken=9,
        completed=6 - in_flight,
        with_a_person=3 - failed,
        in_flight=in_flight,
        failed=failed,
        rejected=0,
        balanced=True,
    )


def test_a_pipe_gets_the_first_and_the_last_state_and_no_repetition() -> None:
    text = io.StringIO()

    with shown_progress(Screen(text)) as show:
        for in_flight in (5, 4, 3, 0, 0):
            show(equation(in_flight))

    assert text.getvalue().splitlines() == [
        "  1 completed, 3 with a person, 5 in flight",
        "  6 completed, 3 with a person, 0 in flight",
    ]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    text = Terminal()

    with shown_progress(Screen(text)) as show:
        show(equation(2, failed=1))

    assert "7/9" in text.getvalue()
    assert "4 completed, 2 with a person, 1 failed, 2 in flight" in text.getvalue()
