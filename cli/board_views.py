"""The summary that a person sees of the operator's board."""

from cli.order_answers import Board, BoardOrder, Look
from cli.order_views import show_next, sums
from cli.screen import Screen, shown
from cli.views import moment, state_in_words


def show_board(screen: Screen, board: Board) -> None:
    today = board.today
    symbol = "warning" if board.need_person or board.outside.verdict == "contradicted" else "done"
    ended = "".join(
        f", {number} {what}" for what in ("cancelled", "refused") if (number := getattr(today, what))
    )
    screen.line(
        f"{screen.symbol(symbol)} {today.shipped} of {today.orders} shipped, {board.need_person} need you{ended}",
        style="bold",
    )
    screen.line(f"  labels today: {sums(board.postage)}")
    outside = board.outside
    screen.line(
        f"  {outside.verdict}: {_look('marketplace', outside.marketplace)}, {_look('carrier', outside.carrier)}"
    )
    if board.unanswered:
        screen.line(f"  {board.unanswered} conversations wait for a reply")
    for breaker in board.breakers:
        held = f"{shown(breaker.stage)} is stopped until {moment(breaker.retry_at)}: {shown(breaker.reason)}"
        screen.line(f"  {held}", style="yellow")
    states = [
        f"{count.total} {state_in_words(state)}" for state, count in board.states.items() if count.total
    ]
    screen.line(f"  open: {', '.join(states) or 'none'}")
    for order in board.orders:
        _show_order(screen, order)
    if board.next:
        screen.line(f"there are more: --after '{shown(board.next)}'")


def _look(source: str, look: Look) -> str:
    if look.age_seconds is None:
        return f"never compared with the {source}"
    minutes = look.age_seconds // 60
    age = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"  # noqa: PLR2004 - two hours
    return f"compared with the {source} {age} ago"


def _show_order(screen: Screen, order: BoardOrder) -> None:
    screen.line()
    total = f"{order.total:.2f} {shown(order.currency)}"
    screen.line(f"{shown(order.order_id)}  {state_in_words(order.state)}, {total}", style="bold")
    if order.ship_before:
        screen.line(f"  ship before {moment(order.ship_before)}")
    for reason in order.reasons:
        number = f"finding {reason.finding}: " if reason.finding is not None else ""
        screen.line(f"  {number}{shown(reason.reason)}", style="yellow")
    show_next(screen, order.actions, order.turn)
