"""Every reachable combination of an order's and its label's state has a way on, by the stages or by the API.

The graph is walked on the in-memory store, which the conformance test holds to the database's promises.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from shared.errors import Conflict, StoreRefused
from shared.fulfillment.orders import UNSHIPPED, LabelStep, Move, OrderState, follow, label_step
from shared.fulfillment.ports import MarketplaceState
from tests.memory.clock import SettableClock
from tests.memory.order_reports import InMemoryOrderReports
from tests.memory.order_rows import Shipment
from tests.order_store_support import NOON, UNDO, bought, opened, order

S = OrderState
ENDS = (S.SHIPPED, S.REFUSED, S.CANCELLED)
MOST_SHIPMENTS = 2
Step = Callable[[InMemoryOrderReports], object]


@dataclass(frozen=True)
class Place:
    """An order's state, and of each of its shipments what decides about the next step."""

    order: OrderState
    shipments: tuple[tuple[str, bool, bool, bool, bool], ...]

    @property
    def is_settled(self) -> bool:
        """Nobody has anything to do: the order has ended, and no label's outcome or money is open."""
        open_states = ("requested", "unknown", "undo_due", "undo_asked")
        return self.order in ENDS and not any(
            state in open_states or (state == "bought" and not wanted) for state, wanted, *_ in self.shipments
        )


def do(name: str, *arguments: object, **options: object) -> Step:
    return lambda store: getattr(store, name)(*arguments, **options)


def place(store: InMemoryOrderReports) -> Place:
    one = store.rows["A"]
    return Place(one.state, tuple(_of(each) for each in one.shipments))


def _of(shipment: Shipment) -> tuple[str, bool, bool, bool, bool]:
    """(state, wanted, called, has a link, has its PDF); the last three do not matter once its outcome is known."""
    is_open = shipment.state in ("requested", "unknown")
    return (
        shipment.state,
        shipment.wanted and shipment.live,
        is_open and shipment.called_at is not None,
        shipment.state == "bought" and bool(shipment.bought and shipment.bought.label_link),
        shipment.state == "bought" and shipment.label_path is not None,
    )


def last(store: InMemoryOrderReports) -> LabelStep:
    (known,) = store.orders_by_id(["A"])
    return label_step(known.shipment)


def marketplace_steps(store: InMemoryOrderReports) -> Iterator[tuple[str, Step]]:
    for shown in MarketplaceState:
        if move := follow("A", store.rows["A"].state, shown):
            yield (
                f"the marketplace shows {shown}",
                do("move_orders", [move], "accept-orders"),
            )


def stage_steps(store: InMemoryOrderReports) -> Iterator[tuple[str, Step]]:
    """The stages' own steps, as `label.py`, `shelving.py` and `track.py` choose it."""
    one = store.rows["A"]
    if one.state is S.PENDING_ACCEPTANCE:
        yield "refused at acceptance", _move(S.PENDING_ACCEPTANCE, S.ACCEPTANCE_FAILED)
    if one.state is S.LABEL_CREATED:
        yield "refused at shipping", _move(S.LABEL_CREATED, S.TRACKING_FAILED)
    if one.state in (S.ACCEPTED, S.LABEL_UNKNOWN):
        yield from _label_steps(store)
    for _, facts in store.shipments_to_settle(9):
        yield "settled: sold", do("note_label_bought", facts.id, bought(f"S{facts.sequence}"), UNDO)
        yield "settled: not sold", do("note_label_refused", facts, "never bought")
    for facts, _ in store.shipments_to_undo(9):
        yield "undo prepared", do("note_undo_due", facts.id, UNDO)
    for facts, _ in store.undos_to_send(9):
        yield "void sent", do("note_undo_sent", facts.id, None, is_void=True)
        yield "undo refused", do("note_undo_refused", facts.id, "too late")


def _label_steps(store: InMemoryOrderReports) -> Iterator[tuple[str, Step]]:
    one = store.rows["A"]
    shipment = one.shipments[-1] if one.shipments else None
    step = last(store)
    if step is LabelStep.BUY and one.state is S.ACCEPTED and len(one.shipments) < MOST_SHIPMENTS:
        yield "opened", lambda s: opened(s, "A", len(one.shipments) + 1)
        yield "unmappable", _move(S.ACCEPTED, S.LABEL_FAILED)
    if shipment is None or step in (LabelStep.BUY, LabelStep.NOTHING):
        return
    facts = shipment.facts()
    if step is LabelStep.FETCH:
        yield "fetched", do("note_label_stored", facts.id, "a.pdf", "00", 9)
        if not facts.label_link:
            yield "released", do("note_label_bought", facts.id, bought(f"S{facts.sequence}"), UNDO)
        return
    yield "called", do("note_label_call", facts)
    yield "not sent", do("note_label_not_sent", facts, "429")
    yield "unknown", do("note_label_unknown", facts.id, "no answer")
    yield "refused", do("note_label_refused", facts, "no such service")
    yield "sold", do("note_label_bought", facts.id, bought(f"S{facts.sequence}"), UNDO)
    yield (
        "sold and suspended",
        do("note_label_bought", facts.id, bought(f"S{facts.sequence}", label_link=None), UNDO),
    )


def late_news(store: InMemoryOrderReports) -> Iterator[tuple[str, Step]]:
    """A carrier that sold a request which it had refused."""
    for shipment in store.rows["A"].shipments:
        if shipment.state == "failed":
            yield (
                "sold nevertheless",
                do("note_label_bought", shipment.id, bought(f"S{shipment.sequence}"), UNDO),
            )


def people_steps(_store: InMemoryOrderReports) -> Iterator[tuple[str, Step]]:
    for name in ("retry_order", "refuse_order", "relabel_order", "note_not_sold", "ask_undo"):
        yield name, do(name, "A", "ana", "a note")
    yield "retry_order anyway", do("retry_order", "A", "ana", "a note", anyway=True)
    for outcome in ("voided", "refunded", "disputed"):
        yield outcome, do("note_undone", "A", outcome, "ana", "a note")
    yield "override_address", do("override_address", "A", None, "ana", "a note")


def _move(before: OrderState, after: OrderState) -> Step:
    return do("move_orders", [Move("A", before, after, "a reason")], "a stage")


SOURCES = {
    "marketplace": marketplace_steps,
    "stage": stage_steps,
    "late news": late_news,
    "person": people_steps,
}


@dataclass(frozen=True)
class Edge:
    source: str
    name: str
    to: Place


@cache
def graph() -> dict[Place, list[Edge]]:
    start = InMemoryOrderReports(SettableClock(NOON))
    start.store_orders([order("A")], "accept-orders")
    found: dict[Place, list[Edge]] = {place(start): []}
    waiting = deque([start])
    while waiting:
        store = waiting.popleft()
        here = place(store)
        for source, steps in SOURCES.items():
            for name, step in steps(store):
                after = copy.deepcopy(store)
                try:
                    step(after)
                except (Conflict, StoreRefused):
                    continue
                there = place(after)
                if there != here:
                    found[here].append(Edge(source, name, there))
                if there not in found:
                    found[there] = []
                    waiting.append(after)
    return found


@cache
def settling() -> set[Place]:
    """The places from which the stages and people, without luck at the marketplace, reach an end."""
    edges = graph()
    reached = {here for here in edges if here.is_settled}
    grown = True
    while grown:
        more = {
            here for here, out in edges.items() if here not in reached and any(e.to in reached for e in out)
        }
        grown = bool(more)
        reached |= more
    return reached


def test_the_walk_reaches_every_state() -> None:
    assert {here.order for here in graph()} == set(S)
    states = {state for here in graph() for state, *_ in here.shipments}
    assert states == {
        "requested", "unknown", "bought", "failed", "undo_due", "undo_asked", "voided", "refunded", "disputed",
    }  # fmt: skip
    assert len(graph()) > 100


def test_each_combination_has_a_way_on_by_a_stage_or_by_the_api() -> None:
    dead = [
        here
        for here, edges in graph().items()
        if not here.is_settled
        and not any(edge.source in ("stage", "person") for edge in edges)
        and not (here.order in UNSHIPPED and _is_picked_up(here))
        and len(here.shipments) < MOST_SHIPMENTS
    ]
    assert dead == []


def test_each_combination_can_reach_an_end() -> None:
    assert [here for here in graph() if here not in settling() and len(here.shipments) < MOST_SHIPMENTS] == []


@pytest.mark.parametrize("state", [S.ACCEPTANCE_FAILED, S.LABEL_FAILED, S.TRACKING_FAILED])
def test_a_failed_order_is_always_retried_to_where_a_stage_picks_it_up(state: OrderState) -> None:
    back = {
        S.ACCEPTANCE_FAILED: S.PENDING_ACCEPTANCE,
        S.LABEL_FAILED: S.ACCEPTED,
        S.TRACKING_FAILED: S.LABEL_CREATED,
    }
    for here, edges in graph().items():
        if here.order is state:
            retries = {edge.name: edge.to.order for edge in edges if edge.name.startswith("retry_order")}
            assert set(retries.values()) == {back[state]}
            assert "retry_order anyway" in retries
            needs_mending = state is S.LABEL_FAILED and not _was_refused_by_the_carrier(here)
            assert ("retry_order" in retries) != needs_mending


def _was_refused_by_the_carrier(here: Place) -> bool:
    """It may buy the same label later; what could not even be asked for fails again until somebody mends it."""
    return bool(here.shipments) and here.shipments[-1][0] == "failed"


def _is_picked_up(here: Place) -> bool:
    """A stage asks the marketplace about it in each cycle, and its clock runs."""
    return here.order in (S.PENDING_ACCEPTANCE, S.LABEL_CREATED)
