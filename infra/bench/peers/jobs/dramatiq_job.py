"""Dramatiq, Redis as broker, one process with threads, acks after the work.

A dead worker's messages come back after the heartbeat timeout.
"""

import sys

import dramatiq
import psycopg
from dramatiq.brokers.redis import RedisBroker
from psycopg_pool import ConnectionPool

import record_job
from record_job import CONCURRENCY, DSN, LEASE, REDIS

broker = RedisBroker(url=REDIS, heartbeat_timeout=LEASE * 1000)
dramatiq.set_broker(broker)
_process = {}


def _pool() -> ConnectionPool:
    if "pool" not in _process:
        _process["pool"] = ConnectionPool(
            DSN, min_size=1, max_size=CONCURRENCY, kwargs={"autocommit": True}, open=True
        )
    return _process["pool"]


def _http():
    if "http" not in _process:
        _process["http"] = record_job.client()
    return _process["http"]


@dramatiq.actor(
    max_retries=record_job.TRIES,
    min_backoff=int(record_job.FIRST_BACKOFF * 1000),
    max_backoff=5000,
    throws=(),
)
def complete(task_id):
    with _pool().connection() as connection:
        claim = connection.execute(record_job.CLAIM, (task_id,)).fetchone()
    if claim is None:
        return
    pn, manufacturer, record_key, attempts = claim
    try:
        answer = record_job.look_up(_http(), pn)
    except record_job.VendorUnavailable as error:
        if attempts > record_job.TRIES:
            with _pool().connection() as connection:
                connection.execute(record_job.FAIL, (str(error), task_id))
            return
        raise
    with _pool().connection() as connection, connection.transaction(), connection.cursor() as cursor:
        record_job.store(cursor, task_id, record_key, pn, manufacturer, answer)


def setup():
    with psycopg.connect(DSN) as connection:
        connection.execute(record_job.SCHEMA)


def enqueue():
    with psycopg.connect(DSN, autocommit=True) as connection:
        for order in record_job.orders():
            for rows in record_job.chunks(order["file"], order["batch"]):
                with connection.transaction(), connection.cursor() as cursor:
                    ids = record_job.open_chunk(cursor, rows)
                for each in ids:
                    complete.send(each)


def worker():
    from dramatiq.cli import main, make_argument_parser

    sys.exit(
        main(
            make_argument_parser().parse_args(
                ["dramatiq_job", "--processes", "1", "--threads", str(CONCURRENCY)]
            )
        )
    )


if __name__ == "__main__":
    import dramatiq_job

    record_job.command(dramatiq_job.setup, dramatiq_job.worker, dramatiq_job.enqueue)
