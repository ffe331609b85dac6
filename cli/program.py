"""Runs one command line: builds the parts, reports every failure in one place, returns the exit status."""

import io
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence

from cli.addresses import Address, Function, Given, locate
from cli.answer_file import AnswerFile
from cli.arguments import parser
from cli.commands import RecordCommands
from cli.failures import BROKEN_PIPE, INTERRUPTED, Failure, WrongUsage
from cli.functions import Functions
from cli.inbox_commands import InboxCommands
from cli.insight_commands import InsightCommands
from cli.job_commands import JobCommands
from cli.laptop_cloud import local_functions
from cli.order_commands import OrderCommands
from cli.screen import Screen, shown
from cli.values import token as checked_token
from cli.work_commands import WorkCommands

TOKEN_VARIABLE = "SWITCHYARD_TOKEN"  # noqa: S105 - the variable's name


def main(argv: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a record's text must not fail in an encoding such as ASCII
    given = parser().parse_args(argv)
    complaints = Screen(sys.stderr)
    try:
        return _run(given, complaints)
    except Failure as failure:
        text = "\n".join(map(shown, str(failure).splitlines()))
        complaints.line(f"{complaints.symbol('bad')} {text}", style="red")
        return failure.status
    except KeyboardInterrupt:
        complaints.line("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of the pipe has gone; Python would flush once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(given: Namespace, complaints: Screen) -> int:
    screen = Screen(sys.stdout)
    with AnswerFile(given.output) as file:
        # on a terminal, stdout and stderr share the screen, and a notice must not break a progress bar
        notices = screen if screen.is_terminal and not file.replaces_summary else complaints

        def notify(text: str) -> None:
            notices.line(shown(text), style="yellow")

        timeout = getattr(given, "timeout", None)
        with Functions(_locator(given), _token(given), timeout=timeout, notify=notify) as functions:
            rooms = [
                room(functions, screen, file, notify)
                for room in (
                    RecordCommands,
                    InboxCommands,
                    WorkCommands,
                    JobCommands,
                    OrderCommands,
                    InsightCommands,
                )
            ]
            name = given.command.replace("-", "_")
            command: Callable[[Namespace], int]
            (command,) = (getattr(room, name) for room in rooms if hasattr(room, name))
            status = command(given)
            sys.stdout.flush()  # raises here if the reader of the pipe has gone
            return status


def _locator(given: Namespace) -> Callable[[Function], Address]:
    single = {function: getattr(given, f"{function.replace('-', '_')}_url", None) for function in Function}
    flags = Given(getattr(given, "url", None), single)
    return lambda function: locate(function, flags, os.environ, local_functions)


def _token(given: Namespace) -> str | None:
    found: str | None = getattr(given, "token", None)
    if found is not None or not os.environ.get(TOKEN_VARIABLE, "").strip():
        return found
    try:
        return checked_token(os.environ[TOKEN_VARIABLE])
    except ArgumentTypeError as error:
        raise WrongUsage(f"{TOKEN_VARIABLE}: {error}") from None
