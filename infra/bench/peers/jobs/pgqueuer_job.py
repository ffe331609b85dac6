"""PgQueuer: the queue in the same Postgres, one asyncio worker, asyncpg for the queue as its documentation has it.

Enqueued in the transaction that opens the tasks; what a killed worker held is picked again when its heartbeat is stale.
"""

import asyncio
import os
from datetime import timedelta

import asyncpg
import psycopg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.queries import Queries
from psycopg_pool import AsyncConnectionPool

import record_job
from record_job import CONCURRENCY, DSN, LEASE

BY_ENTRYPOINT = os.environ.get("BENCH_PGQUEUER_LIMIT", "entrypoint") == "entrypoint"


async def _setup():
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as connection:
        await Queries(PsycopgDriver(connection)).install()
        await connection.execute(record_job.SCHEMA)


async def _worker():
    pgq = PgQueuer.from_asyncpg_connection(await asyncpg.connect(DSN))
    pool = AsyncConnectionPool(DSN, min_size=1, max_size=CONCURRENCY, kwargs={"autocommit": True}, open=False)
    await pool.open()
    http = record_job.async_client()

    def retrying(parameters):
        return DatabaseRetryEntrypointExecutor(
            parameters=parameters,
            max_attempts=record_job.TRIES,
            initial_delay=timedelta(seconds=record_job.FIRST_BACKOFF),
        )

    @pgq.entrypoint(
        "complete", concurrency_limit=CONCURRENCY if BY_ENTRYPOINT else 0, executor_factory=retrying
    )
    async def complete(job):
        task_id = job.payload.decode()
        async with pool.connection() as connection:
            cursor = await connection.execute(record_job.CLAIM, (task_id,))
            claim = await cursor.fetchone()
        if claim is None:
            return
        pn, manufacturer, record_key, _ = claim
        try:
            answer = await record_job.look_up_async(http, pn)
        except record_job.VendorUnavailable as error:
            if job.attempts >= record_job.TRIES:
                async with pool.connection() as connection:
                    await connection.execute(record_job.FAIL, (str(error), task_id))
                return
            raise
        async with pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await record_job.store_async(cursor, task_id, record_key, pn, manufacturer, answer)

    half = max(1, CONCURRENCY // 2)
    await pgq.run(
        dequeue_timeout=timedelta(seconds=0.5),
        batch_size=CONCURRENCY if BY_ENTRYPOINT else half,
        max_concurrent_tasks=None if BY_ENTRYPOINT else CONCURRENCY,
        heartbeat_timeout=timedelta(seconds=LEASE),
    )


async def _enqueue():
    async with await psycopg.AsyncConnection.connect(DSN, autocommit=True) as connection:
        queries = Queries(PsycopgDriver(connection))
        for order in record_job.orders():
            for rows in record_job.chunks(order["file"], order["batch"]):
                async with connection.transaction():
                    async with connection.cursor() as cursor:
                        ids = await record_job.open_chunk_async(cursor, rows)
                    await queries.enqueue(
                        ["complete"] * len(ids), [each.encode() for each in ids], [0] * len(ids)
                    )


if __name__ == "__main__":
    record_job.command(
        lambda: asyncio.run(_setup()), lambda: asyncio.run(_worker()), lambda: asyncio.run(_enqueue())
    )
