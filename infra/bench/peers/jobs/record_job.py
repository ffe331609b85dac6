"""The part that all peers share: the decision, the rows, the vendor call. Only how work is queued and kept differs."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx


DSN = os.environ["BENCH_DSN"]
REDIS = os.environ.get("BENCH_REDIS", "")
VENDOR = os.environ["BENCH_VENDOR"]
CONCURRENCY = int(os.environ.get("BENCH_IN_FLIGHT", "5"))
LEASE = int(os.environ.get("BENCH_LEASE", "15"))
CHUNK = 100
TRIES = 3
FIRST_BACKOFF = 0.2

SCHEMA = """
create table tasks (
    id uuid primary key, batch text not null, record_key text not null, pn text not null, manufacturer text,
    source jsonb not null, decision jsonb not null, route text not null, priority text not null,
    state text not null default 'initialized' check (state in ('initialized', 'processing', 'completed', 'failed')),
    attempts integer not null default 0, error text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(), finished_at timestamptz
);
create unique index one_open_task_per_record on tasks (record_key) where state not in ('completed', 'failed');
create index tasks_by_batch on tasks (batch, state);
create table task_events (
    id bigint generated always as identity primary key, task_id uuid not null, from_state text, to_state text not null,
    detail jsonb not null default '{}', at timestamptz not null default clock_timestamp()
);
create index task_events_by_task on task_events (task_id, id);
create table products (
    id uuid primary key default gen_random_uuid(), record_key text not null unique, task_id uuid not null,
    pn text not null, manufacturer text, category text, description text, vendor text, vendor_pn text, url text,
    unit_price numeric, currency text, status text, answer jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create table product_attributes (
    product_id uuid not null references products (id) on delete cascade, name text not null, value text not null,
    vendor_id text, primary key (product_id, name)
);
create table document_media (
    product_id uuid not null references products (id) on delete cascade, kind text not null, url text not null,
    primary key (product_id, kind, url)
);
"""

OPEN_TASK = """insert into tasks (id, batch, record_key, pn, manufacturer, source, decision, route, priority)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing"""
OPEN_EVENT = "insert into task_events (task_id, to_state) values (%s, 'initialized')"
CLAIM = """with t as (
    update tasks set state = 'processing', attempts = attempts + 1, updated_at = clock_timestamp()
    where id = %s and state in ('initialized', 'processing') returning id, pn, manufacturer, record_key, attempts
), e as (
    insert into task_events (task_id, from_state, to_state, detail)
    select id, case attempts when 1 then 'initialized' else 'processing' end, 'processing',
        jsonb_build_object('attempts', attempts)
    from t
) select pn, manufacturer, record_key, attempts from t"""
PRODUCT = """insert into products (record_key, task_id, pn, manufacturer, category, description, vendor, vendor_pn, url,
    unit_price, currency, status, answer)
values (%s, %s, %s, %s, %s, %s, 'digikey', %s, %s, %s, %s, %s, %s) on conflict (record_key) do nothing returning id"""
ATTRIBUTE = "insert into product_attributes (product_id, name, value, vendor_id) values (%s, %s, %s, %s)"
MEDIUM = "insert into document_media (product_id, kind, url) values (%s, %s, %s)"
COMPLETE = """update tasks set state = 'completed', finished_at = clock_timestamp(), updated_at = clock_timestamp()
where id = %s"""
COMPLETED = "insert into task_events (task_id, from_state, to_state) values (%s, 'processing', 'completed')"
FAIL = """with t as (
    update tasks set state = 'failed', error = %s, finished_at = clock_timestamp(), updated_at = clock_timestamp()
    where id = %s and state = 'processing' returning id
) insert into task_events (task_id, from_state, to_state) select id, 'processing', 'failed' from t"""


class VendorUnavailable(Exception):
    pass


# --- taking in


def chunks(file: str, batch: str) -> Iterator[list[tuple]]:
    """Rows for OPEN_TASK, in chunks, each decided by Switchyard's own rules."""
    from shared.enrichment.routing.decision import decide
    from shared.enrichment.routing.features import History
    from shared.enrichment.routing.policy_file import load_policy
    from shared.enrichment.routing.record import read_record
    from shared.workflow_config import WorkflowConfig

    policy, config = load_policy(), WorkflowConfig()
    rows = []
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        record = read_record(json.loads(line))
        decision = decide(record, History(), policy, config, "automation")
        rows.append(
            (
                str(uuid.uuid4()),
                batch,
                record.key,
                record.pn,
                record.manufacturer,
                json.dumps(record.to_json()),
                json.dumps(decision.to_json()),
                str(decision.route),
                str(decision.priority),
            )
        )
        if len(rows) == CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows


def open_chunk(cursor, rows: list[tuple]) -> list[str]:
    ids = [row[0] for row in rows]
    cursor.executemany(OPEN_TASK, rows)
    cursor.executemany(OPEN_EVENT, [(each,) for each in ids])
    return ids


async def open_chunk_async(cursor, rows: list[tuple]) -> list[str]:
    ids = [row[0] for row in rows]
    await cursor.executemany(OPEN_TASK, rows)
    await cursor.executemany(OPEN_EVENT, [(each,) for each in ids])
    return ids


# --- the vendor


def _path(pn: str) -> str:
    from urllib.parse import quote

    return f"{VENDOR}/products/v4/search/{quote(pn, safe='')}/productdetails"


HEADERS = {
    "Authorization": "Bearer bench-token",
    "X-DIGIKEY-Client-Id": "local-client",
    "X-DIGIKEY-Locale-Site": "CA",
    "X-DIGIKEY-Locale-Language": "en",
    "X-DIGIKEY-Locale-Currency": "CAD",
}


def _checked(response: httpx.Response) -> dict:
    if response.status_code >= 500 or response.status_code == 429:
        raise VendorUnavailable(f"the vendor answered {response.status_code}")
    response.raise_for_status()
    return response.json()


def client() -> httpx.Client:
    return httpx.Client(headers=HEADERS, timeout=15, trust_env=False)


def async_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=HEADERS, timeout=15, trust_env=False)


def look_up(http: httpx.Client, pn: str) -> dict:
    try:
        return _checked(http.get(_path(pn)))
    except httpx.TransportError as error:
        raise VendorUnavailable(type(error).__name__) from error


async def look_up_async(http: httpx.AsyncClient, pn: str) -> dict:
    try:
        return _checked(await http.get(_path(pn)))
    except httpx.TransportError as error:
        raise VendorUnavailable(type(error).__name__) from error


# --- the product


def _leaf(category: dict | None) -> str | None:
    name = None
    while category:
        name = category.get("Name") or name
        category = next(iter(category.get("ChildCategories") or ()), None)
    return name


def mapped(answer: dict, record_key: str, task_id: str, pn: str, manufacturer: str | None):
    part = answer["Product"]
    if part["ManufacturerProductNumber"].casefold() != pn.casefold():
        raise ValueError("another part")
    variation = min(part["ProductVariations"], key=lambda each: each["MinimumOrderQuantity"])
    product = (
        record_key,
        task_id,
        part["ManufacturerProductNumber"],
        part["Manufacturer"]["Name"] or manufacturer,
        _leaf(part.get("Category")),
        part["Description"]["ProductDescription"],
        variation["DigiKeyProductNumber"],
        part["ProductUrl"],
        part["UnitPrice"],
        answer["SearchLocaleUsed"]["Currency"],
        part["ProductStatus"]["Status"],
        json.dumps(answer),
    )
    attributes = [
        (each["ParameterText"], each["ValueText"], str(each["ParameterId"])) for each in part["Parameters"]
    ]
    media = [
        (kind, part[field])
        for kind, field in (
            ("datasheet", "DatasheetUrl"),
            ("photo", "PhotoUrl"),
            ("video", "PrimaryVideoUrl"),
        )
        if part.get(field)
    ]
    return product, attributes, media


def store(cursor, task_id: str, record_key: str, pn: str, manufacturer: str | None, answer: dict) -> None:
    """Within the caller's transaction."""
    product, attributes, media = mapped(answer, record_key, task_id, pn, manufacturer)
    cursor.execute(PRODUCT, product)
    made = cursor.fetchone()
    if made is not None:
        cursor.executemany(ATTRIBUTE, [(made[0], *each) for each in attributes])
        cursor.executemany(MEDIUM, [(made[0], *each) for each in media])
    cursor.execute(COMPLETE, (task_id,))
    cursor.execute(COMPLETED, (task_id,))


async def store_async(
    cursor, task_id: str, record_key: str, pn: str, manufacturer: str | None, answer: dict
) -> None:
    product, attributes, media = mapped(answer, record_key, task_id, pn, manufacturer)
    await cursor.execute(PRODUCT, product)
    made = await cursor.fetchone()
    if made is not None:
        await cursor.executemany(ATTRIBUTE, [(made[0], *each) for each in attributes])
        await cursor.executemany(MEDIUM, [(made[0], *each) for each in media])
    await cursor.execute(COMPLETE, (task_id,))
    await cursor.execute(COMPLETED, (task_id,))


# --- the enqueuer's conversation with the harness


def orders() -> Iterator[dict]:
    print("ready", flush=True)
    for line in sys.stdin:
        yield json.loads(line)
        print("done", flush=True)


def command(setup: Callable, worker: Callable | None, enqueue: Callable) -> None:
    {"setup": setup, "worker": worker, "enqueue": enqueue}[sys.argv[1]]()
