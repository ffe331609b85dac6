"""The parts that every command works with, and its end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cli.answer_file import AnswerFile
from cli.failures import BAD_NEWS, OK
from cli.functions import Functions
from cli.screen import Screen


@dataclass(frozen=True)
class Commands:
    """Each public method is a command and returns the exit status. `notify` prints what is not part of the answer."""

    functions: Functions
    screen: Screen
    answer_file: AnswerFile
    notify: Callable[[str], None]

    def finish(self, answer: dict[str, Any], show: Callable[[], None], *, bad: bool = False) -> int:
        """Shows the summary first, so that it appears even when the file cannot be written."""
        if not self.answer_file.replaces_summary:
            show()
        self.answer_file.write(answer)
        return BAD_NEWS if bad else OK
