"""What a control call may order of the sandbox: orders, threads, limits; validated here."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from laptop.vendors.common.database import stamp
from laptop.vendors.mirakl.generation import buyer, lines
from laptop.vendors.mirakl.lifecycle import STATES
from laptop.vendors.mirakl.orders import NewOrder
from laptop.vendors.mirakl.rendering import laid_over

Ident = Annotated[str, Field(pattern=r"^[^\s,/?#]{1,100}$")]
State = Literal[STATES]  # type: ignore[valid-type]  # the tuple of the life cycle is the list
_SHIP_WITHIN = timedelta(days=4)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineSpec(_Order):
    """`price` of one unit, in cents."""

    sku: str
    title: str = "A part"
    price: int = Field(default=1000, ge=0)
    quantity: int = Field(default=1, ge=1)


class OrderSpec(_Order):
    """What is left out is made up. `address` is laid over a made-up one; `overrides` over what OR11 shows."""

    order_id: Ident | None = None
    state: State = "WAITING_ACCEPTANCE"
    created_at: AwareDatetime | None = None
    lines: Annotated[tuple[LineSpec, ...], Field(min_length=1)] | None = None
    address: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] = {}


class OrdersOrder(_Order):
    """The body of `POST /_control/orders`: `count` made-up orders by `seed`, and the given ones."""

    count: int = Field(default=0, ge=0, le=20_000)
    seed: int | None = None
    state: State = "WAITING_ACCEPTANCE"
    orders: tuple[OrderSpec, ...] = ()


class OverridesOrder(_Order):
    """The body of `PUT /_control/orders/{order_id}/overrides`."""

    overrides: Mapping[str, Any]


class MessageSpec(_Order):
    body: str
    sender_type: Literal["CUSTOMER_USER", "SHOP_USER", "OPERATOR_USER"] = "CUSTOMER_USER"
    attachments: tuple[Mapping[str, Any], ...] = ()


class ThreadSpec(_Order):
    """A `thread_id` that exists gets the messages; any other is opened."""

    thread_id: Ident | None = None
    order_id: str | None = None
    topic: str = "Where is my order?"
    messages: tuple[MessageSpec, ...] = ()
    overrides: Mapping[str, Any] = {}


class ThreadsOrder(_Order):
    """The body of `POST /_control/threads`: `count` made-up ones about orders that exist, and the given ones."""

    count: int = Field(default=0, ge=0, le=10_000)
    seed: int | None = None
    threads: tuple[ThreadSpec, ...] = ()


class LimitOrder(_Order):
    """The body of `PUT /_control/limits`; null is no limit."""

    per_minute: int | None = Field(ge=0)


def new_orders(order: OrdersOrder, seed: int, number: int, now: datetime) -> Iterator[NewOrder]:
    """`number` is how many orders there are: the same seed makes other buyers for the next ones."""
    specs: Sequence[OrderSpec] = (
        *(OrderSpec(state=order.state) for _ in range(order.count)),
        *order.orders,
    )
    for place, spec in enumerate(specs, start=number):
        draw = Random(f"{seed}:{place}")
        created = spec.created_at or now
        details = {
            **buyer(draw),
            "lines": lines(draw) if spec.lines is None else [line.model_dump() for line in spec.lines],
            "shipping_deadline": stamp(created + _SHIP_WITHIN),
        }
        if spec.address is not None:
            details["shipping_address"] = laid_over(details["shipping_address"], dict(spec.address))
        yield NewOrder(details, spec.state, created, spec.order_id, spec.overrides)
