"""Enrichment on in-memory ports, for tests without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.enrichment.automate import Delivery, Reply, Worker
from shared.enrichment.orchestrate import OrchestrateRequest, Orchestrator, Reprocessing
from shared.enrichment.ports import JsonObject, LookUp
from shared.enrichment.routing.policy_file import load_policy
from shared.enrichment.routing.route import Route
from shared.enrichment.run_report import Report
from shared.enrichment.store import WorkerStore
from shared.enrichment.sweep import Sweeper, Swept
from shared.workflow_config import WorkflowConfig
from tests.memory.catalogue import InMemoryCatalogue
from tests.memory.clock import SettableClock
from tests.memory.record_source import InMemoryRecordSource
from tests.memory.record_store import InMemoryRecordStore
from tests.memory.rows import Manual, Task
from tests.memory.task_queue import InMemoryTaskQueue

ANSWER = {"category": "Logic"}
NOTHING_SWEPT = {
    "looked_at": 0,
    "not_enqueued": 0,
    "unanswered": 0,
    "out_of_time": 0,
    "handed_over": 0,
    "enqueued": 0,
    "still_queued": 0,
    "renewed": 0,
    "dead_lettered": 0,
    "moved_on": 0,
}


def part(pn: object, score: object = 0.9, **fields: object) -> dict[str, Any]:
    """A row that the policy `flow` sends to automation."""
    return {"pn": pn, "manufacturer": "TI", "priority_score": {"score": score}, **fields}


def parts(count: int) -> list[dict[str, Any]]:
    return [part(f"P{number:03}") for number in range(count)]


def order(
    batch_id: str = "b", *, limit: int = 100, force: Route | None = None, policy: str = "flow"
) -> OrchestrateRequest:
    return OrchestrateRequest(batch_id, "manual", limit, 0.5, load_policy(policy), force)


@dataclass
class Enrichment:
    rows: Sequence[JsonObject] = ()
    config: WorkflowConfig = field(default_factory=WorkflowConfig)
    clock: SettableClock = field(default_factory=SettableClock)
    reprocessing: Reprocessing = field(default_factory=Reprocessing)

    def __post_init__(self) -> None:
        self.source = InMemoryRecordSource(self.rows)
        self.store = InMemoryRecordStore(self.clock, self.config.automation_retry_attempts)
        self.queue = InMemoryTaskQueue()
        self.dead_letters = InMemoryTaskQueue()
        self.catalogue = InMemoryCatalogue({str(row.get("pn")): ANSWER for row in self.rows})

    @property
    def orchestrator(self) -> Orchestrator:
        return Orchestrator(self.source, self.store, self.queue, self.config, self.clock, self.reprocessing)

    def run(self, batch_id: str = "b", **asked: Any) -> Report:  # noqa: ANN401 - as `order` takes them
        return self.orchestrator.run(order(batch_id, **asked))

    def worker(self, store: WorkerStore | None = None) -> Worker:
        return Worker(store or self.store, self.catalogue, self.queue, self.dead_letters, self.config)

    def work(self, task: Task, number: int = 1, *, last: bool = False) -> Reply:
        return self.worker().work(Delivery(task.id, number, last))

    def swept(self, limit: int = 10_000, clock: Clock | None = None) -> Swept:
        """A sweep that has 200 seconds of `clock`, by default of one that stands still."""
        budget = timedelta(seconds=200)
        return Sweeper(self.store, self.queue, self.config, clock or self.clock, budget).sweep(limit)

    def sweep(self, limit: int = 10_000) -> dict[str, int]:
        """A sweep that nothing stops."""
        swept = self.swept(limit)
        assert swept.fault is None
        return swept.to_json()

    def opened(self, *outcomes: LookUp, **fields: object) -> Task:
        """One task that a run has opened and enqueued. The vendor answers with `outcomes`, then with the part."""
        self.source.rows[:] = [part("A", **fields)]
        self.catalogue.parts = {"A": ANSWER}
        self.catalogue.planned = list(outcomes)
        self.run()
        (task,) = self.store.tasks.values()
        return task

    def task_named(self, task_id: object) -> Task:
        return self.store.tasks[UUID(str(task_id))]

    @property
    def manual(self) -> list[Manual]:
        return list(self.store.manual.values())

    @property
    def work_items(self) -> list[Task | Manual]:
        return [*self.store.tasks.values(), *self.store.manual.values()]


def counts_of(report: Report) -> dict[str, Any]:
    assert report.tally is not None
    return report.tally.to_json()


def balanced(report: Report) -> bool:
    counts = counts_of(report)
    return bool(counts["read"] == counts["opened"] + counts["rejected"] + sum(counts["skipped"].values()))
