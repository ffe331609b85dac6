"""The sandbox's controls: its books, its behaviour, and shipments sold, changed or forgotten behind a client's back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.faults import CONTROL
from laptop.vendors.canada_post.books import Scan, Shipment
from laptop.vendors.canada_post.orders import Order
from laptop.vendors.canada_post.post_office import Api, Behaviour, Mailer, PostOffice
from laptop.vendors.common.control import health_route, read_body, revocation_route
from laptop.vendors.common.database import stamp

_Price = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=2)]


class PlantedShipment(BaseModel):
    """A sale that no client asked for. `customer` is mailed by / mailed on behalf of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api: Api
    customer: Annotated[str, Field(pattern=r"^\d{1,10}/\d{1,10}$")] = "2004381/2004381"
    request_id: Annotated[str, Field(max_length=35)] | None = None
    reference: Annotated[str, Field(max_length=35)] | None = None
    price: _Price | None = None


class ShipmentChange(BaseModel):
    """Missing fields stay. `scanned` false forgets the scans; a delivered parcel is scanned too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    price: _Price | None = None
    status: Literal["created", "transmitted", "suspended", "void", "refund_asked", "refunded"] | None = None
    scanned: bool | None = None
    delivered: bool | None = None


def control_routes(office: PostOffice, facts: Mapping[str, Any]) -> list[Route]:
    async def books(request: Request) -> Response:
        if request.method == "DELETE":
            office.books.clear()
        query = request.query_params
        return JSONResponse(office.books.report(query.get("request_id"), query.get("reference")))

    async def settings(request: Request) -> Response:
        if request.method == "PUT":
            behaviour = await read_body(request, Behaviour)
            if isinstance(behaviour, Response):
                return behaviour
            kept = office.behaviour.model_dump() | behaviour.model_dump(exclude_unset=True)
            office.behave(Behaviour.model_validate(kept))
        elif request.method == "DELETE":
            office.behave(Behaviour())
        return JSONResponse(office.behaviour.model_dump())

    return [
        health_route(lambda: facts),
        Route(f"{CONTROL}books", books, methods=["GET", "DELETE"]),
        Route(f"{CONTROL}settings", settings, methods=["GET", "PUT", "DELETE"]),
        *_shipment_routes(office),
        revocation_route(office.books.tokens.revoke_all),
    ]


def _shipment_routes(office: PostOffice) -> list[Route]:
    async def plant(request: Request) -> Response:
        planted = await read_body(request, PlantedShipment)
        if isinstance(planted, Response):
            return planted
        mailer = Mailer(planted.api, planted.customer)
        with office.books.database.transaction():
            sold = office.enter(_order(planted), mailer, "transmitted", planted.price)
        return JSONResponse(sold.shipment.shown(), 201)

    async def shipment(request: Request) -> Response:
        found = office.books.shipment(request.path_params["shipment_id"])
        if found is None:
            return JSONResponse({"status": 404, "detail": "no such shipment"}, 404)
        if request.method == "DELETE":
            office.books.set_status(found.shipment_id, "forgotten")
            return Response(status_code=204)
        change = await read_body(request, ShipmentChange)
        if isinstance(change, Response):
            return change
        with office.books.database.transaction():
            _change(office, found, change)
        return JSONResponse((office.books.shipment(found.shipment_id) or found).shown())

    return [
        Route(f"{CONTROL}shipments", plant, methods=["POST"]),
        Route(f"{CONTROL}shipments/{{shipment_id}}", shipment, methods=["PUT", "DELETE"]),
    ]


def _change(office: PostOffice, found: Shipment, change: ShipmentChange) -> None:
    if change.price is not None:
        office.books.set_price(found.shipment_id, change.price)
    if change.status is not None:
        office.books.set_status(found.shipment_id, change.status)
    if change.scanned or change.delivered:
        scan = Scan(stamp(office.clock()), delivered=bool(change.delivered))
        office.books.set_scan(found.number, scan)
    elif change.scanned is False:
        office.books.set_scan(found.number, None)


def _order(planted: PlantedShipment) -> Order:
    """A small parcel from Montreal to Ottawa."""
    to = {"address_line_1": "1 Unknown St", "city": "Ottawa", "prov_state": "ON", "country_code": "CA"}
    origin = {"address_line_1": "2 Main St", "city": "Montreal", "prov_state": "QC", "country_code": "CA"}
    customer = planted.customer.partition("/")[0]
    spec = {
        "service_code": "DOM.EP",
        "sender": {
            "company": "Sender",
            "contact_phone": "514-555-0100",
            "address_details": {**origin, "postal_zip_code": "H2B1A0"},
        },
        "destination": {"name": "Addressee", "address_details": {**to, "postal_zip_code": "K1A0B1"}},
        "parcel_characteristics": {"weight": "1"},
        "print_preferences": {"output_format": "4x6"},
        "preferences": {"show_packing_instructions": False},
        "references": {"customer_ref_1": planted.reference},
        "settlement_info": {"paid_by_customer": customer, "intended_method_of_payment": "CreditCard"},
    }
    fields = {"customer_request_id": planted.request_id, "transmit_shipment": True, "delivery_spec": spec}
    return Order.model_validate(fields | {"requested_shipping_point": "H2B1A0", "provide_pricing_info": True})
