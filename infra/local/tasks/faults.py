"""Seeded faults of the queue itself: what it does to deliveries and to CreateTask calls.

| kind | what happens |
|---|---|
| duplicate_delivery | the same request is sent a second time, `seconds` after the first |
| late_delivery | the request is sent `seconds` after it was due |
| latency | the request spends `seconds` on its way, within its deadline |
| lost_answer | the worker answers, the queue takes it as a passed deadline |
| call_refused | CreateTask answers UNAVAILABLE and creates nothing |
| call_lost | CreateTask creates the task and answers UNAVAILABLE |
"""

import random
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_LONGEST = 3600.0


class FaultKind(StrEnum):
    DUPLICATE_DELIVERY = "duplicate_delivery"
    LATE_DELIVERY = "late_delivery"
    LATENCY = "latency"
    LOST_ANSWER = "lost_answer"
    CALL_REFUSED = "call_refused"
    CALL_LOST = "call_lost"


class Fault(BaseModel):
    """Strikes a queue (short id; None: all) with a probability, at most `times` times (None: for ever)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    queue: str | None = None
    seconds: Annotated[float, Field(ge=0, le=_LONGEST)] = 0
    probability: Annotated[float, Field(ge=0, le=1)] = 1
    times: Annotated[int, Field(ge=1)] | None = None


class FaultOrder(BaseModel):
    """The body of `POST /faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    faults: tuple[Fault, ...] = ()


class Faults:
    """The same seed and the same sequence of draws strike the same again."""

    def __init__(self) -> None:
        self.replace(FaultOrder())

    def replace(self, order: FaultOrder) -> None:
        self._order = order
        self._chance = random.Random(order.seed)
        self._struck = [0] * len(order.faults)

    def draw(self, kind: FaultKind, queue: str) -> Fault | None:
        """The fault of this kind that strikes now, if one does."""
        for index, fault in enumerate(self._order.faults):
            spent = fault.times is not None and self._struck[index] >= fault.times
            if fault.kind is not kind or fault.queue not in (None, queue) or spent:
                continue
            if self._chance.random() < fault.probability:
                self._struck[index] += 1
                return fault
        return None

    def report(self) -> dict[str, Any]:
        faults = zip(self._order.faults, self._struck, strict=True)
        return {
            "seed": self._order.seed,
            "faults": [fault.model_dump(mode="json") | {"struck": struck} for fault, struck in faults],
        }
