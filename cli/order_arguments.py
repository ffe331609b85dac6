"""The commands about orders, their options and ranges."""

import argparse
from collections.abc import Callable

from cli.values import (
    attachment_id,
    day,
    finding,
    instant,
    order_id,
    person,
    reply_id,
    sized_text,
    text,
    thread_id,
    whole,
)
from shared.fulfillment.findings import Kind
from shared.fulfillment.orders import OrderState
from shared.limits import LONGEST_NAME, MOST_LISTED

Add = Callable[..., argparse.ArgumentParser]
"""(name, what it does, what `--output` takes if not the answer) -> the command's parser"""

DECISIONS = {
    "undo": "let the void and refund calls of an order's needless labels be sent to the carrier",
    "approve": "agree to an undo for much money that another person has asked for",
    "decline": "end an undo that waits for a second person, without sending anything",
    "refuse": "refuse an order that is not accepted yet; accept-orders tells the marketplace",
    "relabel": "buy another label for an order; the one that is paid for is to be undone",
    "not-sold": "say that an unclear call bought nothing, as seen at the carrier",
}

ADDRESS_FIELDS = {
    "name": "the person",
    "company": "the company",
    "street_1": "street and number",
    "street_2": "second line of the street",
    "city": "the city",
    "state": "the province",
    "postal_code": "the postal code",
    "phone": "the phone number",
    "additional_info": "what else the carrier must know",
}


ROLES = ("viewer", "reviewer", "operator", "none")


def add_order_commands(add: Add) -> None:
    _board(add("board", "show the day's figures, and what needs a person with the actions it allows"))
    _orders(add("orders", "list orders, the oldest deadline first"))
    order = add("order", "show one order: its path, shipments, reasons, address and prices")
    order.add_argument("order", metavar="ORDER", type=order_id)
    _papers(add)
    _decisions(add)
    _findings(add)
    _messages(add)
    _stages(add)
    _money(add)
    _people(add)


def _board(board: argparse.ArgumentParser) -> None:
    board.add_argument("--state", choices=[str(state) for state in OrderState], help="only in this state")
    board.add_argument(
        "--attention",
        action=argparse.BooleanOptionalAction,
        help="only orders that a person must look at, or only the others",
    )
    board.add_argument(
        "--limit", type=whole(1, 200), default=20, help="at most this many (default: %(default)s)"
    )
    board.add_argument("--after", metavar="PLACE", help="the page after the one that ended with this `next`")


def _orders(orders: argparse.ArgumentParser) -> None:
    _filter(orders)
    pages = orders.add_mutually_exclusive_group()
    _limit(pages, 50)
    pages.add_argument("--all", action="store_true", help="follow the pages to the last one")


def _filter(command: argparse.ArgumentParser) -> None:
    command.add_argument("--state", choices=[str(state) for state in OrderState], help="only in this state")
    command.add_argument(
        "--attention",
        action=argparse.BooleanOptionalAction,
        help="only orders that a person must look at, or only the others",
    )
    command.add_argument(
        "--day", metavar="YYYY-MM-DD", type=day, help="only first seen on that day of the shop"
    )
    command.add_argument(
        "--ship-before", metavar="TIME", type=instant, help="only those to be shipped before then (UTC)"
    )


def _limit(command: "argparse._ActionsContainer", default: int) -> None:
    command.add_argument(
        "--limit",
        type=whole(1, MOST_LISTED),
        default=default,
        help="at most this many (default: %(default)s)",
    )


def _papers(add: Add) -> None:
    labels = add("labels", "fetch labels as one PDF, in picking order", output="the PDF")
    labels.add_argument(
        "orders", metavar="ORDER", nargs="*", type=order_id, help="default: all that wait with a label"
    )
    labels.add_argument(
        "--day",
        metavar="YYYY-MM-DD",
        type=day,
        help="labels of the orders first seen on that day of the shop, shipped ones too",
    )
    slip = add("slip", "fetch an order's packing slip", output="the PDF")
    slip.add_argument("order", metavar="ORDER", type=order_id)


def _signed(command: argparse.ArgumentParser) -> None:
    command.add_argument("--as", metavar="NAME", dest="by", type=person, required=True, help="who you are")
    command.add_argument(
        "--note", type=text, required=True, help="what you found or did; kept with the order"
    )


def _decisions(add: Add) -> None:
    retry = add("retry", "let failed orders go on: these, or all of a filter")
    retry.add_argument("orders", metavar="ORDER", nargs="*", type=order_id)
    _filter(retry)
    _limit(retry, MOST_LISTED)
    retry.add_argument(
        "--anyway",
        action="store_true",
        help="also what would certainly fail again, as after a change of settings",
    )
    retry.add_argument("--dry-run", action="store_true", help="show what would be retried, change nothing")
    _signed(retry)
    for name, about in DECISIONS.items():
        decision = add(name, about)
        decision.add_argument("order", metavar="ORDER", type=order_id)
        _signed(decision)
    parcels = add("parcels", "send an order in so many parcels, each with a label of its own")
    parcels.add_argument("order", metavar="ORDER", type=order_id)
    parcels.add_argument(
        "--number", dest="parcels", type=whole(1, 20), required=True, help="how many parcels"
    )
    _signed(parcels)
    undone = add("undone", "say how an order's needless labels ended")
    undone.add_argument("order", metavar="ORDER", type=order_id)
    undone.add_argument(
        "--outcome",
        choices=("voided", "refunded", "disputed"),
        required=True,
        help="disputed: the money is given up",
    )
    _signed(undone)
    _address(add("address", "give an order an address of your own for its label"))


def _address(address: argparse.ArgumentParser) -> None:
    address.add_argument("order", metavar="ORDER", type=order_id)
    for name, about in ADDRESS_FIELDS.items():
        option = "--info" if name == "additional_info" else f"--{name.replace('_', '-')}"
        address.add_argument(option, metavar="TEXT", dest=name, type=person, help=about)
    address.add_argument(
        "--marketplaces-own", action="store_true", help="take the marketplace's address again"
    )
    _signed(address)


def _findings(add: Add) -> None:
    findings = add("findings", "list what a person must know of beside an order's state, the oldest first")
    findings.add_argument("--kind", choices=[str(kind) for kind in Kind], help="only of this kind")
    _limit(findings, 50)
    close = add("close", "close a finding")
    close.add_argument("finding", metavar="FINDING", type=finding, help="its number")
    _signed(close)


def _messages(add: Add) -> None:
    messages = add("messages", "list customers' messages by thread, the latest change first")
    messages.add_argument("--order", type=order_id, help="only about this order")
    messages.add_argument("--unanswered", action="store_true", help="only threads that wait for a reply")
    _limit(messages, 50)
    reply = add("reply", "write into a thread, or to an order's buyer; sync-messages sends it")
    reply.add_argument("thread", metavar="THREAD", type=thread_id, nargs="?")
    reply.add_argument("--order", type=order_id, help="write to the buyer of this order instead")
    reply.add_argument(
        "--topic",
        metavar="TEXT",
        type=sized_text(1, LONGEST_NAME),
        help="of the thread that is opened if the order has none",
    )
    reply.add_argument("--as", metavar="NAME", dest="by", type=person, required=True, help="who you are")
    reply.add_argument("--body", metavar="TEXT", type=sized_text(3, 50_000), required=True, help="plain text")
    reply.add_argument(
        "--reply-id",
        metavar="UUID",
        type=reply_id,
        help="the id of a reply whose answer was lost: the same one sends nothing twice (default: a new one)",
    )
    reply.add_argument(
        "--to",
        action="append",
        choices=("customer", "operator"),
        help="who gets it; may be repeated (default: customer)",
    )
    file = add("file", "fetch a file that came with a message", output="the file")
    file.add_argument("attachment", metavar="ATTACHMENT", type=attachment_id)


def _stages(add: Add) -> None:
    _limit(add("stages", "show the last runs of the stages, and which stage is held"), 20)
    account = add("reconcile-orders", "account for every order and label, compared with the outside")
    account.add_argument(
        "--day",
        metavar="YYYY-MM-DD",
        type=day,
        help="orders first seen on that day of the shop (default: all)",
    )
    account.add_argument(
        "--look", action="store_true", help="look at marketplace and carrier first: fire the stage now"
    )
    account.add_argument(
        "--carrier-day",
        metavar="YYYY-MM-DD",
        type=day,
        help="with --look, the day of the carrier's list to look at",
    )


def _money(add: Add) -> None:
    postage = add("postage", "show what labels cost and what came back")
    for name, about in (("first", "first day (default: the month's)"), ("last", "last day (default: today)")):
        postage.add_argument(f"--{name}", metavar="YYYY-MM-DD", type=day, help=about)
    postage.add_argument(
        "--by", choices=("day", "month", "label"), default="day", help="one row for each (default: day)"
    )
    postage.add_argument(
        "--csv", action="store_true", help="write the rows to the --output file as CSV, not JSON"
    )
    _limit(add("sizes", "list SKUs without a size of their own, the most frequent first"), 20)


def _people(add: Add) -> None:
    add("people", "list the people of the desk with their roles, and what was done there")
    role = add("role", "give somebody a role at the desk, or take it away")
    role.add_argument("person", metavar="PERSON", type=person, help="as that person signs in")
    role.add_argument("role", metavar="ROLE", choices=ROLES, help="one of " + ", ".join(ROLES))
    _signed(role)
