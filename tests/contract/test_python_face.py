import asyncio
import importlib
import inspect
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import shared.workflow as face
from shared.cloud.record_desk import StoreTimes
from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.ports import EnqueueFailure, QueueTask
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.route import Route, TaskPriority
from shared.errors import InvalidRequest, NotFound, SettingsInvalid
from shared.web.enrichment import inbox
from shared.wiring import common
from shared.wiring import enrichment as wiring
from shared.workflow import WorkflowConfig, WorkflowOrchestrator
from tests.memory.record_source import InMemoryRecordSource
from tests.memory.task_queue import InMemoryTaskQueue
from tests.rest_support import Rest

ROWS = [
    {"pn": f"PN-{number}", "manufacturer": "TI", "priority_score": {"score": 0.5 + number / 20}}
    for number in range(10)
]
TIMES = StoreTimes(lease=60, grace=60, patience=60, claim=60, due_high=60, due_medium=60, due_low=60)


@pytest.fixture
def store(rest_server: Rest) -> Iterator[SupabaseRecordStore]:
    rpc = SupabaseRpc(rest_server.url, rest_server.service_key, timeout=20)
    yield SupabaseRecordStore(rpc, TIMES, max_attempts=3)
    rpc.close()


@pytest.fixture
def queue() -> InMemoryTaskQueue:
    return InMemoryTaskQueue()


@pytest.fixture
def workflow(store: SupabaseRecordStore, queue: InMemoryTaskQueue) -> WorkflowOrchestrator:
    return WorkflowOrchestrator(source=InMemoryRecordSource(ROWS), store=store, queue=queue)


def test_every_call_sees_a_run(workflow: WorkflowOrchestrator, queue: InMemoryTaskQueue) -> None:
    async def everything() -> tuple[dict[str, Any], ...]:
        automated = await workflow.run(3, batch_id="b1")
        manual = await workflow.run(2, force="manual")
        status, reconciled, today, waiting = await asyncio.gather(
            workflow.status("b1"),
            workflow.reconcile(manual["batch_id"]),
            workflow.reconcile(),
            workflow.pending_manual_tasks(1, "medium"),
        )
        return automated, manual, status, reconciled, today, {"tasks": waiting}

    automated, manual, status, reconciled, today, waiting = asyncio.run(everything())

    assert (automated["started"], automated["automation"], manual["manual"]) == (True, 3, 2)
    assert len(queue.tasks) == 3
    assert status["automation"] == {"initialized": 3}
    assert (reconciled["with_a_person"], reconciled["balanced"]) == (2, True)
    assert (today["taken"], today["balanced"]) == (5, True)
    assert [task["batch_id"] for task in waiting["tasks"]] == [manual["batch_id"]]


def test_the_same_batch_twice_starts_nothing(workflow: WorkflowOrchestrator) -> None:
    first = asyncio.run(workflow.run(1, batch_id="b1"))
    second = asyncio.run(workflow.run(1, batch_id="b1"))

    assert first["started"]
    assert not second["started"]
    assert second["status"]["taken"] == 1


def test_a_dry_run_explains_and_changes_nothing(
    workflow: WorkflowOrchestrator, queue: InMemoryTaskQueue
) -> None:
    answer = asyncio.run(workflow.run(4, dry_run=True, force=Route.MANUAL, policy=load_policy("score")))

    assert [(each["pn"], each["rule"], each["policy"]) for each in answer["decisions"]] == [
        (f"PN-{number}", "forced", "score") for number in (9, 8, 7, 6)
    ]
    assert queue.tasks == {}
    assert asyncio.run(workflow.reconcile(day=datetime.now(UTC).date()))["taken"] == 0


def test_the_least_score_is_the_configurations_unless_the_call_names_one(
    store: SupabaseRecordStore, queue: InMemoryTaskQueue
) -> None:
    config = WorkflowConfig(manual_priority_threshold=0.9)
    workflow = WorkflowOrchestrator(
        config,
        source=InMemoryRecordSource(ROWS),
        store=store,
        queue=queue,
        clock=lambda: datetime.now(UTC),
        reprocess_after=timedelta(0),
    )

    strict = asyncio.run(workflow.run(10, dry_run=True))
    loose = asyncio.run(workflow.run(10, dry_run=True, priority_threshold=0.5))

    assert len(strict["decisions"]) == 2
    assert len(loose["decisions"]) == 10


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 100_001}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"limit": True}, "limit"),
        ({"priority_threshold": 1.5}, "priority_threshold"),
        ({"priority_threshold": float("nan")}, "priority_threshold"),
        ({"force": "nobody"}, "force"),
        ({"batch_id": "a b"}, "batch_id"),
        ({"policy": "unknown"}, "policy"),
    ],
)
def test_a_wrong_request_is_refused_by_field(
    workflow: WorkflowOrchestrator, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        asyncio.run(workflow.run(**arguments))

    assert [error.field for error in refusal.value.fields] == [field]


def test_wrong_arguments_are_refused(workflow: WorkflowOrchestrator) -> None:
    with pytest.raises(InvalidRequest):
        asyncio.run(workflow.pending_manual_tasks(1001))
    with pytest.raises(InvalidRequest):
        asyncio.run(workflow.pending_manual_tasks(1, "urgent"))
    with pytest.raises(InvalidRequest):
        asyncio.run(workflow.reconcile("b1", datetime.now(UTC).date()))
    with pytest.raises(NotFound):
        asyncio.run(workflow.status("nobody"))


class HeldQueue(InMemoryTaskQueue):
    """Holds tasks back until the test lets them into the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def enqueue(self, tasks: Sequence[QueueTask]) -> Sequence[EnqueueFailure]:
        self.reached.set()
        assert self.let_go.wait(60)
        return super().enqueue(tasks)


def test_a_cancelled_run_returns_at_once_and_goes_on_to_its_end(store: SupabaseRecordStore) -> None:
    queue = HeldQueue()
    workflow = WorkflowOrchestrator(source=InMemoryRecordSource(ROWS), store=store, queue=queue)

    async def cancelled() -> None:
        run = asyncio.create_task(workflow.run(2, batch_id="b1"))
        await asyncio.to_thread(queue.reached.wait, 60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert queue.tasks == {}
        queue.let_go.set()

    asyncio.run(cancelled())  # its end waits for the threads

    status = asyncio.run(workflow.status("b1"))
    assert status["closed_at"]
    assert len(queue.tasks) == 2


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch, rest_server: Rest) -> Iterator[None]:
    """The environment of a deployed function, with the real database and no server at the other addresses."""
    for name, value in {
        "SUPABASE_URL": rest_server.url,
        "SUPABASE_SERVICE_ROLE_KEY": rest_server.service_key,
        "GOOGLE_CLOUD_PROJECT": "p",
        "BIGQUERY_TABLE": "p.d.t",
        "BIGQUERY_API_ENDPOINT": "http://127.0.0.1:1",
        "TASKS_LOCATION": "us-central1",
        "TASKS_API_ENDPOINT": "127.0.0.1:1",
        "SCHEDULER_LOCATION": "us-central1",
        "SCHEDULER_API_ENDPOINT": "127.0.0.1:1",
        "AUTOMATE_URL": "http://127.0.0.1:1",
        "FALLBACK_URL": "http://127.0.0.1:1",
        "WORKFLOW_MANUAL_PRIORITY_THRESHOLD": "0.9",
    }.items():
        monkeypatch.setenv(name, value)
    parts = (common.database, wiring.record_store, wiring.automation_queue, wiring.orchestrator)
    for part in parts:
        part.forget()
    yield
    common.database().close()
    for part in parts:
        part.forget()


@pytest.mark.usefixtures("wired")
def test_without_parts_the_environment_decides(queue: InMemoryTaskQueue) -> None:
    async def asked() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        with pytest.raises(NotFound):
            await face.get_workflow_status("nobody")
        waiting = await face.get_pending_manual_tasks(5, TaskPriority.HIGH)
        workflow = WorkflowOrchestrator(source=InMemoryRecordSource(ROWS), queue=queue)
        return waiting, await workflow.run(10)

    waiting, report = asyncio.run(asked())

    assert waiting == []
    assert report["opened"] == 2


@pytest.mark.usefixtures("wired")
def test_a_given_configuration_replaces_the_environments(queue: InMemoryTaskQueue) -> None:
    config = WorkflowConfig(manual_priority_threshold=0.7)
    workflow = WorkflowOrchestrator(config, source=InMemoryRecordSource(ROWS), queue=queue)

    assert asyncio.run(workflow.run(10))["opened"] == 6


@pytest.mark.usefixtures("wired")
def test_run_workflow_checks_its_arguments_before_it_builds_anything() -> None:
    with pytest.raises(InvalidRequest):
        asyncio.run(face.run_workflow(0, config=WorkflowConfig()))


@pytest.mark.usefixtures("wired")
def test_arguments_have_the_bounds_of_the_deployed_functions() -> None:
    functions = importlib.import_module("functions.orchestrate")  # needs the environment's settings to load

    def bounds(model: type[BaseModel], field: str) -> list[object]:
        described = model.model_json_schema()["properties"][field]
        kinds = described.get("anyOf", [described])
        return [
            {key: value for key, value in kind.items() if key not in ("default", "title")} for kind in kinds
        ]

    for field in ("limit", "priority_threshold", "batch_id"):
        assert bounds(face.RunArguments, field) == bounds(functions.OrchestrateBody, field)
    assert bounds(face.PendingArguments, "limit") == bounds(inbox.ListRequest, "limit")


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SUPABASE_URL", raising=False)
    monkeypatch.setenv("LOCAL_STATE_DIR", str(tmp_path))  # no stack runs there
    wiring.record_store.forget()

    with pytest.raises(SettingsInvalid, match="SUPABASE_URL is missing"):
        asyncio.run(face.get_workflow_status("b1"))


def test_the_public_names_are_those_promised() -> None:
    assert sorted(face.__all__) == [
        "WorkflowConfig",
        "WorkflowOrchestrator",
        "get_pending_manual_tasks",
        "get_workflow_status",
        "run_workflow",
    ]
    for name in ("get_pending_manual_tasks", "get_workflow_status", "run_workflow"):
        assert inspect.iscoroutinefunction(getattr(face, name))
