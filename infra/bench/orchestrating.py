"""`orchestrate` compared with the same calls by the bare clients, with more records, and with a long history."""

import json
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx
from google.cloud import bigquery
from google.cloud.tasks_v2 import HttpMethod, HttpRequest, Task
from postgrest import SyncPostgrestClient

from infra.bench.laboratory import Laboratory, bare_tasks_client, request
from infra.bench.table import Row, alternately, at_most
from infra.local.parts import intake_schema
from infra.local.settings import ROOT
from shared.cloud.bigquery import FIRST_WINDOW, KNOWN, BigQuerySource
from shared.enrichment.ports import DayShare, NotedRow
from shared.settings import StoreSettings

ROUNDS = 7
MEGABYTE = 1_000_000
MEMORY_BUDGET = 100
DATABASE_CALLS = 4
FEW, MANY = 100, 10_000
HISTORY, PARTS = 100_000, 1_000_000
ROWS_SQL = (ROOT / "shared" / "cloud" / "source_rows.sql").read_text(encoding="utf-8")


@contextmanager
def paused_queue(lab: Laboratory) -> Iterator[None]:
    """Pauses the queue, so that no worker takes part in the measurement."""
    client = bare_tasks_client(lab.address)
    client.pause_queue(name=lab.address.path)
    try:
        yield
    finally:
        client.purge_queue(name=lab.address.path)
        client.resume_queue(name=lab.address.path)
        client.transport.close()  # type: ignore[no-untyped-call]  # the client library leaves it so


def measure_few(lab: Laboratory) -> list[Row]:
    source = lab.source()
    source.remember([noted("nothing")])  # creates the ledger, which exists in all later runs
    orchestrator = lab.orchestrator(source)
    counts: list[tuple[int, int, int]] = []

    def ours(turn: int) -> float:
        lab.forget()
        begun = time.perf_counter()
        orchestrator.run(request(f"ours-{turn}", FEW))
        taken = time.perf_counter() - begun
        counts.append((len(lab.queries), len(lab.rpc.calls), len(lab.queue.tasks)))
        return taken

    with paused_queue(lab), bare_calls(lab) as floor:
        measured, bare = alternately(ROUNDS, ours, floor)
    queries, calls, tasks = counts[-1]
    source.close()
    return [
        Row("orchestrate of 100: BigQuery queries", "1", str(queries), "", queries == 1),
        Row(
            "orchestrate of 100: database calls",
            f"<= {DATABASE_CALLS}",
            str(calls),
            "",
            calls <= DATABASE_CALLS,
        ),
        at_most(f"orchestrate of 100 ({tasks} tasks) to the same bare client calls", 1.3, measured, bare),
    ]


@contextmanager
def bare_calls(lab: Laboratory) -> Iterator[Callable[[int], float]]:
    """Repeats the calls of the run before with the bare clients."""
    store = StoreSettings.from_environment(lab.environment)
    key = store.key.get_secret_value()
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    reader = lab.source()
    client = reader._connected()  # noqa: SLF001 - the same client, without what we put around it
    tasks_client = bare_tasks_client(lab.address)
    pool = ThreadPoolExecutor(64)
    with httpx.Client(base_url=f"{store.url}/rest/v1", headers=headers, timeout=60) as session:
        rest = SyncPostgrestClient(f"{store.url}/rest/v1", headers=headers, http_client=session)

        def create(name: str) -> None:
            request = HttpRequest(
                http_method=HttpMethod.POST,
                url=lab.address.target_url,
                headers={"Content-Type": "application/json"},
                body=json.dumps({"automation_task_id": name}).encode(),
            )
            task = Task(name=f"{lab.address.path}/tasks/{name}", http_request=request)
            tasks_client.create_task(parent=lab.address.path, task=task)

        def floor(turn: int) -> float:
            calls, tasks = list(lab.rpc.calls), len(lab.queue.tasks)
            lab.forget()
            names = [uuid.uuid4().hex for _ in range(tasks)]
            begun = time.perf_counter()
            _read_page(client, lab)
            for function, arguments in calls:
                rest.rpc(function, _renamed(arguments, f"bare-{turn}")).execute()
            list(pool.map(create, names))
            return time.perf_counter() - begun

        yield floor
    pool.shutdown()
    tasks_client.transport.close()  # type: ignore[no-untyped-call]  # the client library leaves it so
    reader.close()


def _renamed(arguments: dict[str, Any], batch: str) -> dict[str, Any]:
    return arguments | {"p_batch_id": batch} if "p_batch_id" in arguments else arguments


def _read_page(client: bigquery.Client, lab: Laboratory) -> None:
    given: dict[str, tuple[str, Any]] = {
        **dict.fromkeys(("after_pn", "after_hash", "after_turn_hash"), ("STRING", None)),
        **dict.fromkeys(("fresh_taken", "again_taken"), ("INT64", 0)),
        "after_turn": ("TIMESTAMP", None),
        "now": ("TIMESTAMP", datetime.now(UTC)),
        "threshold": ("FLOAT64", 0.0),
        "after_score": ("FLOAT64", None),
        "share": ("FLOAT64", 0.2),
        "row_limit": ("INT64", FIRST_WINDOW),
    }
    parameters = [bigquery.ScalarQueryParameter(name, *value) for name, value in given.items()]
    query = ROWS_SQL.format(table=lab.table, known=KNOWN.format(ledger=lab.ledger))
    job = client.query(query, job_config=bigquery.QueryJobConfig(query_parameters=parameters))
    next(iter(job.result(page_size=FEW).pages))


def measure_many(lab: Laboratory) -> list[Row]:
    """Cost per record, and memory: the peak of the process grows by what the larger run needed beyond the small one."""
    table = copies(lab, "many", 4)
    source = lab.source(table)
    orchestrator = lab.orchestrator(source)

    def run(limit: int, turn: int) -> float:
        lab.forget()
        begun = time.perf_counter()
        report = orchestrator.run(request(f"run-{limit}-{turn}", limit))
        taken = time.perf_counter() - begun
        assert report.tally is not None
        assert report.tally.opened == limit, report
        return taken / limit

    with paused_queue(lab):
        few = median([run(FEW, turn) for turn in range(ROUNDS)][1:])
        before = peak_megabytes()
        many = median(run(MANY, turn) for turn in range(3))
        grown = peak_megabytes() - before
    source.close()
    return [
        at_most("orchestrate of 10,000: cost per record to that of 100", 1.2, many * 1000, few * 1000),
        Row(
            "orchestrate of 10,000: memory",
            f"<= +{MEMORY_BUDGET} MB",
            f"+{grown:.0f} MB",
            "peak",
            grown <= MEMORY_BUDGET,
        ),
    ]


def measure_history(lab: Laboratory) -> list[Row]:
    """A run that has to step over what was finished before, beside a first run on the same rows."""
    table = copies(lab, "history", PARTS // 5000)
    fresh, worn = lab.source(table, f"{table}_first_ledger"), lab.source(table, f"{table}_ledger")
    fresh.remember([noted("nothing")])
    worn.remember([noted("nothing")])
    remember_best(lab, table, f"{table}_ledger")

    def timed(source: BigQuerySource, name: str) -> Callable[[int], float]:
        def run(turn: int) -> float:
            lab.forget()
            begun = time.perf_counter()
            lab.orchestrator(source).run(request(f"{name}-{turn}", FEW))
            return time.perf_counter() - begun

        return run

    with paused_queue(lab):
        later, first = alternately(3, timed(worn, "later"), timed(fresh, "first"))
    fresh.close()
    worn.close()
    what = f"orchestrate of 100 with {HISTORY:,} of {PARTS:,} rows finished, to a first run"
    return [at_most(what, 2, later, first)]


def copies(lab: Laboratory, name: str, times: int) -> str:
    """The real parts so often, each time with part numbers of their own."""
    table = f"{lab.table}_{name}"
    reader = lab.source()
    client = reader._connected()  # noqa: SLF001 - the laboratory's own tables
    client.create_table(bigquery.Table(table, schema=intake_schema()))
    client.query(
        f"""INSERT INTO `{table}` (pn, manufacturer, category, description, specs, docs, images, priority_score)
        SELECT CONCAT(p.pn, '-', CAST(n AS STRING)), p.manufacturer, p.category, p.description, p.specs, p.docs,
        p.images, p.priority_score
        FROM `{lab.table}` AS p, UNNEST(GENERATE_ARRAY(1, {times})) AS n"""
    ).result()
    reader.close()
    return table


def remember_best(lab: Laboratory, table: str, ledger: str) -> None:
    """Makes the first rows, in order, look finished."""
    source = lab.source(table, ledger)
    hashes: list[str] = []
    for page in source.pages(threshold=0, page_size=10_000, share=DayShare(datetime.now(UTC), 0)):
        hashes += [row.content_hash for row in page]
        if len(hashes) >= HISTORY:
            break
    source.remember([noted(content_hash) for content_hash in hashes[:HISTORY]])
    source.close()


def noted(content_hash: str) -> NotedRow:
    now = datetime.now(UTC)
    return NotedRow(content_hash, content_hash, True, now + timedelta(days=30), now)


def peak_megabytes() -> float:
    """This process's peak memory; the system reports kilobytes on Linux and bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEGABYTE if sys.platform == "darwin" else peak * 1024 / MEGABYTE
