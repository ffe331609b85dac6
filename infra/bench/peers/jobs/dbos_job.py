"""DBOS: durable workflows in the same Postgres, each record one workflow of three steps.

A restarted executor takes up what it left. POLL: a queue hands out only when it polls, every second by default, which
would be 5 records a second with 5 in flight.
"""

import os
import threading

import psycopg
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, SQLAlchemyDatasource

import record_job
from record_job import CONCURRENCY, DSN

POLL = float(os.environ.get("BENCH_DBOS_POLL", "0.02"))
URL = DSN.replace("postgresql://", "postgresql+psycopg://")


def worker():
    DBOS(
        config={
            "name": "bench",
            "system_database_url": DSN,
            "executor_id": "one",
            "application_version": "1",
            "log_level": "WARNING",
            "sys_db_pool_size": max(10, CONCURRENCY + 4),
            "max_executor_threads": CONCURRENCY + 4,
        }
    )
    data = SQLAlchemyDatasource.create(
        DSN, engine_kwargs={"pool_size": max(5, CONCURRENCY), "max_overflow": 4}
    )
    http = record_job.client()

    def cursor():
        return data.sql_session().connection().connection.driver_connection.cursor()

    @data.transaction(isolation_level="READ COMMITTED")
    def claim(task_id):
        with cursor() as here:
            row = here.execute(record_job.CLAIM, (task_id,)).fetchone()
        return None if row is None else list(row)

    @DBOS.step(
        retries_allowed=True,
        interval_seconds=record_job.FIRST_BACKOFF,
        backoff_rate=2.0,
        max_attempts=record_job.TRIES + 1,
    )
    def ask(pn):
        return record_job.look_up(http, pn)

    @data.transaction(isolation_level="READ COMMITTED")
    def finish(task_id, record_key, pn, manufacturer, answer):
        with cursor() as here:
            record_job.store(here, task_id, record_key, pn, manufacturer, answer)

    @data.transaction(isolation_level="READ COMMITTED")
    def fail(task_id, message):
        with cursor() as here:
            here.execute(record_job.FAIL, (message, task_id))

    @DBOS.workflow(name="complete")
    def complete(task_id):
        claimed = claim(task_id)
        if claimed is None:
            return
        pn, manufacturer, record_key, _ = claimed
        try:
            answer = ask(pn)
        except Exception as error:  # noqa: BLE001 - the step's own error after its last try
            fail(task_id, str(error)[:200])
            return
        finish(task_id, record_key, pn, manufacturer, answer)

    DBOS.launch()
    DBOS.register_queue("records", worker_concurrency=CONCURRENCY, polling_interval_sec=POLL)
    print("ready", flush=True)
    threading.Event().wait()


def setup():
    with psycopg.connect(DSN) as connection:
        connection.execute(record_job.SCHEMA)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": DSN,
            "executor_id": "setup",
            "application_version": "1",
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    DBOS.destroy()


def enqueue():
    client = DBOSClient(system_database_url=DSN, application_name="bench")
    engine = sa.create_engine(URL)
    for order in record_job.orders():
        for rows in record_job.chunks(order["file"], order["batch"]):
            with engine.begin() as connection:
                with connection.connection.driver_connection.cursor() as cursor:
                    ids = record_job.open_chunk(cursor, rows)
                for each in ids:
                    client.enqueue_in_transaction(
                        connection,
                        {"queue_name": "records", "workflow_name": "complete", "workflow_id": each},
                        each,
                    )


if __name__ == "__main__":
    record_job.command(setup, worker, enqueue)
