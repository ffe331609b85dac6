"""The operator's board, and the word of a second person, as the database gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.fulfillment.orders import OrderState
from shared.fulfillment.pipeline import Pipeline
from shared.fulfillment.store import Json


@dataclass(frozen=True)
class BoardFilter:
    """None leaves nothing out. `attention` true leaves only orders that a person must look at, false the others."""

    state: OrderState | None = None
    attention: bool | None = None

    def to_json(self) -> Json:
        return {"state": self.state and str(self.state), "attention": self.attention}


class OrderBoard(Protocol):
    """Each call is one transaction, safe to repeat. Errors are those of OrderReports."""

    def board(self, wanted: BoardFilter, limit: int, after: Json | None, zone: str) -> Json:
        """{today, need_person, states, postage, outside, unanswered, breakers, total, orders, next}.

        Orders that need a person come first, each part by deadline. `zone` says which day is today.
        """
        ...

    def approve_undo(self, order_id: str, by: str, note: str) -> Json:
        """Raises NotFound, and Conflict for the person who has asked or when nothing waits."""
        ...

    def decline_undo(self, order_id: str, by: str, note: str) -> Json:
        """Raises NotFound, and Conflict when nothing waits."""
        ...


def with_time(turn: Mapping[str, Any] | None, pipeline: Pipeline, now: datetime) -> Json | None:
    """A turn of the system with the time `at` of its stage's next firing, after the time until which it is held."""
    if turn is None:
        return None
    held = turn["held_until"] and datetime.fromisoformat(turn["held_until"])
    at = next_firing(pipeline, turn["stage"], max(now, held) if held else now)
    return dict(turn) | {"at": at.isoformat()}


def next_firing(pipeline: Pipeline, stage: str, now: datetime) -> datetime:
    """The stage's first firing after `now` by its schedule, which may be paused."""
    fired = pipeline.cycle_begin(now) + timedelta(minutes=pipeline.stage(stage).offset_minutes)
    return fired if fired > now else fired + timedelta(minutes=pipeline.interval_minutes)
