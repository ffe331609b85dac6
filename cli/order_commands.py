"""The commands about orders. The stages carry the decisions out; a call by hand shows its answer at once."""

from argparse import Namespace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from cli.answers import parsed
from cli.board_views import show_board
from cli.client import FileReply
from cli.command import Commands
from cli.failures import OK, NoAnswer, WrongUsage
from cli.order_answers import (
    Account,
    Board,
    DeskPeople,
    Findings,
    GuessedSkus,
    Ledger,
    Order,
    OrderPage,
    OrderStatus,
    Retried,
    ShownFinding,
    Stages,
    Threads,
    WrittenReply,
)
from cli.order_arguments import ADDRESS_FIELDS
from cli.order_views import (
    show_decision,
    show_findings,
    show_order,
    show_orders,
    show_retried,
    show_threads,
)
from cli.report_views import show_account, show_guessed, show_ledger, show_look, show_people, show_stages
from cli.screen import shown
from shared.limits import MOST_LISTED

Json = dict[str, Any]

_DONE = {
    "undo": "create-labels sends the calls that undo its labels",
    "approve": "create-labels sends the calls that undo its labels",
    "decline": "nothing is sent, and its labels stay as they are",
    "undone": "its needless labels are seen to",
    "parcels": "create-labels buys a label for each parcel",
    "refuse": "accept-orders refuses it at the marketplace",
    "relabel": "create-labels buys another label and prepares the undoing of this one",
    "not-sold": "create-labels asks for a label again",
}


class OrderCommands(Commands):
    """The commands about orders, their labels, messages and money."""

    def orders(self, given: Namespace) -> int:
        query = order_filter(given) | {"limit": MOST_LISTED if given.all else given.limit}
        answer = self.functions.get("/orders", query)
        following = parsed(OrderPage, answer).next
        while given.all and following:
            page = self.functions.get("/orders", query | {"after": following})
            following = parsed(OrderPage, page).next
            answer = page | {"orders": answer["orders"] + page["orders"]}
        found = parsed(OrderPage, answer)
        return self.finish(answer, lambda: show_orders(self.screen, found))

    def board(self, given: Namespace) -> int:
        query = {"limit": given.limit} | {
            name: value
            for name in ("state", "attention", "after")
            if (value := getattr(given, name)) is not None
        }
        answer = self.functions.get("/orders/board", query)
        found = parsed(Board, answer)
        return self.finish(answer, lambda: show_board(self.screen, found))

    def order(self, given: Namespace) -> int:
        answer = self.functions.get(_path(given.order))
        status = parsed(OrderStatus, answer)
        return self.finish(answer, lambda: show_order(self.screen, status))

    def labels(self, given: Namespace) -> int:
        if given.orders and given.day:
            raise WrongUsage("labels: give the orders or --day, not both")
        if len(given.orders) == 1:
            return self._save(self.functions.file(f"{_path(given.orders[0])}/label"))
        query = {"orders": ",".join(given.orders)} if given.orders else {}
        return self._save(
            self.functions.file("/labels", query | ({"day": str(given.day)} if given.day else {}))
        )

    def slip(self, given: Namespace) -> int:
        return self._save(self.functions.file(f"{_path(given.order)}/packing-slip"))

    def retry(self, given: Namespace) -> int:
        """Repeatable unless a filter chooses: the second call would find fewer orders, and say so."""
        wanted = order_filter(given)
        if not given.orders and not wanted:
            raise WrongUsage("retry: give the orders, or a filter such as --state label_failed")
        body = wanted | signed(given) | {"limit": given.limit, "dry_run": given.dry_run}
        body["anyway"] = given.anyway
        if given.orders:
            body["order_ids"] = given.orders
        repeatable = given.dry_run or bool(given.orders)
        answer = self.functions.post("/orders/retry", body, repeatable=repeatable)
        result = parsed(Retried, answer)
        handled = {*result.retried, *(each.order_id for each in result.left)}
        missing = [order for order in given.orders if order not in handled]
        bad = bool(given.orders) and (bool(missing) or bool(result.left))
        return self.finish(answer, lambda: show_retried(self.screen, result, missing), bad=bad)

    def decide(self, given: Namespace) -> int:
        own = {"undone": "outcome", "parcels": "parcels"}.get(given.command)
        body = signed(given) | ({own: getattr(given, own)} if own else {})
        of_two = "undo/" if given.command in ("approve", "decline") else ""
        answer = self.functions.post(f"{_path(given.order)}/{of_two}{given.command}", body, repeatable=True)
        order = parsed(Order, answer)
        waits = given.command == "undo" and any(each.what == "undo not approved" for each in order.reasons)
        done = "another person must approve it: `approve`" if waits else _DONE[given.command]
        return self.finish(answer, lambda: show_decision(self.screen, order, done))

    undo = undone = refuse = relabel = not_sold = parcels = approve = decline = decide

    def address(self, given: Namespace) -> int:
        body = signed(given) | {"address": own_address(given)}
        answer = self.functions.post(f"{_path(given.order)}/address", body, repeatable=True)
        order = parsed(Order, answer)
        done = "its label gets this address" if order.address_override else "the marketplace's address counts"
        return self.finish(answer, lambda: show_decision(self.screen, order, done))

    def findings(self, given: Namespace) -> int:
        answer = self.functions.get(
            "/findings", {"limit": given.limit} | ({"kind": given.kind} if given.kind else {})
        )
        found = parsed(Findings, answer)
        return self.finish(answer, lambda: show_findings(self.screen, found))

    def close(self, given: Namespace) -> int:
        answer = self.functions.post(f"/findings/{given.finding}/close", signed(given), repeatable=True)
        closed = parsed(ShownFinding, answer)
        text = f"{self.screen.symbol('done')} closed: finding {closed.id}, {shown(closed.reason)}"
        return self.finish(answer, lambda: self.screen.line(text, style="bold"))

    def messages(self, given: Namespace) -> int:
        query: Json = {"limit": given.limit, "unanswered": given.unanswered}
        answer = self.functions.get("/threads", query | ({"order": given.order} if given.order else {}))
        found = parsed(Threads, answer)
        return self.finish(answer, lambda: show_threads(self.screen, found.threads))

    def reply(self, given: Namespace) -> int:
        """Repeatable: a reply id is always sent, and a used id writes nothing."""
        ident = given.reply_id or str(uuid4())
        path, more = _addressed(given)
        body = {"reply_id": ident, "body": given.body, "by": given.by} | more
        try:
            answer = self.functions.post(path, body, repeatable=True)
        except (KeyboardInterrupt, NoAnswer):
            self.notify(f"the reply may be written: repeat the command with --reply-id {ident}")
            raise
        reply = parsed(WrittenReply, answer)
        text = f"{self.screen.symbol('done')} written: reply {shown(reply.reply_id)}; sync-messages sends it"
        return self.finish(answer, lambda: self.screen.line(text, style="bold"))

    def file(self, given: Namespace) -> int:
        return self._save(self.functions.file(f"/files/{quote(given.attachment, safe='')}"))

    def people(self, _given: Namespace) -> int:
        answer = self.functions.get("/people")
        found = parsed(DeskPeople, answer)
        return self.finish(answer, lambda: show_people(self.screen, found))

    def role(self, given: Namespace) -> int:
        body = {"person": given.person, "role": given.role} | signed(given)
        answer = self.functions.post("/people", body, repeatable=True)
        found = parsed(DeskPeople, answer)
        return self.finish(answer, lambda: show_people(self.screen, found))

    def stages(self, given: Namespace) -> int:
        answer = self.functions.get("/stages", {"limit": given.limit})
        found = parsed(Stages, answer)
        return self.finish(answer, lambda: show_stages(self.screen, found))

    def reconcile_orders(self, given: Namespace) -> int:
        if given.carrier_day and not given.look:
            raise WrongUsage("reconcile-orders: --carrier-day needs --look")
        look: Json = {}
        if given.look:
            day = {"day": str(given.carrier_day)} if given.carrier_day else {}
            look = {"look": self.functions.look({"carrier": True} | day)}
        answer = self.functions.get("/reconcile/orders", {"day": str(given.day)} if given.day else None)
        account = parsed(Account, answer)

        def show() -> None:
            if look:
                show_look(self.screen, look["look"])
            show_account(self.screen, account)

        return self.finish(answer | look, show, bad=account.verdict != "balanced")

    def postage(self, given: Namespace) -> int:
        query = {name: str(day) for name in ("first", "last") if (day := getattr(given, name))}
        query["by"] = given.by
        if given.csv:
            if given.output is None:
                raise WrongUsage("postage: --csv needs --output FILE")
            return self._save(self.functions.file("/postage", query | {"csv": "true"}))
        answer = self.functions.get("/postage", query)
        ledger = parsed(Ledger, answer)
        return self.finish(answer, lambda: show_ledger(self.screen, ledger))

    def sizes(self, given: Namespace) -> int:
        answer = self.functions.get("/sizes/guessed", {"limit": given.limit})
        found = parsed(GuessedSkus, answer)
        return self.finish(answer, lambda: show_guessed(self.screen, found.skus))

    def _save(self, reply: FileReply) -> int:
        self.answer_file.write_file(reply.content)
        if not self.answer_file.replaces_summary:
            done = f"{self.screen.symbol('done')} written: {shown(reply.name)}, {len(reply.content)} bytes"
            self.screen.line(done, style="bold")
        return OK


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"


def signed(given: Namespace) -> Json:
    return {"by": given.by, "note": given.note}


def order_filter(given: Namespace) -> Json:
    """The filter's fields that are given."""
    wanted: Json = {
        "state": given.state,
        "attention": given.attention,
        "day": given.day and str(given.day),
        "ship_before": given.ship_before and given.ship_before.isoformat(),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def own_address(given: Namespace) -> Json | None:
    """None for the marketplace's. Raises WrongUsage for an address that lacks what the carrier needs."""
    fields = {name: value for name in ADDRESS_FIELDS if (value := getattr(given, name))}
    if given.marketplaces_own:
        if fields:
            raise WrongUsage("address: give an address or --marketplaces-own, not both")
        return None
    needed = ("name", "street_1", "city", "postal_code")
    missing = [f"--{name.replace('_', '-')}" for name in needed if name not in fields]
    if missing:
        raise WrongUsage(f"address: give {', '.join(missing)} too, or --marketplaces-own")
    return fields


def _addressed(given: Namespace) -> tuple[str, Json]:
    """The path of a reply, and its fields beside the text. Raises WrongUsage."""
    if (given.thread is None) == (given.order is None):
        raise WrongUsage("reply: give a thread, or --order and --topic")
    if given.thread is not None:
        if given.topic:
            raise WrongUsage("reply: --topic needs --order")
        recipients = sorted({each.upper() for each in given.to or ["customer"]})
        return f"/threads/{quote(given.thread, safe='')}/reply", {"to": recipients}
    if not given.topic:
        raise WrongUsage("reply: --order needs --topic")
    if given.to:
        raise WrongUsage("reply: --to is for a thread; a message about an order goes to its buyer")
    return f"{_path(given.order)}/message", {"topic": given.topic}
