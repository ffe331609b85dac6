"""One delivery to the deployed worker, compared with the vendor call that it must make."""

import time
from statistics import median
from uuid import UUID

import httpx

from infra.bench.laboratory import TIMES, Laboratory, request
from infra.bench.orchestrating import paused_queue
from infra.bench.table import Row
from shared import settings
from shared.cloud.record_store import SupabaseRecordStore
from shared.enrichment.automate import Delivery, Worker
from shared.enrichment.ports import JsonObject, LookUp, Product, Refused
from shared.vendors.digikey.account import DigiKeyCredentials
from shared.vendors.digikey.client import DigiKeyCatalogue
from shared.workflow_config import WorkflowConfig

RECORDS = 120
BUDGET_MS = 15
DATABASE_CALLS = 2


class TimedCatalogue:
    def __init__(self, catalogue: DigiKeyCatalogue) -> None:
        self._catalogue = catalogue
        self.vendor = catalogue.vendor
        self.taken: list[float] = []

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        begun = time.perf_counter()
        outcome = self._catalogue.look_up(pn, manufacturer)
        self.taken.append(time.perf_counter() - begun)
        return outcome

    def read(self, answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
        return self._catalogue.read(answer, pn, manufacturer)


def measure(lab: Laboratory) -> list[Row]:
    lab.forget()
    with paused_queue(lab):
        source = lab.source()
        lab.orchestrator(source).run(request("work", RECORDS * 2))
        source.close()
        ids = [str(task.body["automation_task_id"]) for task in lab.queue.tasks][: RECORDS * 2]
        return [*in_process(lab, ids[:RECORDS]), *over_http(lab, ids[RECORDS:])]


def in_process(lab: Laboratory, ids: list[str]) -> list[Row]:
    """Measures in this process, where calls can be counted."""
    vendor = settings.CatalogueSettings.from_environment(lab.environment)
    catalogue = DigiKeyCatalogue(
        DigiKeyCredentials(vendor.client_id, vendor.client_secret.get_secret_value()),
        base_url=vendor.base_url,
    )
    timed = TimedCatalogue(catalogue)
    store = SupabaseRecordStore(lab.rpc, TIMES, max_attempts=3)
    worker = Worker(store, timed, lab.queue, lab.queue, WorkflowConfig())
    calls, beyond = [], []
    for task in ids:
        lab.rpc.calls.clear()
        looked_up = len(timed.taken)
        begun = time.perf_counter()
        reply = worker.work(Delivery(UUID(task), 1, last=False))
        taken = time.perf_counter() - begun
        if reply.outcome == "completed":
            calls.append((len(lab.rpc.calls), len(timed.taken) - looked_up))
            beyond.append(taken - timed.taken[-1])
    catalogue.close()
    database, vendor_calls = max(each[0] for each in calls), max(each[1] for each in calls)
    own = median(beyond) * 1000
    return [
        Row(
            "worker: database calls a record",
            f"<= {DATABASE_CALLS}",
            str(database),
            "most",
            database <= DATABASE_CALLS,
        ),
        Row("worker: vendor calls a record", "1", str(vendor_calls), "most", vendor_calls == 1),
        Row(
            "worker: beyond the vendor's time, p50",
            f"< {BUDGET_MS} ms",
            f"{own:.1f} ms",
            "in process",
            own < BUDGET_MS,
        ),
    ]


def over_http(lab: Laboratory, ids: list[str]) -> list[Row]:
    taken = []
    with httpx.Client(timeout=60, trust_env=False) as client:
        for task in ids:
            begun = time.perf_counter()
            answer = client.post(lab.stack.url("automate"), json={"automation_task_id": task})
            if answer.json()["outcome"] == "completed":
                taken.append(time.perf_counter() - begun)
    whole = median(taken) * 1000
    return [Row("worker: one delivery over HTTP, vendor included, p50", "", f"{whole:.1f} ms", "", None)]
