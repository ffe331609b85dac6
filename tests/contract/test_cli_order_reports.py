"""The commands about messages, stages, the account of all orders, and the postage."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.cli_support import CommandLine, FunctionsStandIn, Scripted, account, problem

AT = "2026-11-22T10:00:00+00:00"
REPLY = "3f0c2f5e-6f0b-4d56-9a53-5d3c1f6f2b11"


def written(**changes: object) -> dict[str, object]:
    return {
        "reply_id": REPLY,
        "body": "On its way.",
        "written_by": "ana",
        "created_at": AT,
        "message_id": None,
        "problem": None,
    } | changes


# --- messages


def test_messages_are_shown_with_files_and_replies_that_wait(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    files = [
        {"attachment_id": "f-1", "name": "photo.jpg", "path": "x", "problem": None},
        {"attachment_id": "f-2", "name": "b.pdf", "path": None, "problem": None},
        {
            "attachment_id": "f-3",
            "name": "c\x1b[2J",
            "path": None,
            "problem": "the marketplace has no such file",
        },
    ]
    said = {
        "sender": "Ann Roe",
        "sender_type": "CUSTOMER_USER",
        "body_text": "Hello\nWhere?\x1b[2J",
        "sent_at": AT,
    }
    thread = {
        "thread_id": "T-1",
        "topic": "Where is it?",
        "order_ids": ["BB-1-A"],
        "reply_needed_since": AT,
        "messages": [said | {"files": files}],
        "replies": [
            written(),
            written(problem="too long"),
            written(message_id="M-9", body="sent before"),
        ],
    }
    functions.script("/workflow/threads", {"threads": [thread]})

    done = cli.run("messages", "--order", "BB-1-A", "--unanswered", "--url", functions.url)

    assert functions.asked[0].query == {"limit": ["50"], "unanswered": ["true"], "order": ["BB-1-A"]}
    assert done.stdout.splitlines() == [
        "T-1  Where is it?, waits for a reply since 2026-11-22 10:00:00Z",
        "  about BB-1-A",
        "  2026-11-22 10:00:00Z Ann Roe (customer_user)",
        "    Hello",
        "    Where?\\x1b[2J",
        "    file f-1: photo.jpg",
        "    file f-2: b.pdf, not fetched yet",
        "    file f-3: c\\x1b[2J, the marketplace has no such file",
        f"  2026-11-22 10:00:00Z ana, not sent yet: reply {REPLY}",
        "    On its way.",
        "  2026-11-22 10:00:00Z ana, refused: too long",
        "    On its way.",
        "",
    ]
    functions.script("/workflow/threads", {"threads": []})
    assert cli.run("messages", "--url", functions.url).stdout == "[ok] no message\n"


def test_a_reply_keeps_its_id_when_it_is_sent_again(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/threads/T-1/reply", Scripted(fault="hang up"), written())

    done = cli.run("reply", "T-1", "--as", "ana", "--body", "On its way.", "--url", functions.url)

    first, second = (call.body for call in functions.asked)
    assert first == second
    assert UUID(first.pop("reply_id")).version == 4
    assert first == {"body": "On its way.", "to": ["CUSTOMER"], "by": "ana"}
    assert done.stdout == f"[ok] written: reply {REPLY}; sync-messages sends it\n"


def test_a_reply_without_an_answer_says_how_to_repeat_it(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/threads/T-1/reply", problem(503, "store_unavailable", "later"))
    to = ("--to", "operator", "--to", "customer", "--to", "customer")

    done = cli.run(
        "reply",
        "T-1",
        "--as",
        "ana",
        "--body",
        "On its way.",
        *to,
        "--reply-id",
        REPLY,
        "--url",
        functions.url,
    )

    assert done.returncode == 3
    assert f"repeat the command with --reply-id {REPLY}" in done.stderr
    assert functions.asked[0].body["to"] == ["CUSTOMER", "OPERATOR"]


def test_a_message_to_an_order_s_buyer_needs_no_thread(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/orders/BB-1-A/message", written())
    topic = ("--order", "BB-1-A", "--topic", "Your order")

    done = cli.run(
        "reply", *topic, "--as", "ana", "--body", "On its way.", "--reply-id", REPLY, "--url", functions.url
    )

    (asked,) = functions.asked
    assert asked.body == {"reply_id": REPLY, "topic": "Your order", "body": "On its way.", "by": "ana"}
    assert done.stdout == f"[ok] written: reply {REPLY}; sync-messages sends it\n"


# --- stages


def test_stages_shows_the_last_runs_and_a_stage_that_is_held(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    breaker = {
        "stage": "create-labels",
        "cause": "account",
        "reason": "401: the password is wrong",
        "opened_at": AT,
        "tried_at": AT,
        "tries": 3,
        "retry_at": "2026-11-22T11:00:00+00:00",
    }
    run = {
        "cycle": "2026-11-22T10:00Z",
        "stage": "accept-orders",
        "state": "finished",
        "begun_at": AT,
        "ended_at": AT,
    }
    results: list[dict[str, Any] | None] = [
        {"done": 3, "failed": 0, "left": 1, "out_of_order": True, "errors": []},
        {"done": 0, "error": "VendorUnavailable: away"},
        {"held": {"reason": "401: the password is wrong"}},
        None,
    ]
    runs = [run | {"result": result} for result in results]
    functions.script("/workflow/stages", {"stage_runs": runs, "breakers": [breaker]})

    done = cli.run("stages", "--limit", "4", "--url", functions.url)

    assert functions.asked[0].query == {"limit": ["4"]}
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "[warning] create-labels is held since 2026-11-22 10:00:00Z (account): 401: the password is wrong",
        "  tried 3 times, again at 2026-11-22 11:00:00Z",
    ]
    assert lines[3].startswith("accept-orders  2026-11-22T10:00Z  finished  2026-11-22 10:00:00Z")
    assert [line.rpartition("Z  ")[2] for line in lines[3:]] == [
        "3 done, 1 left",
        "VendorUnavailable: away (none)",
        "held: 401: the password is wrong",
        "none",
    ]
    functions.script("/workflow/stages", {"stage_runs": [], "breakers": []})
    assert cli.run("stages", "--url", functions.url).stdout == "no stage has run yet\n"


# --- the account


def test_the_account_that_balances_shows_its_sums_and_how_old_the_looks_are(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/reconcile/orders", account())

    done = cli.run("reconcile-orders", "--url", functions.url)

    assert (done.returncode, functions.asked[0].query) == (0, {})
    assert done.stdout.splitlines() == [
        "all orders",
        "10 seen = 5 shipped + 3 in progress + 1 with a person + 1 cancelled + 0 refused",
        "in progress: 2 accepted, 1 label created",
        "labels: 7 asked, 7 bought, 7 on the shelf, 7 sold",
        "marketplace: looked at 13 minutes ago",
        "carrier: looked at 26 hours ago",
        "[ok] balanced: every order and label has its place",
    ]


def test_an_account_that_nobody_compared_with_the_outside_is_unverified(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    never = {"checked_at": None, "age_seconds": None, "fresh": False, "fresh_for_seconds": 3600}
    old = {"checked_at": AT, "age_seconds": 200_000, "fresh": False, "fresh_for_seconds": 93_600}
    outside = {"marketplace": never, "carrier": old, "unmatched": 0}
    functions.script(
        "/workflow/reconcile/orders", account(outside=outside, verdict="unverified", day="2026-11-22")
    )

    done = cli.run("reconcile-orders", "--day", "2026-11-22", "--url", functions.url)

    assert (done.returncode, functions.asked[0].query) == (1, {"day": ["2026-11-22"]})
    lines = done.stdout.splitlines()
    assert lines[0] == "orders first seen on the shop's 2026-11-22"
    assert lines[-3:] == [
        "marketplace: never looked at",
        "carrier: looked at 2 days ago, too old: it counts for 26 hours",
        "[warning] unverified: the sums agree, but the outside was not looked at lately; --look does it",
    ]


def test_an_account_that_does_not_balance_says_what_is_wrong(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    wrong = account(lost=1, adds_up=False, verdict="unbalanced")
    wrong["outside"] = {**account()["outside"], "unmatched": 2}  # type: ignore[dict-item]
    functions.script("/workflow/reconcile/orders", wrong)

    done = cli.run("reconcile-orders", "--url", functions.url)

    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "[failed] NOT balanced: 1 orders lost, 0 whose state and label contradict each other",
        "[failed] NOT balanced: 2 findings contradict the outside; `findings` lists them",
    ]


@pytest.mark.parametrize(
    ("options", "sent"),
    [((), {"carrier": True}), (("--carrier-day", "2026-11-20"), {"carrier": True, "day": "2026-11-20"})],
)
def test_a_look_is_fired_once_before_the_account(
    cli: CommandLine, functions: FunctionsStandIn, options: tuple[str, ...], sent: dict[str, object]
) -> None:
    looked = {"stage": "reconcile-orders", "done": 12, "failed": 0, "unmatched": 0, "errors": []}
    functions.script("/reconcile-orders", looked)
    functions.script("/workflow/reconcile/orders", account())

    done = cli.run("reconcile-orders", "--look", *options, "--url", functions.url)

    assert [(call.path, call.body) for call in functions.asked] == [
        ("/reconcile-orders", sent),
        ("/workflow/reconcile/orders", None),
    ]
    assert done.stdout.startswith("[ok] looked now: 12 done\nall orders\n")
    whole = cli.run("reconcile-orders", "--look", "--output", "-", "--url", functions.url)
    assert json.loads(whole.stdout) == account() | {"look": looked}


def test_a_look_without_an_answer_is_not_fired_again(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/look", Scripted(fault="hang up"))

    done = cli.run(
        "reconcile-orders",
        "--look",
        "--reconcile-orders-url",
        f"{functions.url}/look",
        "--url",
        functions.url,
    )

    assert (done.returncode, [call.path for call in functions.asked]) == (3, ["/look"])


# --- money and sizes

TOTALS = {
    "labels": 2,
    "purchases_cents": 2469,
    "voids_cents": 0,
    "refunds_cents": -1234,
    "total_cents": 1235,
    "ends": {"shipped": 1, "refunded": 1},
}
LEDGER = {
    "first": "2026-11-01",
    "last": "2026-11-22",
    "by": "month",
    "currency": "CAD",
    "rows": [
        {
            "period": "2026-11",
            "labels": 2,
            "purchases_cents": 2469,
            "voids_cents": 0,
            "refunds_cents": -1234,
            "total_cents": 1235,
        }
    ],
    "totals": TOTALS,
    "carrier": {"listed_cents": 2469, "ours_cents": 2469, "agrees": True, "look": AT},
}


def test_the_postage_is_shown_as_money(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/postage", LEDGER)
    days = ("--first", "2026-11-01", "--last", "2026-11-22")

    done = cli.run("postage", *days, "--by", "month", "--url", functions.url)

    assert functions.asked[0].query == {"first": ["2026-11-01"], "last": ["2026-11-22"], "by": ["month"]}
    assert done.stdout.splitlines() == [
        "postage from 2026-11-01 to 2026-11-22, in CAD",
        "2 labels for 24.69, voids 0.00, refunds -12.34, total 12.35",
        "labels: 1 refunded, 1 shipped",
        "[ok] the carrier lists the same, as of 2026-11-22 10:00:00Z",
        "period   labels  purchases  voids  refunds  total",
        "2026-11  2       24.69      0.00   -12.34   12.35",
    ]


@pytest.mark.parametrize(
    ("carrier", "line"),
    [
        (
            {"listed_cents": 5, "ours_cents": 2469, "agrees": False, "look": AT},
            "[warning] the carrier lists 0.05, we count 24.69, as of 2026-11-22 10:00:00Z",
        ),
        (
            {"listed_cents": 0, "ours_cents": 0, "agrees": True, "look": None},
            "the carrier's list was never read",
        ),
    ],
)
def test_the_postage_is_compared_with_the_carriers_list(
    cli: CommandLine, functions: FunctionsStandIn, carrier: dict[str, object], line: str
) -> None:
    functions.script("/workflow/postage", LEDGER | {"carrier": carrier, "rows": []})

    assert cli.run("postage", "--url", functions.url).stdout.splitlines()[-1] == line


def test_skus_without_a_size_are_listed(cli: CommandLine, functions: FunctionsStandIn) -> None:
    guessed = {"sku": "DISC", "title": "A disc", "orders": 3}
    functions.script("/workflow/sizes/guessed", {"skus": [guessed]}, {"skus": []})

    done = cli.run("sizes", "--limit", "5", "--url", functions.url)

    assert functions.asked[0].query == {"limit": ["5"]}
    assert done.stdout.splitlines()[1:] == ["sku   orders  title", "DISC  3       A disc"]
    none = cli.run("sizes", "--url", functions.url)
    assert none.stdout == "[ok] every SKU of an unshipped order has its size\n"
