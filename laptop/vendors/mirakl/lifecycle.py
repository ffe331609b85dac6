"""The states of an order, and the time at which it leaves each by itself; pure.

The path and the seller's part in it are the vendor's documented ones. How long the marketplace takes is not
documented, except that an order must be accepted within 24 hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

STATES = (
    "STAGING",
    "WAITING_ACCEPTANCE",
    "WAITING_DEBIT",
    "WAITING_DEBIT_PAYMENT",
    "SHIPPING",
    "SHIPPED",
    "TO_COLLECT",
    "RECEIVED",
    "CLOSED",
    "REFUSED",
    "CANCELED",
)
SHIPPED_OR_LATER = frozenset({"SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED"})
ENDED = frozenset({*SHIPPED_OR_LATER, "REFUSED", "CANCELED"})
ENDED_LINES = frozenset({"REFUSED", "CANCELED", "REFUNDED"})
TRACKABLE = frozenset({"SHIPPING", "SHIPPED", "TO_COLLECT", "RECEIVED"})

_BY_ITSELF = {  # state: (the delay's name, the state after it)
    "STAGING": ("staging", "WAITING_ACCEPTANCE"),
    "WAITING_ACCEPTANCE": ("acceptance", "CANCELED"),
    "WAITING_DEBIT": ("debit", "WAITING_DEBIT_PAYMENT"),
    "WAITING_DEBIT_PAYMENT": ("payment", "SHIPPING"),
    "SHIPPED": ("delivery", "RECEIVED"),
    "RECEIVED": ("closing", "CLOSED"),
}
_DATES = {  # the field that shows when the order entered the state
    "WAITING_DEBIT": "acceptance_decision_date",
    "REFUSED": "acceptance_decision_date",
    "SHIPPING": "customer_debited_date",
    "SHIPPED": "shipped_date",
    "RECEIVED": "received_date",
}

Delay = Annotated[float, Field(ge=0, le=31_536_000)] | None


class Delays(BaseModel):
    """Seconds that an order stays in a state; None means for ever. Also the body of `PUT /_control/delays`.

    `acceptance` is the time in which the shop must accept an order; after it the order is cancelled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    staging: Delay = 0
    acceptance: Delay = 86_400
    debit: Delay = 2
    payment: Delay = 3
    delivery: Delay = 259_200
    closing: Delay = 1_209_600


@dataclass(frozen=True)
class Entered:
    state: str
    since: datetime


def leaves_at(state: str, since: datetime, delays: Delays) -> datetime | None:
    """The time at which the order leaves the state by itself; None if it does not."""
    step = _BY_ITSELF.get(state)
    seconds: float | None = getattr(delays, step[0]) if step else None
    return None if seconds is None else since + timedelta(seconds=seconds)


def steps_until(state: str, since: datetime, delays: Delays, now: datetime) -> Sequence[Entered]:
    """The states entered since, in order, each at its own moment."""
    steps: list[Entered] = []
    while (then := leaves_at(state, since, delays)) is not None and then <= now:
        state, since = _BY_ITSELF[state][1], then
        steps.append(Entered(state, since))
    return steps


def dates_on(state: str, since: str) -> Mapping[str, Any]:
    """The date field of the order that entering a state fills."""
    return {_DATES[state]: since} if state in _DATES else {}


def dates_before(state: str, since: str) -> Mapping[str, Any]:
    """The date fields that an order created in this state would have filled on its way."""
    if state in {"STAGING", "WAITING_ACCEPTANCE", "CANCELED"}:
        return {}
    path = ("REFUSED",) if state == "REFUSED" else STATES[: STATES.index(state) + 1]
    return {
        field: date
        for each in path
        if each != "REFUSED" or state == each
        for field, date in dates_on(each, since).items()
    }
