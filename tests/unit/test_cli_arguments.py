from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from cli.arguments import parser
from cli.commands import run_request
from cli.failures import WrongUsage
from cli.work_commands import completion
from tests.cli_support import TASK

AS_ANA = ("--as", "ana")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "COMMAND"),
        (("dance",), "invalid choice: 'dance'"),
        (("run", "--limit", "0"), "'0' is not a whole number from 1 to 100000"),
        (("run", "--limit", "100001"), "not a whole number"),
        (("run", "--limit", "1.5"), "not a whole number"),
        (("run", "--limit", "٣"), "not a whole number"),
        (("run", "--limit", "9" * 5000), "not a whole number"),
        (("run", "--priority-threshold", "1.01"), "not a number from 0 to 1"),
        (("run", "--priority-threshold", "nan"), "not a number from 0 to 1"),
        (("run", "--priority-threshold", "high"), "not a number from 0 to 1"),
        (("run", "--force-manual", "--force-automation"), "not allowed with"),
        (("run", "--force"), "unrecognized arguments: --force"),
        (("run", "--policy", "a b"), "cannot name a policy"),
        (("run", "--batch-id", "-b"), "--batch-id"),
        (("run", "--batch-id", "a b"), "cannot name a batch"),
        (("run", "--batch-id", "b" * 101), "cannot name a batch"),
        (("run", "--output", ""), "give a file"),
        (("run", "--timeout", "0"), "not a number from 0.001 to 3600"),
        (("run", "--timeout", "inf"), "not a number from 0.001 to 3600"),
        (("status",), "BATCH"),
        (("status", "../config"), "cannot name a batch"),
        (("status", "_fallback"), "cannot name a batch"),
        (("watch", "b1", "--interval", "0"), "not a number from 0.01 to 3600"),
        (("watch", "b1", "--patience", "-1"), "not a number from 0 to 86400"),
        (("pending", "--limit", "1001"), "not a whole number from 1 to 1000"),
        (("pending", "--priority", "urgent"), "invalid choice: 'urgent'"),
        (("reconcile", "--day", "2026-02-30"), "is not a day; write YYYY-MM-DD"),
        (("reconcile", "--day", "20261122"), "is not a day; write YYYY-MM-DD"),
        (("reconcile", "--day", "2026-11-22", "--batch", "b1"), "not allowed with"),
        (("claim", TASK), "--as"),
        (("claim", "1\x007", *AS_ANA), "cannot name a task; `pending` lists them"),
        (("claim", "1" * 201, *AS_ANA), "cannot name a task"),
        (("claim", TASK, "--as", "  "), "give a text of 1 to 200 characters"),
        (("claim", TASK, "--as", "a" * 201), "give a text of 1 to 200 characters"),
        (("claim", TASK, "--as", "a\x00"), "give a text of 1 to 200 characters"),
        (("claim", TASK, "--as", "\udcff"), "give a text of 1 to 200 characters"),
        (("fail", TASK, *AS_ANA), "--note"),
        (("fail", TASK, *AS_ANA, "--note", ""), "give a text of 1 to 10000 characters"),
        (("complete", TASK, *AS_ANA, "--set", "category"), "not of the form name=value"),
        (("complete", TASK, *AS_ANA, "--set", "category= "), "not of the form name=value"),
        (
            ("complete", TASK, *AS_ANA, "--set", "pn=X"),
            "'pn' is not a field; use category, description, manufacturer",
        ),
        (
            ("complete", TASK, *AS_ANA, "--set", f"manufacturer={'m' * 201}"),
            "give a text of 1 to 200 characters",
        ),
        (("complete", TASK, *AS_ANA, "--attribute", "=8"), "not of the form name=value"),
        (("complete", TASK, *AS_ANA, "--doc", "ftp://x.y"), "is not a link"),
        (("complete", TASK, *AS_ANA, "--doc", f"https://x.y/{'a' * 2000}"), "is not a link"),
        (("complete", TASK, *AS_ANA, "--image", "https://x.y/a b"), "is not a link"),
        (("pending", "--token", ""), "this is not a token"),
        (("orders", "--state", "lost"), "invalid choice: 'lost'"),
        (("orders", "--limit", "5", "--all"), "not allowed with"),
        (("orders", "--ship-before", "soon"), "'soon' is not a time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM"),
        (("order",), "ORDER"),
        (("order", "a b"), "'a b' cannot name an order; `orders` lists them"),
        (("order", "a/b"), "cannot name an order"),
        (("order", "x" * 201), "cannot name an order"),
        (("order", "a\u202e"), "cannot name an order"),
        (("labels", "a,b", "--output", "f"), "cannot name an order"),
        (("slip", "A"), "--output"),
        (("refuse", "A", *AS_ANA), "--note"),
        (("undone", "A", *AS_ANA, "--note", "n"), "--outcome"),
        (("undone", "A", *AS_ANA, "--note", "n", "--outcome", "lost"), "invalid choice: 'lost'"),
        (("close", "F", *AS_ANA, "--note", "n"), "'F' is not the number of a finding"),
        (("close", "9" * 19, *AS_ANA, "--note", "n"), "is not the number of a finding"),
        (("findings", "--kind", "odd"), "invalid choice: 'odd'"),
        (("reply", "T", *AS_ANA, "--body", " a "), "give a text of 3 to 50000 characters"),
        (("reply", "T", *AS_ANA, "--body", "Hello", "--reply-id", "7"), "'7' is not the id of a reply"),
        (("reply", "T", *AS_ANA, "--body", "Hello", "--to", "all"), "invalid choice: 'all'"),
        (("reply", "a b", *AS_ANA, "--body", "Hello"), "cannot name a thread"),
        (("file", "a b", "--output", "f"), "cannot name a file"),
        (("postage", "--by", "year"), "invalid choice: 'year'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)

    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert line.endswith("(--help says more)")


def test_a_wrong_token_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["pending", "--token", "my secret"])

    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--set", "--attribute"])
def test_a_field_that_is_given_twice_is_refused(option: str) -> None:
    given = parser().parse_args(["complete", TASK, *AS_ANA, option, "category=A", option, "category=B"])

    with pytest.raises(WrongUsage, match=f"{option}: 'category' was given twice"):
        completion(given)


def test_a_request_holds_only_the_given_options_and_a_batch_id() -> None:
    first = run_request(parser().parse_args(["run", "--priority-threshold", "0"]))
    second = run_request(parser().parse_args(["run"]))

    assert first.keys() == {"limit", "priority_threshold", "batch_id"}
    assert first["priority_threshold"] == 0
    assert first["batch_id"] != second["batch_id"]


def test_values_are_converted_to_their_types() -> None:
    read = parser().parse_args

    assert read(["run", "--limit", "+7"]).limit == 7
    assert read(["reconcile", "--day", "2026-02-28"]).day == date(2026, 2, 28)
    assert read(["status", "b1_fallback"]).batch == "b1_fallback"
    assert read(["claim", f" {TASK} ", *AS_ANA]).task == TASK
    assert read(["pending", "--token", " abc \n"]).token == "abc"


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ("2026-11-28", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-11-28T17:30", datetime(2026, 11, 28, 17, 30, tzinfo=UTC)),
        ("2026-11-28T12:30-05:00", datetime(2026, 11, 28, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(given: str, time: datetime) -> None:
    assert parser().parse_args(["orders", "--ship-before", given]).ship_before == time
