"""The endpoints of `workflow` behind the operator's board: its one call, and a second person's word about an undo."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from shared.clock import system_clock
from shared.errors import FieldError, InvalidRequest
from shared.fulfillment.board import BoardFilter, OrderBoard, with_time
from shared.fulfillment.orders import OrderState
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.shop import Shop
from shared.fulfillment.store import Json
from shared.limits import LONGEST_NAME
from shared.web.call import Answer, Call, RequestModel
from shared.web.fulfillment.desk import Decision, order_in, place_in, place_of
from shared.web.function import Route, Supply

MOST_ON_A_PAGE = 200
_ASKING, _OTHERS = "!", "."
"""Begin `after`: the page ended among the orders that need a person, or among the others."""


class BoardRequest(RequestModel):
    """`after` is the `next` of the page before."""

    state: OrderState | None = None
    attention: bool | None = None
    limit: int = Field(50, ge=1, le=MOST_ON_A_PAGE)
    after: str | None = Field(None, max_length=2 * LONGEST_NAME)


def order_board(store: Supply, shop: Supply) -> Sequence[Route]:
    """They return an OrderBoard and a Shop."""
    return (
        Route("GET", "/orders/board", BoardRequest, _board, (store, shop)),
        Route("POST", "/orders/{id}/undo/approve", Decision, _approve, (store,)),
        Route("POST", "/orders/{id}/undo/decline", Decision, _decline, (store,)),
    )


def board_page(request: BoardRequest, store: OrderBoard, shop: Shop, now: datetime) -> Json:
    """The board with the times at which the system acts by itself."""
    wanted = BoardFilter(request.state, request.attention)
    board = store.board(wanted, request.limit, _after(request.after), shop.time_zone)
    pipeline = load_pipeline()
    for order in board["orders"]:
        order["turn"] = with_time(order["turn"], pipeline, now)
    following = board["next"]
    mark = following and (_ASKING if following["attention"] else _OTHERS)
    return board | {"next": following and f"{mark}{place_of(following)}"}


def _board(request: BoardRequest, _call: Call, store: OrderBoard, shop: Shop) -> Answer:
    return Answer(board_page(request, store, shop, system_clock()))


def _after(text: str | None) -> Json | None:
    if text is None:
        return None
    if text[:1] not in (_ASKING, _OTHERS) or not text:
        raise InvalidRequest("after is not a page's next", [FieldError("after", "give a page's `next`")])
    return place_in(text[1:]) | {"attention": text[0] == _ASKING}


def _approve(request: Decision, call: Call, store: OrderBoard) -> Answer:
    return Answer(store.approve_undo(order_in(call), request.by, request.note))


def _decline(request: Decision, call: Call, store: OrderBoard) -> Answer:
    return Answer(store.decline_undo(order_in(call), request.by, request.note))
