"""procrastinate: the queue in the same Postgres, one asyncio worker.

Jobs are deferred in the transaction that opens the tasks. What a killed worker held is retried
by the documented periodic task for stalled jobs.
"""

import asyncio

import procrastinate
import psycopg
from procrastinate import PsycopgConnector, RetryDecision
from psycopg_pool import AsyncConnectionPool

import record_job
from record_job import CONCURRENCY, DSN, LEASE


class Backoff(procrastinate.BaseRetryStrategy):
    def get_retry_decision(self, *, exception, job):
        if not isinstance(exception, record_job.VendorUnavailable) or job.attempts >= record_job.TRIES:
            return None
        return RetryDecision(
            retry_in={"milliseconds": int(1000 * record_job.FIRST_BACKOFF * 2**job.attempts)}
        )


app = procrastinate.App(connector=PsycopgConnector(conninfo=DSN, min_size=2, max_size=max(8, CONCURRENCY)))
_process = {}


@app.task(name="complete", queue="records", retry=Backoff(), pass_context=True)
async def complete(context, task_id):
    pool, http = _process["pool"], _process["http"]
    async with pool.connection() as connection:
        cursor = await connection.execute(record_job.CLAIM, (task_id,))
        claim = await cursor.fetchone()
    if claim is None:
        return
    pn, manufacturer, record_key, _ = claim
    try:
        answer = await record_job.look_up_async(http, pn)
    except record_job.VendorUnavailable as error:
        if context.job.attempts >= record_job.TRIES:
            async with pool.connection() as connection:
                await connection.execute(record_job.FAIL, (str(error), task_id))
            return
        raise
    async with pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
        await record_job.store_async(cursor, task_id, record_key, pn, manufacturer, answer)


@app.periodic(cron="* * * * * */5")
@app.task(name="retry_stalled", queue="upkeep", pass_context=True, queueing_lock="retry_stalled")
async def retry_stalled(context, timestamp):  # noqa: ARG001 - procrastinate calls it so
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=LEASE):
        await app.job_manager.retry_job(job)


async def _setup():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    with psycopg.connect(DSN) as connection:
        connection.execute(record_job.SCHEMA)


async def _worker():
    async with (
        app.open_async(),
        AsyncConnectionPool(
            DSN, min_size=1, max_size=CONCURRENCY, kwargs={"autocommit": True}, open=False
        ) as pool,
        record_job.async_client() as http,
    ):
        _process.update(pool=pool, http=http)
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            fetch_job_polling_interval=0.5,
            update_heartbeat_interval=3,
            stalled_worker_timeout=LEASE,
        )


async def _enqueue():
    async with app.open_async(), await psycopg.AsyncConnection.connect(DSN, autocommit=True) as connection:
        for order in record_job.orders():
            for rows in record_job.chunks(order["file"], order["batch"]):
                async with connection.transaction(), connection.cursor() as cursor:
                    ids = await record_job.open_chunk_async(cursor, rows)
                    await complete.configure(connection=connection).batch_defer_async(
                        *({"task_id": each} for each in ids)
                    )


if __name__ == "__main__":
    record_job.command(
        lambda: asyncio.run(_setup()), lambda: asyncio.run(_worker()), lambda: asyncio.run(_enqueue())
    )
