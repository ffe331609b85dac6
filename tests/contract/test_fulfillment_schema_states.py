"""Every pair of states, written without the functions: the triggers accept the arrows and refuse the rest."""

from itertools import product
from typing import Any

import psycopg
import pytest

from shared.fulfillment.orders import UNSHIPPED, OrderState, follow
from shared.fulfillment.ports import MarketplaceState
from tests.contract.fulfillment_calls import Fulfillment, move, order
from tests.contract.schema_rows import NOW, OWNER, Json
from tests.postgres_support import Database

ORDER = tuple(str(state) for state in OrderState)
ORDER_ARROWS = {
    ("pending_acceptance", "accepted"),
    ("pending_acceptance", "acceptance_failed"),
    ("acceptance_failed", "pending_acceptance"),
    ("acceptance_failed", "accepted"),
    ("accepted", "label_created"),
    ("accepted", "label_unknown"),
    ("accepted", "label_failed"),
    ("label_unknown", "label_created"),
    ("label_unknown", "accepted"),
    ("label_unknown", "label_failed"),
    ("label_failed", "accepted"),
    ("label_created", "tracking_failed"),
    ("label_created", "accepted"),
    ("tracking_failed", "label_created"),
    ("tracking_failed", "accepted"),
    *((str(state), "cancelled") for state in UNSHIPPED),
    *((str(state), "shipped") for state in UNSHIPPED[2:]),
    *((state, "refused") for state in ("pending_acceptance", "acceptance_failed", "accepted")),
}
SHIPMENT = (
    "requested",
    "unknown",
    "bought",
    "failed",
    "undo_due",
    "undo_asked",
    "voided",
    "refunded",
    "disputed",
)
SHIPMENT_ARROWS = {
    ("requested", "unknown"),
    ("requested", "bought"),
    ("requested", "failed"),
    ("unknown", "bought"),
    ("unknown", "failed"),
    ("bought", "undo_due"),
    ("failed", "bought"),
    ("failed", "undo_due"),
    ("undo_due", "undo_asked"),
    *product(("undo_due", "undo_asked"), ("voided", "refunded", "disputed")),
    ("disputed", "refunded"),
}
STAGE = ("running", "finished", "failed")
STAGE_ARROWS = {("running", "finished"), ("running", "failed"), ("failed", "running")}


def pairs(states: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(one, other) for one, other in product(states, states) if one != other]


def write(connection: psycopg.Connection, table: str, columns: Json) -> None:
    """Updates the only row of a table."""
    assigned = ", ".join(f"{column} = %s" for column in columns)
    assert connection.execute(f"update {table} set {assigned}".encode(), [*columns.values()]).rowcount == 1


def arrange(database: Database, table: str, columns: Json) -> None:
    """Writes without the triggers, as only the database's owner can."""
    with database.connect() as owner:
        owner.execute("set session_replication_role = replica")
        write(owner, table, columns)


def stage_row(state: str) -> Json:
    running = state == "running"
    return {
        "state": state,
        "lease_until": NOW if running else None,
        "ended_at": None if running else NOW,
    }


@pytest.mark.parametrize(("before", "after"), pairs(ORDER))
def test_an_order_takes_the_legal_arrows_and_no_other(
    database: Database, fulfillment: Fulfillment, before: str, after: str
) -> None:
    fulfillment.store(order())
    arrange(database, "orders", {"state": before})
    wanted = {"state": after, "reason": "because", "stage": "a stage", "updated_at": NOW}
    if (before, after) in ORDER_ARROWS:
        write(fulfillment.connection, "orders", wanted)
        (_, move_made) = fulfillment.all("select * from order_status_history order by id")
        del move_made["id"]
        assert move_made == {
            "order_id": "A",
            "from_state": before,
            "to_state": after,
            "reason": "because",
            "stage": "a stage",
            "at": NOW,
        }
        return
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        write(fulfillment.connection, "orders", wanted)
    assert refusal.value.diag.message_primary == f"order A: {before} -> {after} is no arrow"
    assert fulfillment.order()["state"] == before
    assert fulfillment.history() == [(None, "pending_acceptance")]


@pytest.mark.parametrize(("before", "after"), pairs(SHIPMENT))
def test_a_shipment_takes_the_legal_arrows_and_no_other(
    database: Database, fulfillment: Fulfillment, before: str, after: str
) -> None:
    fulfillment.open(fulfillment.accepted())
    paid = {"shipment_id": "S1", "undo": "{}"}
    arrange(database, "shipments", {"state": before} | paid)
    if (before, after) in SHIPMENT_ARROWS:
        write(fulfillment.connection, "shipments", {"state": after})
        assert fulfillment.shipment()["state"] == after
        return
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        write(fulfillment.connection, "shipments", {"state": after})
    assert refusal.value.diag.message_primary == f"shipment A-1: {before} -> {after} is no arrow"
    assert fulfillment.shipment()["state"] == before


@pytest.mark.parametrize(("before", "after"), pairs(STAGE))
def test_a_stage_takes_the_legal_arrows_and_no_other(
    database: Database, fulfillment: Fulfillment, before: str, after: str
) -> None:
    fulfillment.begin_stage(owner=OWNER)
    arrange(database, "stage_runs", stage_row(before))
    if (before, after) in STAGE_ARROWS:
        write(fulfillment.connection, "stage_runs", stage_row(after))
        return
    with pytest.raises(psycopg.errors.CheckViolation, match=f"{before} -> {after} is no arrow"):
        write(fulfillment.connection, "stage_runs", stage_row(after))


def test_the_states_and_their_order_are_those_of_the_tests(fulfillment: Fulfillment) -> None:
    (states,) = fulfillment.all(
        "select enum_range(null::order_state)::text[] o, enum_range(null::shipment_state)::text[] s,"
        " enum_range(null::stage_state)::text[] r"
    )
    assert sorted(states["o"]) == sorted(ORDER)
    assert (tuple(states["s"]), tuple(states["r"])) == (SHIPMENT, STAGE)


@pytest.mark.parametrize("state", ORDER)
def test_writing_the_same_state_again_is_no_move(
    database: Database, fulfillment: Fulfillment, state: str
) -> None:
    fulfillment.store(order())
    arrange(database, "orders", {"state": state})
    write(fulfillment.connection, "orders", {"state": state})
    assert fulfillment.history() == [(None, "pending_acceptance")]


@pytest.mark.parametrize(
    ("table", "states", "born"),
    [
        ("orders", ORDER, "an order begins as pending_acceptance"),
        ("shipments", SHIPMENT, "a shipment begins as requested"),
        ("stage_runs", STAGE, "a stage begins as running"),
    ],
)
def test_nothing_is_born_in_any_state_but_its_first(
    fulfillment: Fulfillment, table: str, states: tuple[str, ...], born: str
) -> None:
    fulfillment.refuse(fulfillment.open(fulfillment.accepted()))
    fulfillment.begin_stage(owner=OWNER)
    keys: dict[str, Json] = {
        "orders": {"order_id": "B"},
        "shipments": {"order_id": "A", "sequence": 2, "request_id": "A-2", "shipment_id": "S1", "undo": "{}"},
        "stage_runs": {"cycle": "other"},
    }
    row: dict[str, Any] = fulfillment.one(f"select * from {table}")
    copy = {key: value for key, value in row.items() if key != "id" and not isinstance(value, dict)}
    for column in set(row) - set(copy) - {"id"}:
        copy[column] = "{}"
    for state in states:
        if born.endswith(state):
            continue
        columns = copy | keys[table] | (stage_row(state) if table == "stage_runs" else {"state": state})
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        with pytest.raises(psycopg.errors.CheckViolation, match=f"{born}, not as {state}"):
            fulfillment.connection.execute(
                f"insert into {table} ({names}) values ({marks})".encode(), [*columns.values()]
            )


@pytest.mark.parametrize("state", UNSHIPPED)
@pytest.mark.parametrize("shown", MarketplaceState)
def test_whatever_the_marketplace_shows_calls_for_a_legal_arrow_or_none(
    state: OrderState, shown: MarketplaceState
) -> None:
    called_for = follow("A", state, shown)
    assert called_for is None or (str(state), str(called_for.to_state)) in ORDER_ARROWS


def test_the_history_shows_each_move_with_its_stage_time_and_reason(fulfillment: Fulfillment) -> None:
    fulfillment.accepted()
    shipment = fulfillment.later(minutes=3).open()
    fulfillment.later(minutes=3).unknown(shipment)
    fulfillment.later(minutes=18).buy(shipment)
    fulfillment.later(minutes=18).shelve(shipment)
    fulfillment.later(minutes=22).move(move("A", "label_created", "shipped"), stage="update-tracking")
    rows = fulfillment.all("select * from order_status_history order by id")
    assert [(r["to_state"], r["stage"], (r["at"] - NOW).seconds // 60, r["reason"]) for r in rows] == [
        ("pending_acceptance", "accept-orders", 0, None),
        ("accepted", "accept-orders", 0, "to accepted"),
        ("label_unknown", "create-labels", 3, "no answer"),
        ("label_created", "create-labels", 18, None),
        ("shipped", "update-tracking", 22, "to shipped"),
    ]


@pytest.mark.parametrize(
    "rewriting", ["update order_status_history set reason = 'x'", "delete from order_status_history"]
)
def test_the_history_cannot_be_rewritten_or_emptied_even_by_its_owner(
    database: Database, fulfillment: Fulfillment, rewriting: str
) -> None:
    fulfillment.accepted()
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="order_status_history is append-only")
    with database.connect() as owner:
        for connection in (fulfillment.connection, owner):
            with refused:
                connection.execute(rewriting.encode())
        with refused:
            owner.execute("truncate order_status_history")
