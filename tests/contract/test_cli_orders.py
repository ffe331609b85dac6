"""The commands about orders: the request that each makes, and what a person sees."""

import json

import pytest

from tests.cli_support import CommandLine, FunctionsStandIn, Scripted, board, order, order_status, problem

SIGNED = ("--as", "ana", "--note", "seen at the carrier")
WRITTEN = ("--as", "ana", "--body", "On its way.")
SENT = {"by": "ana", "note": "seen at the carrier"}


def test_orders_shows_the_deadline_the_reason_and_since_when(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    calm = order(
        order_id="BB-2-A", state="accepted", ship_before=None, attention_reason=None, attention_since=None
    )
    functions.script("/workflow/orders", {"total": 12, "orders": [order(), calm], "next": "infinity BB-2-A"})

    done = cli.run("orders", "--limit", "2", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].query == {"limit": ["2"]}
    assert done.stdout.splitlines() == [
        "2 of 12 orders, the oldest deadline first",
        "order   state         ship before           total       since                 why a person must look",
        "BB-1-A  label failed  2026-11-24 04:59:00Z  129.50 CAD  2026-11-22 10:00:00Z  the country is not Canada",
        "BB-2-A  accepted      -                     129.50 CAD  -                     -",
        "there are more: --all lists them, --limit more at once",
    ]


def test_orders_sends_the_whole_filter(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/orders", {"total": 0, "orders": [], "next": None})

    done = cli.run(
        *("orders", "--state", "accepted", "--no-attention", "--day", "2026-11-22"),
        *("--ship-before", "2026-11-23T12:00", "--url", functions.url),
    )

    assert done.stdout == "[ok] no such order\n"
    assert functions.asked[0].query == {
        "state": ["accepted"],
        "attention": ["false"],
        "day": ["2026-11-22"],
        "ship_before": ["2026-11-23T12:00:00+00:00"],
        "limit": ["50"],
    }


def test_all_orders_are_followed_through_the_pages(cli: CommandLine, functions: FunctionsStandIn) -> None:
    pages = [
        {"total": 3, "orders": [order(order_id=f"BB-{number}")], "next": following}
        for number, following in enumerate(["2026-11-24T04:59:00+00:00 BB-0", "infinity BB-1", None])
    ]
    functions.script("/workflow/orders", *pages)

    done = cli.run("orders", "--all", "--attention", "--output", "-", "--url", functions.url)

    answer = json.loads(done.stdout)
    assert [each["order_id"] for each in answer["orders"]] == ["BB-0", "BB-1", "BB-2"]
    assert (answer["total"], answer["next"]) == (3, None)
    assert [call.query.get("after") for call in functions.asked] == [
        None,
        ["2026-11-24T04:59:00+00:00 BB-0"],
        ["infinity BB-1"],
    ]
    assert {(*call.query["limit"], *call.query["attention"]) for call in functions.asked} == {
        ("1000", "true")
    }


def test_an_order_is_shown_with_its_reasons_labels_and_path(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/orders/BB-1-A", order_status())

    done = cli.run("order", "BB-1-A", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[warning] BB-1-A: label failed",
        "  since 2026-11-22 10:00:00Z, at the marketplace SHIPPING",
        "  to be shipped before 2026-11-24 04:59:00Z",
        "  total: 129.50 CAD",
        "  time since 2026-11-22 10:00:00Z: the country is not Canada",
        "  finding 7, price differs since 2026-11-22 11:00:00Z: the carrier charges 3.00",
        "  address: Ann Roe, 1 Main St, USA",
        "",
        "Items",
        "sku   pieces  price CAD  state     title",
        "DISC  2       64.75      SHIPPING  A disc",
        "",
        "Labels",
        "label  state            request   tracking number   price      PDF     message",
        "1      due, not needed  BB-1-A-1  7023210039414604  12.30 CAD  stored  -",
        "  postage: 1 label, 12.30 CAD, of which 0.00 came back",
        "",
        "Path",
        "at                    what                by              why",
        "2026-11-22 09:00:00Z  pending acceptance  accept-orders   -",
        "2026-11-22 09:00:00Z  relabel             ana (a person)  heavier",
        "  a person may: undo, not-sold",
        "  next, 2026-11-22 10:18:00Z: create-labels buys its label",
    ]


def test_a_persons_address_is_shown_before_the_marketplaces(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    own = {
        "address": {"name": "Ben Roy", "street_1": "12 Rue Peel"},
        "by": "ana",
        "note": "asked the buyer",
        "at": "2026-11-22T12:00:00+00:00",
    }
    calm = order_status(address_override=own, attention=False, reasons=[], shipments=[])
    functions.script("/workflow/orders/BB-1-A", calm)

    lines = cli.run("order", "BB-1-A", "--url", functions.url).stdout.splitlines()

    assert "  a person must look if nothing happens until 2026-11-22 10:00:00Z" in lines
    begin = lines.index("  address: Ben Roy, 12 Rue Peel")
    assert lines[begin + 1 : begin + 3] == [
        "    by ana at 2026-11-22 12:00:00Z: asked the buyer",
        "  the marketplace's: Ann Roe, 1 Main St, USA",
    ]


def test_the_board_is_a_sentence_then_what_needs_a_person(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    functions.script("/workflow/orders/board", board())

    done = cli.run("board", "--limit", "5", "--attention", "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[warning] 18 of 21 shipped, 2 need you, 1 cancelled",
        "  labels today: 18 labels, 442.72 CAD, of which 27.92 came back",
        "  confirmed: compared with the marketplace 9 minutes ago, compared with the carrier 9 minutes ago",
        "  open: 2 label unknown",
        "",
        "BB-2-A  label unknown, 20.00 CAD",
        "  a person may: not-sold",
        "  next, 2026-11-22 09:18:00Z: create-labels asks again",
    ]


def test_an_unknown_order_is_refused(cli: CommandLine, functions: FunctionsStandIn) -> None:
    functions.script("/workflow/orders/nobody", problem(404, "not_found", "no order nobody"))

    done = cli.run("order", "nobody", "--url", functions.url)

    assert (done.returncode, done.stderr) == (4, "[failed] workflow refused: no order nobody (not_found)\n")


# --- decisions


@pytest.mark.parametrize(
    ("command", "more", "path", "sent", "shown"),
    [
        ("undo", (), "undo", {}, "create-labels sends the calls that undo its labels"),
        (
            "undone",
            ("--outcome", "refunded"),
            "undone",
            {"outcome": "refunded"},
            "its needless labels are seen to",
        ),
        ("refuse", (), "refuse", {}, "accept-orders refuses it at the marketplace"),
        (
            "parcels",
            ("--number", "2"),
            "parcels",
            {"parcels": 2},
            "create-labels buys a label for each parcel",
        ),
        ("relabel", (), "relabel", {}, "create-labels buys another label"),
        ("not-sold", (), "not-sold", {}, "create-labels asks for a label again"),
        (
            "address",
            ("--marketplaces-own",),
            "address",
            {"address": None},
            "the marketplace's address counts",
        ),
    ],
)
def test_a_decision_is_sent_with_the_persons_name_and_note(
    cli: CommandLine,
    functions: FunctionsStandIn,
    command: str,
    more: tuple[str, ...],
    path: str,
    sent: dict[str, object],
    shown: str,
) -> None:
    functions.script(f"/workflow/orders/BB-1-A/{path}", Scripted(fault="hang up"), order(state="accepted"))

    done = cli.run(command, "BB-1-A", *more, *SIGNED, "--url", functions.url)

    assert done.returncode == 0, done.stderr
    assert [call.body for call in functions.asked] == [SENT | sent] * 2, "a lost answer is asked for again"
    assert done.stdout.startswith(f"[ok] BB-1-A: {shown}")
    assert "  state: accepted\n" in done.stdout


def test_an_address_is_sent_with_the_fields_that_are_given(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    own = {"address": {}, "by": "ana", "note": "n", "at": "2026-11-22T12:00:00+00:00"}
    functions.script("/workflow/orders/BB-1-A/address", order(address_override=own))

    done = cli.run(
        *("address", "BB-1-A", "--name", "Ben Roy", "--company", "Acme", "--street-1", "12 Rue Peel"),
        *("--street-2", "app. 3", "--city", "Montreal", "--state", "QC", "--postal-code", "H2X 1Y4"),
        *("--phone", "514 555 0100", "--info", "ring twice", *SIGNED, "--url", functions.url),
    )

    assert done.returncode == 0, done.stderr
    assert functions.asked[0].body == SENT | {
        "address": {
            "name": "Ben Roy",
            "company": "Acme",
            "street_1": "12 Rue Peel",
            "street_2": "app. 3",
            "city": "Montreal",
            "state": "QC",
            "postal_code": "H2X 1Y4",
            "phone": "514 555 0100",
            "additional_info": "ring twice",
        }
    }
    assert done.stdout.startswith("[ok] BB-1-A: its label gets this address\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("address", "A", *SIGNED), "give --name, --street-1, --city, --postal-code too"),
        (("address", "A", "--name", "x", "--city", "y", *SIGNED), "give --street-1, --postal-code too"),
        (("address", "A", "--name", "x", "--marketplaces-own", *SIGNED), "not both"),
        (("retry", *SIGNED), "give the orders, or a filter"),
        (("labels", "A", "--day", "2026-11-22", "--output", "labels.pdf"), "not both"),
        (("reply", *WRITTEN), "give a thread, or --order and --topic"),
        (("reply", "T", "--order", "A", *WRITTEN), "give a thread, or --order and --topic"),
        (("reply", "T", "--topic", "x", *WRITTEN), "--topic needs --order"),
        (("reply", "--order", "A", *WRITTEN), "--order needs --topic"),
        (("reply", "--order", "A", "--topic", "x", "--to", "operator", *WRITTEN), "--to is for a thread"),
        (("postage", "--csv"), "--csv needs --output FILE"),
        (("reconcile-orders", "--carrier-day", "2026-11-22"), "--carrier-day needs --look"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_call(
    cli: CommandLine, functions: FunctionsStandIn, arguments: tuple[str, ...], message: str
) -> None:
    done = cli.run(*arguments, "--url", functions.url)

    assert (done.returncode, functions.asked) == (2, [])
    assert message in done.stderr


def test_an_address_that_the_carrier_would_not_take_is_refused_with_its_field(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    wrong = {"field": "address", "message": "the postal code is not of the form A1A1A1"}
    functions.script("/workflow/orders/A/address", problem(422, "invalid_request", "no", errors=[wrong]))

    fields = ("--name", "x", "--street-1", "y", "--city", "z", "--postal-code", "K1A")
    done = cli.run("address", "A", *fields, *SIGNED, "--url", functions.url)

    assert done.returncode == 4
    assert done.stderr.endswith("\n  address: the postal code is not of the form A1A1A1\n")


def test_retry_shows_what_was_retried_and_what_could_not_be_and_why(
    cli: CommandLine, functions: FunctionsStandIn
) -> None:
    left = {"order_id": "BB-2", "reason": "order BB-2 is shipped: there is nothing to retry"}
    functions.script("/workflow/orders/retry", {"retried": ["BB-1"], "left": [left], "dry_run": False})

    done = cli.run("retry", "BB-1", "BB-2", "BB-3", *SIGNED, "--url", functions.url)

    assert functions.asked[0].body == SENT | {
        "order_ids": ["BB-1", "BB-2", "BB-3"],
        "limit": 1000,
        "dry_run": False,
        "anyway": False,
    }
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "[ok] 1 retried",
        "  BB-1",
        "[warning] not BB-2: order BB-2 is shipped: there is nothing to retry",
        "[warning] not BB-3: no such order, or not of the filter",
    ]


def test_a_retry_of_a_filter_can_be_tried_first(cli: CommandLine, functions: FunctionsStandIn) -> None:
    left = {"order_id": "BB-2", "reason": "there is nothing to retry"}
    functions.script("/workflow/orders/retry", {"retried": ["BB-1"], "left": [left], "dry_run": True})

    done = cli.run(
        "retry", "--attention", "--limit", "5", "--anyway", "--dry-run", *SIGNED, "--url", functions.url
    )

    assert functions.asked[0].body == SENT | {
        "attention": True,
        "limit": 5,
        "dry_run": True,
        "anyway": True,
    }
    assert done.returncode == 0
    assert done.stdout.startswith("[dry run] 1 would be retried, nothing was changed\n  BB-1\n")


@pytest.mark.parametrize(
    ("choice", "calls"), [(("BB-1",), 3), (("--state", "label_failed"), 1), (("--attention", "--dry-run"), 3)]
)
def test_a_lost_retry_is_sent_again_unless_a_filter_chooses(
    cli: CommandLine, functions: FunctionsStandIn, choice: tuple[str, ...], calls: int
) -> None:
    functions.script("/workflow/orders/retry", Scripted(fault="hang up"))

    done = cli.run("retry", *choice, *SIGNED, "--url", functions.url)

    assert (done.returncode, len(functions.asked)) == (3, calls)


# --- findings


def test_findings_are_listed_with_their_numbers(cli: CommandLine, functions: FunctionsStandIn) -> None:
    finding = {
        "id": 7,
        "kind": "sold_twice",
        "subject": "S-1",
        "order_id": None,
        "reason": "the carrier sold shipment S-1 for request R, too",
        "since": "2026-11-22T10:00:00+00:00",
    }
    functions.script("/workflow/findings", {"total": 3, "findings": [finding]})

    done = cli.run("findings", "--kind", "sold_twice", "--limit", "1", "--url", functions.url)

    assert functions.asked[0].query == {"kind": ["sold_twice"], "limit": ["1"]}
    assert done.stdout.splitlines() == [
        "1 of 3 open findings, the oldest first",
        "finding  kind        since                 order  about  reason",
        "7        sold twice  2026-11-22 10:00:00Z  -      S-1    the carrier sold shipment S-1 for request R, too",
    ]
    functions.script("/workflow/findings", {"total": 0, "findings": []})
    assert cli.run("findings", "--url", functions.url).stdout == "[ok] nothing is open\n"

    functions.script("/workflow/findings/7/close", finding | {"closed_by": "ana"})
    closed = cli.run("close", "7", *SIGNED, "--url", functions.url)

    assert functions.asked[-1].body == SENT
    assert closed.stdout.startswith("[ok] closed: finding 7, the carrier sold shipment S-1")
