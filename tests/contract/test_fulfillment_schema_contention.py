"""All stages and people at once: no deadlock, and the account still balances."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.contract.fulfillment_calls import Fulfillment, at_once, bought, finding, move, order, thread
from tests.contract.schema_rows import Json
from tests.postgres_support import Database

CALLERS = 20
NAMES = [f"O{number:02}" for number in range(30)]
TWICE = 2


def reading(seed: int, fulfillment: Fulfillment) -> None:
    """Stores orders and follows the marketplace, in any order, and cancels some."""
    chance = random.Random(seed)
    for _ in range(TWICE):
        names = chance.sample(NAMES, len(NAMES))
        fulfillment.store(
            *[
                order(name, marketplace_updated_at=fulfillment.later(seconds=seed).now.isoformat())
                for name in names
            ]
        )
        fulfillment.move(*[move(name, "pending_acceptance", "accepted") for name in names])
        known = fulfillment.orders_in("accepted", "label_unknown", "label_created", limit=1000)
        ended = chance.sample(known, min(4, len(known)))
        chance.shuffle(ended)
        fulfillment.move(*[move(one["order_id"], one["state"], "cancelled") for one in ended])


def attempt(call: Callable[..., Json], *arguments: object) -> Json | None:
    """None for a refused late caller; any other error fails the test."""
    try:
        return call(*arguments)
    except psycopg.Error as refusal:
        if refusal.sqlstate not in {"PT404", "PT409"}:
            raise
        return None


def buying(seed: int, fulfillment: Fulfillment) -> None:
    """Opens labels of accepted orders and reports one of the possible outcomes."""
    chance = random.Random(seed)
    for name in chance.sample(NAMES, len(NAMES)):
        shipment = attempt(fulfillment.open, name)
        if shipment:
            tell(shipment, chance, fulfillment)


def tell(shipment: Json, chance: random.Random, fulfillment: Fulfillment) -> None:
    match chance.randrange(6):
        case 0:
            fulfillment.not_sent(shipment)
            fulfillment.call_again(shipment)
        case 1:
            fulfillment.unknown(shipment)
        case 2:
            fulfillment.refuse(shipment)
        case _:
            fulfillment.buy(
                shipment, bought(f"S-{shipment['order_id']}", also_sold=chance.choice([[], [], ["twice"]]))
            )
            fulfillment.shelve(shipment)


def settling(seed: int, fulfillment: Fulfillment) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        for shipment in fulfillment.to_settle():
            tell(shipment, chance, fulfillment)
        for shipment in fulfillment.to_undo():
            fulfillment.undo_due(shipment)
        for shipment in fulfillment.call("undos_to_send", limit=100, now_=None):
            if chance.random() < 0.5:
                fulfillment.undo_sent(shipment)
            else:
                fulfillment.undo_refused(shipment)


def pushing_and_people(seed: int, fulfillment: Fulfillment) -> None:
    chance = random.Random(seed)
    for name in chance.sample(NAMES, len(NAMES)):
        fulfillment.move(
            move(name, "label_created", chance.choice(["shipped", "tracking_failed"])),
            stage="update-tracking",
        )
        decisions = ("relabel_order", "note_not_sold", "ask_undo")
        calls: list[Callable[..., Json]] = [partial(fulfillment.decide, each) for each in decisions]
        calls += [fulfillment.retry, fulfillment.undone]
        for call in chance.sample(calls, 5):
            attempt(call, name)
        fulfillment.find(finding("other_api", name), finding("sold_twice", name))
    fulfillment.store_threads(*[thread(f"T{n}", f"m{n}", f"m{n + 50}") for n in chance.sample(range(20), 20)])
    fulfillment.reconcile()


def looking_outside(seed: int, fulfillment: Fulfillment) -> None:
    """The carrier's lists show some of the labels and some that nobody knows."""
    chance = random.Random(seed)
    for _ in range(10):
        shown = [*chance.sample([f"S-{name}" for name in NAMES], 20), f"unknown {seed}"]
        fulfillment.carrier_day("2026-03-02", *shown)
        for name in shown:
            fulfillment.carrier_shows(name, price=chance.choice(["12.34", "99"]))
        fulfillment.match("2026-03-01", "2026-03-03")
        old = fulfillment.call("data_to_forget", before=fulfillment.later(hours=1).now, limit=5)
        fulfillment.call("forget_personal_data", order_ids=old["order_ids"])
        fulfillment.work_list(attention=True)
        fulfillment.call("fulfillment_figures")


def test_a_mixed_crowd_meets_no_deadlock_and_every_order_and_label_stays_accounted_for(
    database: Database, fulfillment: Fulfillment
) -> None:
    jobs = (reading, buying, settling, pushing_and_people, looking_outside)
    work: list[Callable[[Fulfillment], Any]] = [partial(jobs[seed % 5], seed) for seed in range(CALLERS)]
    fulfillment.store(*[order(name) for name in NAMES])
    assert at_once(database, work) == [None] * CALLERS
    sides = fulfillment.reconcile()
    assert (sides["seen"], sides["lost"], sides["labels"]["unaccounted"], sides["adds_up"]) == (
        30,
        0,
        0,
        True,
    )
    settling(99, fulfillment)
    assert fulfillment.one("select count(*) from shipments where not wanted and state = 'bought'") == {
        "count": 0
    }
    assert fulfillment.reconcile()["adds_up"]


CALLS: dict[str, Callable[[Fulfillment, Json], Any]] = {
    "open_shipment": lambda db, _: db.open(),
    "note_label_call": Fulfillment.call_again,
    "note_label_not_sent": Fulfillment.not_sent,
    "note_label_unknown": Fulfillment.unknown,
    "note_label_bought": Fulfillment.buy,
    "note_label_stored": Fulfillment.shelve,
    "note_label_refused": Fulfillment.refuse,
    "note_undo_due": Fulfillment.undo_due,
    "note_undo_sent": Fulfillment.undo_sent,
    "note_undo_refused": Fulfillment.undo_refused,
    "note_undone": lambda db, _: db.undone(),
    "relabel_order": lambda db, _: db.decide("relabel_order"),
    "note_not_sold": lambda db, _: db.decide("note_not_sold"),
    "ask_undo": lambda db, _: db.decide("ask_undo"),
    "move_orders": lambda db, _: db.move(move("A", "accepted", "cancelled")),
}


WAITING = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.mark.parametrize("name", CALLS)
def test_a_caller_locks_the_order_before_its_shipment(
    database: Database, fulfillment: Fulfillment, name: str
) -> None:
    """A caller that waits for the order holds no shipment, so the holder of the order can lock it too."""
    shipment = fulfillment.open(fulfillment.accepted())
    with (
        database.connect() as onlooker,
        ThreadPoolExecutor(1) as pool,
        database.connect(autocommit=False) as holder,
    ):
        holder.execute("select from orders for no key update")
        call = pool.submit(attempt, CALLS[name], fulfillment, shipment)
        while not onlooker.execute(WAITING).rowcount:
            assert not call.done()
        assert holder.execute("select from shipments for update nowait").rowcount == 1
        holder.rollback()
        call.result(60)


BULK: dict[str, tuple[str, str, Callable[[Fulfillment, list[str]], Any]]] = {
    "store_orders": (
        "orders",
        "order_id",
        lambda db, names: db.store(*[order(name, marketplace_updated_at="2027-01-01") for name in names]),
    ),
    "move_orders": (
        "orders",
        "order_id",
        lambda db, names: db.move(*[move(name, "pending_acceptance", "accepted") for name in names]),
    ),
    "store_threads": (
        "threads",
        "thread_id",
        lambda db, names: db.store_threads(*[thread(name, updated_at="2027-01-01") for name in names]),
    ),
}


@pytest.mark.parametrize("name", BULK)
def test_a_call_of_many_rows_takes_them_in_the_order_of_their_ids(
    database: Database, fulfillment: Fulfillment, name: str
) -> None:
    """A caller that waits for the first row holds no other, in any order of its arguments."""
    table, key, make = BULK[name]
    names = list("ABCDEF")
    fulfillment.store(*[order(name) for name in names])
    fulfillment.store_threads(*[thread(name) for name in names])
    with (
        database.connect() as onlooker,
        ThreadPoolExecutor(1) as pool,
        database.connect(autocommit=False) as holder,
    ):
        holder.execute(f"select from {table} where {key} = 'A' for update".encode())
        call = pool.submit(make, fulfillment, names[::-1])
        while not onlooker.execute(WAITING).rowcount:
            assert not call.done()
        assert holder.execute(f"select from {table} for update nowait".encode()).rowcount == len(names)
        holder.rollback()
        call.result(60)
