"""The desk's pages with a backlog behind them: time at the server, database calls, and the bytes of a first load."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg
from flask.testing import FlaskClient
from functions_framework import create_app

from infra.bench.laboratory import Laboratory
from infra.bench.table import Row
from infra.local.settings import ROOT
from shared.cloud.supabase import SupabaseRpc

HISTORY = ("enrichment_history.sql", "inbox_backlog.sql", "fulfillment_history.sql")
"""The schema's own tests: 10,000 open and 100,000 finished manual tasks, 52,000 orders, 2,000 of them open."""

ROUNDS = 20
MOST_MS, MOST_CALLS, MOST_BYTES = 50, 3, 120_000
ASSET = re.compile(r'(?:href|src)="(/assets/[^"]+)"')


def measure(lab: Laboratory) -> list[Row]:
    with psycopg.connect(lab.stack.url("postgres"), autocommit=True) as connection:
        for script in HISTORY:
            connection.execute((ROOT / "tests" / "contract" / script).read_bytes())
        for roll_up in ("roll_up_days", "roll_up_postage"):  # as the sweep does, until nothing is left
            connection.execute(f"select {roll_up}(600)".encode())
        connection.execute(
            "update orders set first_seen_at = now() where order_id in"
            " (select order_id from orders where state = 'accepted' order by order_id limit 140)"  # a day's
        )
        connection.execute("vacuum analyze")
        (task,) = _one(
            connection, "select id from manual_tasks where state = 'initialized' order by id limit 1"
        )
        (order,) = _one(
            connection, "select order_id from orders where state = 'accepted' order by order_id limit 1"
        )
    pages = {
        "now": "/",
        "inbox": "/tasks",
        "inbox, searched": "/tasks?search=P99&sort=part",
        "inbox, what is done": "/tasks?view=done",
        "task": f"/tasks/{task}",
        "jobs": "/jobs",
        "orders": "/orders",
        "order": f"/orders/{order}",
        "messages": "/messages",
        "insight": "/insight",
        "insight, a year": "/insight?series=manufacturers&first=2025-03-02&last=2026-03-01",
        "people": "/people",
    }
    with _desk(lab.environment) as (browser, calls):
        return [row for name, path in pages.items() for row in _rows(browser, calls, name, path)]


def _rows(browser: FlaskClient, calls: list[str], name: str, path: str) -> Iterator[Row]:
    taken: list[float] = []
    answer = browser.get(path)  # the first one compiles the template
    for _ in range(ROUNDS):
        calls.clear()
        begun = time.perf_counter()
        answer = browser.get(path)
        taken.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
    p95, middle = sorted(taken)[int(0.95 * ROUNDS)], sorted(taken)[ROUNDS // 2]
    sizes = {asset: len(browser.get(asset).data) for asset in set(ASSET.findall(answer.text))}
    size = len(answer.data) + sum(sizes.values())
    yield Row(
        f"desk, {name}: p95 at the server",
        f"<= {MOST_MS} ms",
        f"{p95:.0f} ms",
        f"median {middle:.0f} ms",
        p95 <= MOST_MS,
    )
    yield Row(
        f"desk, {name}: database calls, first load",
        f"<= {MOST_CALLS}, {MOST_BYTES // 1000} kB",
        f"{len(calls)}, {size / 1000:.0f} kB",
        f"page {len(answer.data) / 1000:.1f} kB, not compressed: {', '.join(calls)}",
        len(calls) <= MOST_CALLS and size <= MOST_BYTES,
    )


@contextmanager
def _desk(environment: Mapping[str, str]) -> Iterator[tuple[FlaskClient, list[str]]]:
    """The function as it is deployed, in this process, and the database calls that it makes."""
    calls: list[str] = []
    original = SupabaseRpc.call

    def counted(rpc: SupabaseRpc, function: str, arguments: Mapping[str, object]) -> object:
        calls.append(function)
        return original(rpc, function, arguments)

    source = Path(ROOT / "functions" / "desk.py")
    with (
        patch.dict("os.environ", {**environment, "LOG_LEVEL": "ERROR"}),
        patch.object(SupabaseRpc, "call", counted),
    ):
        yield create_app("desk", str(source)).test_client(), calls  # type: ignore[no-untyped-call]  # it has no types


def _one(connection: psycopg.Connection, query: str) -> tuple[object, ...]:
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise RuntimeError(f"the history has no row for {query}")
    return row
