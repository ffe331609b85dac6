"""The deployed functions in the test process, on a real database and other services."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from google.cloud import tasks_v2
from psycopg import sql

from shared.enrichment.store import Opened
from shared.settings import GROUPS
from shared.wiring import common, desk, enrichment, fulfillment
from shared.wiring.part import Part
from shared.workflow_config import WorkflowConfig, variable_of
from tests.laptop.google.tasks_support import TasksServer
from tests.ports import free_port
from tests.record_support import begin, free_tasks, item, only
from tests.rest_support import Rest
from tests.web_support import ROOT, served

PROJECT = "switchyard-test"
LOCATION = "here"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
SENDER = (
    '{"company": "Acme", "phone": "514-555-0100", "line_1": "502 Main St N", "city": "Montreal",'
    ' "province": "QC", "postal_code": "H2B1A0"}'
)
FUNCTIONS = ("orchestrate", "automate", "fallback", "workflow")


@dataclass
class Deployment:
    """`environment` may be changed until a function starts."""

    monkeypatch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)

    def function(self, name: str, **changes: str | None) -> FlaskClient:
        """Starts the function again; a change to None removes the variable. Raises SettingsInvalid."""
        end_connections()
        for variable in all_variables():
            self.monkeypatch.delenv(variable, raising=False)
        for variable, value in (self.environment | changes).items():
            if value is not None:
                self.monkeypatch.setenv(variable, value)
        return served(name, ROOT / "functions" / f"{name}.py")


def all_variables() -> set[str]:
    own = {variable for group in GROUPS for variable in group.variables()}
    return own | {variable_of(name) for name in WorkflowConfig.model_fields}


def environment_on(rest: Rest) -> dict[str, str]:
    """No server listens at any address but the database's."""
    nowhere = f"127.0.0.1:{free_port()}"
    return {
        "SUPABASE_URL": rest.url,
        "SUPABASE_SERVICE_ROLE_KEY": rest.service_key,
        "SUPABASE_TIMEOUT_SECONDS": "5",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "BIGQUERY_TABLE": f"{PROJECT}.parts.intake",
        "BIGQUERY_API_ENDPOINT": f"http://{nowhere}",
        "BIGQUERY_TIMEOUT_SECONDS": "2",
        "TASKS_LOCATION": LOCATION,
        "TASKS_API_ENDPOINT": nowhere,
        "TASKS_TIMEOUT_SECONDS": "1",
        "SCHEDULER_LOCATION": LOCATION,
        "SCHEDULER_API_ENDPOINT": nowhere,
        "SCHEDULER_TIMEOUT_SECONDS": "1",
        "AUTOMATE_URL": f"http://{nowhere}/automate",
        "FALLBACK_URL": f"http://{nowhere}/fallback",
        "DIGIKEY_API_BASE": f"http://{nowhere}",
        "DIGIKEY_CLIENT_ID": "id",
        "DIGIKEY_CLIENT_SECRET": "a-secret-of-the-vendor",
        "DIGIKEY_TIMEOUT_SECONDS": "3",
        "CANADA_POST_SENDER": SENDER,
        "DESK_DOOR": "development",
        "DESK_SECRET": "a-secret-of-the-desk-that-is-long-enough",
        "DESK_OPERATORS": "olga",
        "DESK_DEVELOPMENT_PERSON": "olga",
    }


def end_connections() -> None:
    """Closes all parts that were built, and lets them be built again."""
    roots = (common, enrichment, fulfillment, desk)
    for root in roots:
        for part in vars(root).values():
            for built in part.forget() if isinstance(part, Part) else ():
                close = getattr(built, "close", None)
                if callable(close):
                    close()


@contextmanager
def paused_queue(server: TasksServer) -> Iterator[str]:
    """A new queue that keeps its tasks; yields its short name."""
    short = f"q-{uuid4().hex}"
    name = f"{PARENT}/queues/{short}"
    server.client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=name))
    server.client.pause_queue(name=name)
    yield short
    server.client.delete_queue(name=name)


def queued(server: TasksServer, short: str) -> list[dict[str, Any]]:
    """The queue's tasks: name, body, URL, schedule time."""
    tasks = server.client.list_tasks(
        request={"parent": f"{PARENT}/queues/{short}", "response_view": tasks_v2.Task.View.FULL}
    )
    return [
        {
            "name": task.name.rpartition("/")[2],
            "body": task.http_request.body,
            "url": task.http_request.url,
            "due": task.schedule_time,
        }
        for task in tasks
    ]


def opened(pn: str, *, batch: str = "", **changes: str) -> UUID:
    """Opens an automation task and does not enqueue it."""
    store = enrichment.record_store()
    batch = batch or f"batch-of-{pn}"
    begin(store, batch)
    return only(_open(batch, item(pn, **changes))).id


def opened_in(batch: str, pns: Sequence[str]) -> list[UUID]:
    """Opens many automation tasks in one batch and does not enqueue them."""
    begin(enrichment.record_store(), batch)
    return [task.id for task in _open(batch, *map(item, pns)).automation]


def manual(pn: str, **changes: str) -> UUID:
    """Opens a manual task."""
    store = enrichment.record_store()
    begin(store, f"batch-of-{pn}")
    _open(f"batch-of-{pn}", item(pn, route="manual", **changes))
    return next(UUID(task["id"]) for task in free_tasks(store) if task["pn"] == pn)


def _open(batch: str, *records: Mapping[str, Any]) -> Opened:
    return enrichment.record_store().open_tasks(
        batch,
        records,
        [],
        daily_limit=100_000,
        manual_batch_size=50,
        reprocess_after=timedelta(days=30),
    )


def contents(connection: psycopg.Connection) -> dict[str, str]:
    """The hash of every table's content."""
    tables = connection.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
    ).fetchall()
    hashes = sql.SQL(" union all ").join(
        sql.SQL("select {}, md5(string_agg(t::text, ' ' order by t::text)) from {} as t").format(
            sql.Literal(name), sql.Identifier(name)
        )
        for (name,) in tables
    )
    return {name: content or "" for name, content in connection.execute(hashes).fetchall()}
