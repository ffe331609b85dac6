"""The endpoints of `workflow` by which people decide about orders. The stages carry the decisions out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.errors import FieldError, InvalidRequest
from shared.fulfillment.address import Unmappable, party_of
from shared.fulfillment.ports import Address
from shared.fulfillment.shop import Shop
from shared.fulfillment.store import Json, OrderFilter, OrderReports
from shared.limits import LONGEST_NAME, MOST_LISTED
from shared.web.call import Answer, Call, RequestModel
from shared.web.fields import NO_NUL, Person, Text
from shared.web.fulfillment.desk import Decision, Wanted, order_in
from shared.web.function import Route, Supply

Field200 = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)
]


class RetryAllRequest(Wanted):
    """All orders of the filter are retried, or those of `order_ids`. A dry run changes nothing."""

    order_ids: Annotated[tuple[Field200, ...], Field(max_length=MOST_LISTED)] = ()
    limit: int = Field(MOST_LISTED, ge=1, le=MOST_LISTED)
    dry_run: bool = False
    anyway: bool = False
    by: Person
    note: Text


class RetryRequest(Decision):
    """`anyway` tries what would certainly fail again by the facts that are stored here."""

    anyway: bool = False


class OwnAddress(RequestModel):
    """The marketplace's fields; `country` is ISO 3166 alpha-3."""

    name: Field200
    company: Field200 | None = None
    street_1: Field200
    street_2: Field200 | None = None
    city: Field200
    state: Field200 | None = None
    postal_code: Field200
    country: Field200 = "CAN"
    phone: Field200 | None = None
    additional_info: Field200 | None = None


class AddressRequest(Decision):
    """`address` null takes the marketplace's again."""

    address: OwnAddress | None


class ParcelsRequest(Decision):
    """Each parcel gets a label of its own."""

    parcels: int = Field(ge=1, le=20)


class UndoneRequest(Decision):
    outcome: Literal["voided", "refunded", "disputed"]


@dataclass(frozen=True)
class Decide:
    """Handles a decision that has no fields of its own."""

    decision: Callable[[OrderReports], Callable[[str, str, str], Json]]

    def __call__(self, request: Decision, call: Call, store: OrderReports) -> Answer:
        return Answer(self.decision(store)(order_in(call), request.by, request.note))


DECISIONS: dict[str, Decide] = {
    "refuse": Decide(lambda store: store.refuse_order),
    "relabel": Decide(lambda store: store.relabel_order),
    "not-sold": Decide(lambda store: store.note_not_sold),
}


def order_decisions(store: Supply, shop: Supply) -> Sequence[Route]:
    """They return an OrderReports and a Shop."""
    return (
        Route("POST", "/orders/retry", RetryAllRequest, _retry_all, (store, shop)),
        Route("POST", "/orders/{id}/retry", RetryRequest, _retry, (store,)),
        Route("POST", "/orders/{id}/undo", Decision, _undo, (store, shop)),
        *(
            Route("POST", f"/orders/{{id}}/{name}", Decision, decide, (store,))
            for name, decide in DECISIONS.items()
        ),
        Route("POST", "/orders/{id}/address", AddressRequest, _address, (store,)),
        Route("POST", "/orders/{id}/parcels", ParcelsRequest, _parcels, (store,)),
        Route("POST", "/orders/{id}/undone", UndoneRequest, _undone, (store,)),
    )


def _retry(request: RetryRequest, call: Call, store: OrderReports) -> Answer:
    return Answer(store.retry_order(order_in(call), request.by, request.note, anyway=request.anyway))


def _undo(request: Decision, call: Call, store: OrderReports, shop: Shop) -> Answer:
    return Answer(store.ask_undo(order_in(call), request.by, request.note, shop.approval_cents))


def _retry_all(request: RetryAllRequest, _call: Call, store: OrderReports, shop: Shop) -> Answer:
    wanted = request.filter(shop, request.order_ids)
    if wanted == OrderFilter(zone=shop.time_zone):
        detail = "give a filter, or the orders' ids"
        raise InvalidRequest(detail, [FieldError("state", detail)])
    retried = store.retry_orders(
        wanted,
        request.limit,
        request.by,
        request.note,
        dry_run=request.dry_run,
        anyway=request.anyway,
    )
    return Answer(retried, logged={"retried": len(retried["retried"]), "left": len(retried["left"])})


def _address(request: AddressRequest, call: Call, store: OrderReports) -> Answer:
    """Refuses an address that the carrier would not take."""
    address = Address(**request.address.model_dump()) if request.address else None
    if address and isinstance(mapped := party_of(address), Unmappable):
        raise InvalidRequest(mapped.reason, [FieldError("address", mapped.reason)])
    return Answer(store.override_address(order_in(call), address, request.by, request.note))


def _parcels(request: ParcelsRequest, call: Call, store: OrderReports) -> Answer:
    return Answer(store.set_parcels(order_in(call), request.parcels, request.by, request.note))


def _undone(request: UndoneRequest, call: Call, store: OrderReports) -> Answer:
    return Answer(store.note_undone(order_in(call), request.outcome, request.by, request.note))
