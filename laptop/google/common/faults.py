"""Seeded faults of a service. Each service defines its kinds and what they do."""

import random
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 3600.0


class SeededFault(BaseModel):
    """Occurs with `probability`, at most `times` times (None: no limit). A service adds `kind` and the scope."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    seconds: Annotated[float, Field(ge=0, le=LONGEST)] = 0
    probability: Annotated[float, Field(ge=0, le=1)] = 1
    times: Annotated[int, Field(ge=1)] | None = None

    @property
    @abstractmethod
    def scope(self) -> str | None:
        """The short id of the queue or job concerned; None: all of them."""


F = TypeVar("F", bound=SeededFault)


class FaultSettings(BaseModel, Generic[F]):
    """The body of `POST /faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    faults: tuple[F, ...] = ()


class SeededFaults(Generic[F]):
    """The same seed and the same sequence of draws give the same faults."""

    def __init__(self) -> None:
        self.replace(0, ())

    def replace(self, seed: int, faults: Sequence[F]) -> None:
        self._seed = seed
        self._faults = tuple(faults)
        self._chance = random.Random(seed)
        self._struck = [0] * len(self._faults)

    def draw(self, kind: str, scope: str) -> F | None:
        """The fault of this kind that occurs now, if one does."""
        for index, fault in enumerate(self._faults):
            spent = fault.times is not None and self._struck[index] >= fault.times
            if fault.kind != kind or fault.scope not in (None, scope) or spent:
                continue
            if self._chance.random() < fault.probability:
                self._struck[index] += 1
                return fault
        return None

    def report(self) -> dict[str, Any]:
        faults = zip(self._faults, self._struck, strict=True)
        return {
            "seed": self._seed,
            "faults": [fault.model_dump(mode="json") | {"struck": struck} for fault, struck in faults],
        }
