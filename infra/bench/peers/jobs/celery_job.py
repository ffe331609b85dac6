"""Celery, Redis as broker, prefork, late acks. What a killed worker held is given out after the visibility timeout."""

import psycopg
from celery import Celery

import record_job
from record_job import CONCURRENCY, DSN, LEASE, REDIS

app = Celery("celery_job", broker=REDIS)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_transport_options={"visibility_timeout": LEASE},
    broker_connection_retry_on_startup=True,
)
_process = {}


def _connection() -> psycopg.Connection:
    if "db" not in _process or _process["db"].closed:
        _process["db"] = psycopg.connect(DSN, autocommit=True)
    return _process["db"]


def _http():
    if "http" not in _process:
        _process["http"] = record_job.client()
    return _process["http"]


@app.task(bind=True, max_retries=record_job.TRIES, name="complete")
def complete(self, task_id):
    connection = _connection()
    claim = connection.execute(record_job.CLAIM, (task_id,)).fetchone()
    if claim is None:
        return
    pn, manufacturer, record_key, _ = claim
    try:
        answer = record_job.look_up(_http(), pn)
    except record_job.VendorUnavailable as error:
        if self.request.retries >= record_job.TRIES:
            connection.execute(record_job.FAIL, (str(error), task_id))
            return
        raise self.retry(exc=error, countdown=record_job.FIRST_BACKOFF * 2**self.request.retries) from error
    with connection.transaction(), connection.cursor() as cursor:
        record_job.store(cursor, task_id, record_key, pn, manufacturer, answer)


def setup():
    with psycopg.connect(DSN) as connection:
        connection.execute(record_job.SCHEMA)


def enqueue():
    with (
        psycopg.connect(DSN, autocommit=True) as connection,
        app.producer_pool.acquire(block=True) as producer,
    ):
        for order in record_job.orders():
            for rows in record_job.chunks(order["file"], order["batch"]):
                with connection.transaction(), connection.cursor() as cursor:
                    ids = record_job.open_chunk(cursor, rows)
                for each in ids:
                    complete.apply_async((each,), producer=producer)


def worker():
    app.worker_main(["worker", "-P", "prefork", "-c", str(CONCURRENCY), "-l", "WARNING"])


if __name__ == "__main__":
    import celery_job  # the module by its name, so that the task is the one that workers know

    record_job.command(celery_job.setup, celery_job.worker, celery_job.enqueue)
