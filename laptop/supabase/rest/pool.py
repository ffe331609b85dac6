"""Keeps connections to Postgres for reuse, drops dead ones, and opens one when a request finds none.

So requests fail at once while Postgres is down, and the first one after its return succeeds.
"""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from laptop.supabase.rest.errors import connection_failed, pool_exhausted

CONNECT_S = 5
ACQUIRE_S = 10.0


class Pool:
    def __init__(self, database_url: str, size: int) -> None:
        self._url = database_url
        self._places = asyncio.Semaphore(size)
        self._idle: list[psycopg.AsyncConnection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """Lends a connection in autocommit mode, and closes it if it comes back with an open transaction."""
        try:
            async with asyncio.timeout(ACQUIRE_S):
                await self._places.acquire()
        except TimeoutError:
            raise pool_exhausted() from None
        try:
            connection = await self._idle_or_new()
            try:
                yield connection
            finally:
                await self._take_back(connection)
        finally:
            self._places.release()

    async def _idle_or_new(self) -> psycopg.AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if _alive(connection):
                return connection
            await connection.close()
        try:
            return await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="rest"
            )
        except psycopg.Error as problem:
            raise connection_failed(problem) from problem

    async def _take_back(self, connection: psycopg.AsyncConnection) -> None:
        if connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            with suppress(psycopg.Error):
                await connection.close()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()


def _alive(connection: psycopg.AsyncConnection) -> bool:
    """Needs no round trip: an idle connection has nothing to read unless the server has closed it."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
