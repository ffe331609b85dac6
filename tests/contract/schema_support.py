"""The record line as tests of the schema arrange it, and many callers at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from uuid import UUID

import psycopg

from tests.contract.schema_calls import Calls
from tests.contract.schema_connection import let_go_at_once
from tests.contract.schema_rows import Json, item
from tests.postgres_support import Database

Answer = TypeVar("Answer")


class RecordLine(Calls):
    """Brings tasks to where a test begins."""

    def automation(self, pn: str = "LM317T", *, batch: str = "b1", fields: Json | None = None) -> UUID:
        """An opened automation task; the batch is begun when it is not there."""
        self.begin(batch)
        return UUID(self.open([item(pn, **(fields or {}))], batch=batch)["automation"][0]["id"])

    def person(self, pn: str = "LM317T", *, batch: str = "b1", fields: Json | None = None) -> UUID:
        """An opened manual task; the batch is begun when it is not there."""
        self.begin(batch)
        assert self.open([item(pn, "manual", **(fields or {}))], batch=batch)["manual"] >= 1
        found = self.one("select id from manual_tasks where pn = %s order by created_at desc limit 1", pn)
        return UUID(str(found["id"]))

    def saved(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        """An automation task that OWNER holds, with the vendor's answer saved."""
        task = self.automation(pn, fields=fields)
        self.claim(task)
        assert self.save(task)
        return task

    def completed(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        task = self.saved(pn, fields=fields)
        assert self.finish(task)
        return task

    def failed(
        self, pn: str = "LM317T", *, to_manual: bool = True, batch: str = "b1", fields: Json | None = None
    ) -> UUID:
        task = self.automation(pn, batch=batch, fields=fields)
        self.claim(task)
        assert self.fail(task, to_manual=to_manual)
        return task

    def fallback(self, pn: str = "LM317T", fields: Json | None = None) -> UUID:
        """The manual task of a failed automation task."""
        return UUID(self.fall_back(self.failed(pn, fields=fields))["manual_task_id"])


@contextmanager
def lines(database: Database, number: int) -> Iterator[list[RecordLine]]:
    """As many callers, each with a connection of its own."""
    with ExitStack() as stack:
        yield [RecordLine(stack.enter_context(database.connect(role="service_role"))) for _ in range(number)]


def at_once(
    database: Database, calls: Sequence[Callable[[RecordLine], Answer]]
) -> list[Answer | psycopg.Error]:
    """What each call answers or is refused with, when all are let go at the same moment."""
    return let_go_at_once(database, calls, RecordLine)
