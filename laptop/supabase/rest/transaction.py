"""Runs a request in one transaction, with settings, role and query in a single round trip."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from laptop.supabase.rest.errors import connection_lost, from_database, not_imitated
from laptop.supabase.rest.pool import Pool
from laptop.supabase.rest.queries import Query
from laptop.supabase.rest.tokens import Caller

PATIENCE_S = 30.0
"""For a Postgres that does not end a statement at its statement_timeout."""

_BEGIN = {
    True: b"begin isolation level read committed read only",
    False: b"begin isolation level read committed",
}
# psycopg warns of each pipeline that a refused query cuts short.
logging.getLogger("psycopg").setLevel(logging.ERROR)

_SET = "set_config(%s, %s, true)"
SEARCH_PATH = '"public", "extensions"'


@dataclass(frozen=True)
class RequestFacts:
    """Functions in the database read these as `current_setting('request.…')`."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    rows: int
    body: str


async def run(
    pool: Pool, query: Query, caller: Caller, facts: RequestFacts, role_settings: Mapping[str, str]
) -> Answer:
    """Raises ApiError. After PGRST001 the transaction may be committed or not."""
    settings = _settings(query, caller, facts, role_settings)
    statement = b"select " + b", ".join([_SET.encode()] * len(settings))
    values = [part for setting in settings for part in setting]
    async with pool.connection() as connection:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await _run(connection, query, (statement, values))
        except TimeoutError as problem:
            await connection.close()
            raise connection_lost(problem) from problem
        except psycopg.Error as problem:
            await _roll_back(connection)
            if "laptop.own_answer" in str(problem):
                raise not_imitated("a function that sets response.status or response.headers") from problem
            raise from_database(problem, anonymous=caller.anonymous) from problem


async def _run(
    connection: psycopg.AsyncConnection, query: Query, settings: tuple[bytes, list[str]]
) -> Answer:
    """Never lets psycopg choose when to prepare.

    It would prepare BEGIN and COMMIT at their sixth use, and take them for prepared even when the server skipped that
    in a pipeline that had failed. Each later use then fails with SQLSTATE 26000.
    """
    async with connection.pipeline():
        await connection.execute(_BEGIN[query.read_only], prepare=False)
        await connection.execute(*settings, prepare=True)
        cursor = await connection.execute(query.sql, query.values, prepare=True)
        await connection.execute(b"commit", prepare=False)
    row = await cursor.fetchone()
    assert row is not None
    return Answer(*row[:2])


async def _roll_back(connection: psycopg.AsyncConnection) -> None:
    try:
        if not connection.closed:
            await connection.rollback()
    except psycopg.Error:
        await connection.close()


def _settings(
    query: Query, caller: Caller, facts: RequestFacts, role_settings: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Follows PostgREST's order: the role's settings, set by the authenticator, then the role, then the request."""
    hoisted = {} if query.statement_timeout is None else {"statement_timeout": query.statement_timeout}
    return [
        ("search_path", SEARCH_PATH),
        *role_settings.items(),
        ("role", caller.role),
        ("request.jwt.claims", json.dumps(caller.claims)),
        ("request.method", facts.method),
        ("request.path", facts.path),
        ("request.headers", json.dumps(facts.headers)),
        ("request.cookies", "{}"),
        *hoisted.items(),
    ]
