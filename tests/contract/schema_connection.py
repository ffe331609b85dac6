"""SQL functions as tests call them over one connection, and by many callers at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.contract.schema_rows import NOW, Json
from tests.postgres_support import Database

Answer = TypeVar("Answer")
Caller = TypeVar("Caller", bound="ServiceConnection")


@dataclass(frozen=True)
class ServiceConnection:
    """Calls made at `now` over one connection, with the rights of the service key."""

    connection: psycopg.Connection
    now: datetime = NOW

    def later(self, **duration: float) -> Self:
        return replace(self, now=self.now + timedelta(**duration))

    def call(self, function: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON, or what the function returns
        """`now_=None` leaves `p_now` out, for functions without a time."""
        if arguments.pop("now_", True):
            arguments["now"] = self.now
        named = sql.SQL(", ").join(sql.SQL("{} => %s").format(sql.Identifier(f"p_{n}")) for n in arguments)
        statement = sql.SQL("select {}({})").format(sql.Identifier(function), named)
        row = self.connection.execute(statement, [_adapted(value) for value in arguments.values()]).fetchone()
        assert row is not None
        return row[0]

    def all(self, query: str, *parameters: object) -> list[Json]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def one(self, query: str, *parameters: object) -> Json:
        (row,) = self.all(query, *parameters)
        return row


def let_go_at_once(
    database: Database, calls: Sequence[Callable[[Caller], Answer]], kind: type[Caller]
) -> list[Answer | psycopg.Error]:
    """The answer or the error of each call, all started at the same moment, each over its own connection."""
    gate = threading.Barrier(len(calls))

    def answer(call: Callable[[Caller], Answer], caller: Caller) -> Answer | psycopg.Error:
        gate.wait(60)
        try:
            return call(caller)
        except psycopg.Error as refusal:
            return refusal

    with ExitStack() as stack, ThreadPoolExecutor(len(calls)) as pool:
        callers = [kind(stack.enter_context(database.connect(role="service_role"))) for _ in calls]
        return list(pool.map(answer, calls, callers))


def _adapted(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict) else value
