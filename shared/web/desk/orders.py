"""The operator's pages: the board of orders, one order, and what a person decides about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from pydantic import Field

from shared.clock import system_clock
from shared.errors import Conflict, FieldError, InvalidRequest
from shared.fulfillment.address import Unmappable, party_of
from shared.fulfillment.board import OrderBoard, with_time
from shared.fulfillment.orders import OrderState
from shared.fulfillment.pipeline import load_pipeline
from shared.fulfillment.ports import Address
from shared.fulfillment.shop import Shop
from shared.fulfillment.store import OrderReports
from shared.fulfillment.street import LINE
from shared.web.call import Page, RequestModel
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import FormWrong, PageRoute, Visit, moved
from shared.web.desk.visitor import Role
from shared.web.fields import Name, Text
from shared.web.fulfillment.board import BoardRequest, board_page
from shared.web.fulfillment.desk import order_in
from shared.web.function import Route, Supply

Json = dict[str, Any]


OPEN = (
    "pending_acceptance",
    "acceptance_failed",
    "accepted",
    "label_unknown",
    "label_failed",
    "label_created",
    "tracking_failed",
)
"""The states of an open order, in the order of its way."""

ADDRESS = tuple(each.name for each in fields(Address))


class BoardQuery(BoardRequest):
    """As the API's, with a page that a screen shows."""

    limit: int = Field(50, ge=1, le=200)


class OrderQuery(RequestModel):
    """`open` is the decision whose form is open, such as `address`, or `close-12` for a finding."""

    open: Name | None = None


class DecisionForm(RequestModel):
    """`note` says what the person found or did."""

    note: Text


class RetryForm(DecisionForm):
    """`anyway` tries what would certainly fail again by the facts that are stored here."""

    anyway: bool = False


class UndoneForm(DecisionForm):
    outcome: Literal["voided", "refunded", "disputed"]


class ParcelsForm(DecisionForm):
    parcels: int = Field(ge=1, le=20)


class AddressForm(DecisionForm):
    """`theirs` takes the marketplace's address again."""

    theirs: bool = False
    name: Name = ""
    company: Name = ""
    street_1: Name = ""
    street_2: Name = ""
    city: Name = ""
    state: Name = ""
    postal_code: Name = ""
    country: Name = "CAN"
    phone: Name = ""
    additional_info: Name = ""

    def address(self) -> Address | None:
        """Raises InvalidRequest for an address that the carrier would not take."""
        if self.theirs:
            return None
        given: dict[str, Any] = {name: getattr(self, name) or None for name in ADDRESS}
        address = Address(**given)
        needed = [name for name in ("name", "street_1", "city", "postal_code") if not getattr(self, name)]
        if needed:
            raise InvalidRequest(
                "the address is not whole", [FieldError(name, "is needed") for name in needed]
            )
        if isinstance(mapped := party_of(address), Unmappable):
            raise InvalidRequest(mapped.reason, [FieldError("street_1", mapped.reason)])
        return address


class FindingForm(DecisionForm):
    finding: int = Field(ge=0, le=2**62)


@dataclass(frozen=True)
class Case:
    """A decision that a person sends. `plain` are the arguments that all decisions have."""

    store: OrderReports
    board: OrderBoard
    order_id: str
    by: str
    form: Any

    @property
    def plain(self) -> tuple[str, str, str]:
        return self.order_id, self.by, self.form.note


@dataclass(frozen=True)
class Choice:
    """`action` is what the log of the desk calls it."""

    action: str
    decide: Callable[[Case], object]
    form: type[DecisionForm] = DecisionForm


CHOICES: Mapping[str, Choice] = {
    "retry": Choice(
        "retry order",
        lambda case: case.store.retry_order(*case.plain, anyway=case.form.anyway),
        RetryForm,
    ),
    "refuse": Choice("refuse order", lambda case: case.store.refuse_order(*case.plain)),
    "relabel": Choice("ask for another label", lambda case: case.store.relabel_order(*case.plain)),
    "not-sold": Choice("say that no label was sold", lambda case: case.store.note_not_sold(*case.plain)),
    "undo": Choice("ask for a label's money", lambda case: case.store.ask_undo(*case.plain)),
    "approve": Choice("approve a refund", lambda case: case.board.approve_undo(*case.plain)),
    "decline": Choice("decline a refund", lambda case: case.board.decline_undo(*case.plain)),
    "undone": Choice(
        "say how a label ended",
        lambda case: case.store.note_undone(case.order_id, case.form.outcome, case.by, case.form.note),
        UndoneForm,
    ),
    "parcels": Choice(
        "set parcels",
        lambda case: case.store.set_parcels(case.order_id, case.form.parcels, case.by, case.form.note),
        ParcelsForm,
    ),
    "address": Choice(
        "set address",
        lambda case: case.store.override_address(case.order_id, case.form.address(), case.by, case.form.note),
        AddressForm,
    ),
    "close": Choice(
        "close finding",
        lambda case: case.store.close_finding(case.form.finding, case.by, case.form.note),
        FindingForm,
    ),
}
"""By the last part of the path."""


def order_pages(
    gate: Supply, renderer: Supply, store: Supply, board: Supply, shop: Supply
) -> Sequence[Route]:
    """They return a Gate, a Renderer, an OrderReports, an OrderBoard and a Shop."""
    return (
        PageRoute("GET", "/orders", BoardQuery, _board, (board, shop, renderer), gate=gate),
        PageRoute("GET", "/orders/{id}", OrderQuery, _order, (store, renderer), gate=gate),
        *(
            PageRoute(
                "POST",
                f"/orders/{{id}}/{name}",
                choice.form,
                _Decided(choice),
                (store, board, renderer),
                role=Role.OPERATOR,
                gate=gate,
                action=choice.action,
                wrong=_wrong,
            )
            for name, choice in CHOICES.items()
        ),
    )


class _Decided:
    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def __call__(
        self, request: DecisionForm, visit: Visit, store: OrderReports, board: OrderBoard, renderer: Renderer
    ) -> Page:
        order_id = order_in(visit.call)
        try:
            self._choice.decide(Case(store, board, order_id, visit.person, request))
        except Conflict as refused:
            typed = {name: [str(value)] for name, value in request.model_dump().items() if value}
            stands = FormWrong(typed, [FieldError("note", refused.detail)])
            return _shown(visit, store, renderer, action=_action(visit), wrong=stands, status=refused.status)
        except InvalidRequest as refused:
            typed = {name: [str(value)] for name, value in request.model_dump().items() if value}
            return _wrong(FormWrong(typed, refused.fields), visit, store, board, renderer)
        return moved(f"/orders/{order_id}")


def _wrong(
    wrong: FormWrong, visit: Visit, store: OrderReports, _board: OrderBoard, renderer: Renderer
) -> Page:
    """The order's page with the form as it was typed, and what is wrong at each field."""
    return _shown(visit, store, renderer, action=_action(visit), wrong=wrong, status=wrong.status)


def _action(visit: Visit) -> str:
    return visit.path.rpartition("/")[2]


def _board(request: BoardQuery, visit: Visit, board: OrderBoard, shop: Shop, renderer: Renderer) -> Page:
    shown = board_page(request, board, shop, system_clock())
    return renderer.page(
        "orders.html", visit, board=shown, filter=request, sentence=sentence_of(shown), states=OPEN
    )


def sentence_of(board: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers of the board's first line."""
    today = board["today"]
    return {
        "shipped": today["shipped"],
        "of": today["orders"],
        "need": board["need_person"],
        "cancelled": today["cancelled"] + today["refused"],
        "open": today["open"],
    }


def _order(request: OrderQuery, visit: Visit, store: OrderReports, renderer: Renderer) -> Page:
    return _shown(visit, store, renderer, action=request.open)


def _shown(
    visit: Visit,
    store: OrderReports,
    renderer: Renderer,
    *,
    action: str | None = None,
    wrong: FormWrong | None = None,
    status: int = 200,
) -> Page:
    order = store.order_status(order_in(visit.call))
    order["turn"] = with_time(order["turn"], load_pipeline(), system_clock())
    typed = {name: values[-1] for name, values in wrong.given.items() if values} if wrong else {}
    return renderer.page(
        "order.html",
        visit,
        status=status,
        order=order,
        states=[state.value for state in OrderState],
        opened=action,
        typed=typed,
        errors={each.field: each.message for each in wrong.fields} if wrong else {},
        line=LINE,
    )
