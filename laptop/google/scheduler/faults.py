"""Seeded faults of the scheduler itself.

| kind | what happens |
|---|---|
| duplicate_firing | the same request is sent a second time, `seconds` after the first |
| lost_answer | the target answers, the scheduler takes it as a passed deadline |
| latency | the request spends `seconds` on its way, within its deadline |
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from laptop.google.common.faults import SeededFault, SeededFaults


class FaultKind(StrEnum):
    DUPLICATE_FIRING = "duplicate_firing"
    LOST_ANSWER = "lost_answer"
    LATENCY = "latency"


class Fault(SeededFault):
    """Strikes a job (short id; None: all). `seconds` are real ones, whatever the clock does."""

    kind: FaultKind
    job: str | None = None

    @property
    def scope(self) -> str | None:
        return self.job


class FaultOrder(BaseModel):
    """The body of `POST /faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    faults: tuple[Fault, ...] = ()


Faults = SeededFaults[Fault]
