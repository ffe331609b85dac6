"""The summary that a person sees of orders, findings and messages."""

from collections.abc import Mapping, Sequence

from cli.order_answers import (
    Findings,
    MessageThread,
    Order,
    OrderPage,
    OrderStatus,
    PostageToday,
    Retried,
    Turn,
    WrittenReply,
)
from cli.screen import Screen, shown
from cli.views import moment, state_in_words


def show_orders(screen: Screen, page: OrderPage) -> None:
    if not page.orders:
        screen.line(f"{screen.symbol('done')} no such order")
        return
    screen.line(f"{len(page.orders)} of {page.total} orders, the oldest deadline first", style="bold")
    if screen.is_terminal:
        for order in page.orders:
            screen.line()
            screen.line(f"{shown(order.order_id)}  {state_in_words(order.state)}", style="bold")
            screen.line(f"  ship before {moment(order.ship_before)}, {_total(order)}")
            if order.attention:
                screen.line(f"  {shown(order.attention_reason)}, since {moment(order.attention_since)}")
    else:
        screen.table(
            ("order", "state", "ship before", "total", "since", "why a person must look"),
            [
                (
                    order.order_id,
                    state_in_words(order.state),
                    moment(order.ship_before),
                    _total(order),
                    moment(order.attention_since),
                    order.attention_reason,
                )
                for order in page.orders
            ],
        )
    if page.next:
        screen.line("there are more: --all lists them, --limit more at once")


def _total(order: Order) -> str:
    return f"{order.total:.2f} {shown(order.currency)}"


def show_order(screen: Screen, order: OrderStatus) -> None:
    _head(screen, order)
    screen.line(f"  total: {_total(order)}")
    _show_reasons(screen, order)
    if order.address_override:
        own = order.address_override
        screen.line(f"  address: {_address(own.address)}")
        screen.line(f"    by {shown(own.by)} at {moment(own.at)}: {shown(own.note)}")
        screen.line(f"  the marketplace's: {_address(order.address)}")
    else:
        screen.line(f"  address: {_address(order.address)}")
    rows: Sequence[Sequence[object]] = [
        (item.sku, item.quantity, f"{item.price:.2f}", item.state, item.title) for item in order.lines
    ]
    screen.table(("sku", "pieces", f"price {shown(order.currency)}", "state", "title"), rows, title="Items")
    if order.shipments:
        rows = [
            (
                each.sequence,
                state_in_words(each.undo_state or each.state) + ("" if each.wanted else ", not needed"),
                each.request_id,
                each.tracking_number,
                None if each.price is None else f"{each.price:.2f} {shown(each.currency)}",
                "stored" if each.label_path else "no PDF",
                each.message,
            )
            for each in order.shipments
        ]
        columns = ("label", "state", "request", "tracking number", "price", "PDF", "message")
        screen.table(columns, rows, title="Labels")
        screen.line(f"  postage: {sums(order.postage)}")
    rows = [
        (
            moment(step.at),
            state_in_words(step.what),
            f"{step.by} (a person)" if step.person else step.by,
            step.note,
        )
        for step in order.path
    ]
    screen.table(("at", "what", "by", "why"), rows, title="Path")
    show_next(screen, order.actions, order.turn)


def sums(postage: PostageToday) -> str:
    """The cost of labels and what came back of it."""
    bought, undone = (f"{cents / 100:.2f}" for cents in (postage.bought_cents, postage.undone_cents))
    return (
        f"{counted_labels(postage.labels)}, {bought} {shown(postage.currency)}, of which {undone} came back"
    )


def counted_labels(number: int) -> str:
    return f"{number} label{'' if number == 1 else 's'}"


def show_next(screen: Screen, actions: Sequence[str], turn: Turn | None) -> None:
    """Prints the actions of a person, and what happens without one."""
    if actions:
        screen.line(f"  a person may: {', '.join(shown(each).replace('_', '-') for each in actions)}")
    if turn:
        screen.line(f"  next, {moment(turn.at)}: {shown(turn.stage)} {shown(turn.does)}")


def _head(screen: Screen, order: Order) -> None:
    symbol = screen.symbol(
        "warning" if order.attention else "done" if order.state == "shipped" else "working"
    )
    screen.line(f"{symbol} {shown(order.order_id)}: {state_in_words(order.state)}", style="bold")
    since = f"since {moment(order.state_since)}"
    screen.line(f"  {since}, at the marketplace {shown(order.marketplace_state)}")
    if order.ship_before:
        screen.line(f"  to be shipped before {moment(order.ship_before)}")
    if order.limit and not order.attention:
        screen.line(f"  a person must look if nothing happens until {moment(order.limit)}")


def _show_reasons(screen: Screen, order: Order) -> None:
    for each in order.reasons:
        number = f"finding {each.finding}, " if each.finding is not None else ""
        kind = state_in_words(each.kind)
        screen.line(f"  {number}{kind} since {moment(each.since)}: {shown(each.reason)}", style="yellow")


def _address(address: Mapping[str, str | None] | None) -> str:
    return ", ".join(shown(part) for part in address.values() if part) if address else "not known yet"


def show_decision(screen: Screen, order: Order, done: str) -> None:
    """`done` is what follows from the decision."""
    screen.line(f"{screen.symbol('done')} {shown(order.order_id)}: {done}", style="bold")
    screen.line(f"  state: {state_in_words(order.state)}")
    _show_reasons(screen, order)


def show_retried(screen: Screen, result: Retried, missing: Sequence[str]) -> None:
    """`missing` are orders that were named and that do not exist, or are not of the filter."""
    if result.dry_run:
        count = len(result.retried)
        screen.line(f"{screen.symbol('trial')} {count} would be retried, nothing was changed", style="bold")
    else:
        screen.line(f"{screen.symbol('done')} {len(result.retried)} retried", style="bold")
    for order_id in result.retried:
        screen.line(f"  {shown(order_id)}")
    for each in result.left:
        screen.line(f"{screen.symbol('warning')} not {shown(each.order_id)}: {shown(each.reason)}")
    for order_id in missing:
        screen.line(f"{screen.symbol('warning')} not {shown(order_id)}: no such order, or not of the filter")


def show_findings(screen: Screen, found: Findings) -> None:
    if not found.findings:
        screen.line(f"{screen.symbol('done')} nothing is open")
        return
    screen.line(f"{len(found.findings)} of {found.total} open findings, the oldest first", style="bold")
    screen.table(
        ("finding", "kind", "since", "order", "about", "reason"),
        [
            (each.id, state_in_words(each.kind), moment(each.since), each.order_id, each.subject, each.reason)
            for each in found.findings
        ],
    )


def show_threads(screen: Screen, threads: Sequence[MessageThread]) -> None:
    if not threads:
        screen.line(f"{screen.symbol('done')} no message")
    for thread in threads:
        waits = f", waits for a reply since {moment(thread.reply_needed_since)}"
        screen.line(
            f"{shown(thread.thread_id)}  {shown(thread.topic)}{waits if thread.reply_needed_since else ''}",
            style="bold",
        )
        screen.line(f"  about {', '.join(map(shown, thread.order_ids)) or 'no order'}")
        for message in thread.messages:
            who = f"{shown(message.sender)} ({shown(message.sender_type).lower()})"
            _show_text(screen, f"{moment(message.sent_at)} {who}", message.body_text)
            for file in message.files:
                state = file.problem or ("" if file.path else "not fetched yet")
                about = f"{shown(file.name)}{state and f', {shown(state)}'}"
                screen.line(f"    file {shown(file.attachment_id)}: {about}")
        for reply in thread.replies:
            if not reply.message_id:
                head = f"{moment(reply.created_at)} {shown(reply.written_by)}, {_state_of(reply)}"
                _show_text(screen, head, reply.body)
        screen.line()


def _state_of(reply: WrittenReply) -> str:
    return (
        f"refused: {shown(reply.problem)}"
        if reply.problem
        else f"not sent yet: reply {shown(reply.reply_id)}"
    )


def _show_text(screen: Screen, head: str, text: str) -> None:
    screen.line(f"  {head}")
    for line in text.splitlines():
        screen.line(f"    {shown(line)}")
