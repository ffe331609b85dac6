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

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from laptop.google.common.faults import SeededFault, SeededFaults


class FaultKind(StrEnum):
    DUPLICATE_DELIVERY = "duplicate_delivery"
    LATE_DELIVERY = "late_delivery"
    LATENCY = "latency"
    LOST_ANSWER = "lost_answer"
    CALL_REFUSED = "call_refused"
    CALL_LOST = "call_lost"


class Fault(SeededFault):
    """Strikes a queue (short id; None: all)."""

    kind: FaultKind
    queue: str | None = None

    @property
    def scope(self) -> str | None:
        return self.queue


class FaultOrder(BaseModel):
    """The body of `POST /faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    faults: tuple[Fault, ...] = ()


Faults = SeededFaults[Fault]
