"""docs/cli.md and --help name every command, option and exit status."""

import argparse
import re
from collections.abc import Iterator

import pytest

from cli import failures
from cli.addresses import Function
from cli.arguments import parser
from cli.program import TOKEN_VARIABLE
from tests.cli_support import PROJECT

PAGE = (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = [
        action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return dict(choices)


def options() -> Iterator[tuple[str, str]]:
    for name, command in commands().items():
        for action in command._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help"):
                    yield name, option


@pytest.mark.parametrize("name", commands())
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"^\| `{name}( [A-Z.]+)*` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("option", sorted({option for _, option in options()}))
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"`{option}(`| [A-Z])", PAGE)


CONNECTION = {
    *("--url", "--orchestrate-url", "--workflow-url", "--reconcile-orders-url"),
    *("--token", "--timeout", "--output"),
}


@pytest.mark.parametrize("name", commands())
def test_the_table_of_commands_lists_the_options_of_each(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}(?: [A-Z.]+)*` \|.*\|(.*)\|$", PAGE, re.MULTILINE)

    assert (
        set(re.findall(r"--[a-z0-9-]+", row)) == {opt for cmd, opt in options() if cmd == name} - CONNECTION
    )


def test_nothing_is_documented_that_does_not_exist() -> None:
    elsewhere = {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", PAGE)) - elsewhere == {
        option for _, option in options()
    }


def test_every_exit_status_is_documented() -> None:
    statuses = {failures.OK, failures.BAD_NEWS, failures.INTERRUPTED, failures.BROKEN_PIPE}
    statuses |= {failure.status for failure in failures.Failure.__subclasses__()}
    section = PAGE.partition("## Exit status")[2].partition("##")[0]

    assert {int(status) for status in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)} == statuses
    for status in statuses - {failures.BROKEN_PIPE}:  # no user meets it: who reads it has gone
        assert re.search(rf"^  {status} +\w", parser().format_help(), re.MULTILINE)


@pytest.mark.parametrize(
    "variable", [TOKEN_VARIABLE, "SWITCHYARD_URL", *(function.variable for function in Function)]
)
def test_every_variable_is_documented(variable: str) -> None:
    assert f"`{variable}`" in PAGE


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    command = commands()[name]

    assert command.description
    for action in command._actions:
        assert action.help or action.choices or action.metavar or action.dest == "batch"
