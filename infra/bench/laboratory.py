"""A separate laptop cloud to measure on, and enrichment's parts in this process with their calls counted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from google.cloud import bigquery
from google.cloud.tasks_v2 import CloudTasksClient

from infra.local.local_stack import LocalStack
from shared import settings
from shared.clock import system_clock
from shared.cloud.bigquery import BigQuerySource
from shared.cloud.record_desk import StoreTimes
from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.supabase import SupabaseRpc
from shared.cloud.tasks import CloudTasksQueue, QueueAddress
from shared.enrichment.orchestrate import OrchestrateRequest, Orchestrator, Reprocessing
from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.enrichment.routing.policy_file import load_policy
from shared.workflow_config import WorkflowConfig

TIMES = StoreTimes(lease=120, grace=3600, patience=3600, claim=3600, due_high=1, due_medium=1, due_low=1)


class CountingRpc(SupabaseRpc):
    calls: list[tuple[str, dict[str, Any]]]

    def call(self, function: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        self.calls.append((function, dict(arguments)))
        return super().call(function, arguments)


@dataclass
class CountingQueue:
    queue: CloudTasksQueue
    tasks: list[QueueTask] = field(default_factory=list)

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        self.tasks += tasks
        return self.queue.enqueue(tasks)

    def held(self, names: Sequence[str]) -> Mapping[str, bool]:
        return self.queue.held(names)

    def check(self) -> None:
        self.queue.check()


@dataclass
class Laboratory:
    stack: LocalStack
    rpc: CountingRpc
    queue: CountingQueue
    address: QueueAddress
    table: str
    ledger: str
    queries: list[str]

    @property
    def environment(self) -> Mapping[str, str]:
        return self.stack.environment

    def source(self, table: str | None = None, ledger: str | None = None) -> BigQuerySource:
        group = settings.SourceSettings.from_environment(self.environment)
        return BigQuerySource(
            table or self.table,
            project=group.project,
            ledger_table=ledger or self.ledger,
            api_endpoint=group.api_endpoint,
        )

    def orchestrator(self, source: BigQuerySource) -> Orchestrator:
        return Orchestrator(
            source=source,
            store=SupabaseRecordStore(self.rpc, TIMES, max_attempts=3),
            queue=self.queue,
            config=WorkflowConfig(max_daily_tasks=1_000_000),
            clock=system_clock,
            reprocessing=Reprocessing(),
        )

    def forget(self) -> None:
        """Empties the store, so that every run is a first run."""
        with psycopg.connect(self.stack.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "set session_replication_role = replica"
            )  # otherwise a trigger forbids emptying the audit tables
            connection.execute("truncate batches, records, manufacturers, task_events, daily_usage cascade")
        self.rpc.calls.clear()
        self.queue.tasks.clear()
        self.queries.clear()


def request(name: str, limit: int) -> OrchestrateRequest:
    return OrchestrateRequest(name, "manual", limit, 0.0, load_policy())


@contextmanager
def laboratory(folder: Path, environment: Mapping[str, str]) -> Iterator[Laboratory]:
    stack = LocalStack(folder / "stack", environment=environment)
    queries: list[str] = []
    original = bigquery.Client.query

    def counted(client: bigquery.Client, query: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        queries.append(query)
        return original(client, query, *arguments, **options)

    with patch.object(bigquery.Client, "query", counted):
        try:
            stack.start()
            store = settings.StoreSettings.from_environment(stack.environment)
            group = settings.QueueSettings.from_environment(stack.environment)
            address = QueueAddress(
                project=group.project,
                location=group.location,
                queue=group.automation_queue,
                target_url=group.automate_url,
                api_endpoint=group.api_endpoint,
            )
            rpc = CountingRpc(store.url, store.key.get_secret_value(), timeout=60)
            rpc.calls = []
            queue = CountingQueue(CloudTasksQueue(address))
            source = settings.SourceSettings.from_environment(stack.environment)
            ledger = source.ledger_table or f"{source.table}_finished"
            yield Laboratory(stack, rpc, queue, address, source.table, ledger, queries)
            queue.queue.close()
            rpc.close()
        finally:
            stack.purge()


def bare_tasks_client(address: QueueAddress) -> CloudTasksClient:
    import grpc  # noqa: PLC0415 - only this floor needs it
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport  # noqa: PLC0415

    channel = grpc.insecure_channel(address.api_endpoint or "")
    return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
