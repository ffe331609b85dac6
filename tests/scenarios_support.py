"""Enrichment on its own laptop cloud, with the actions and the checks of scenario tests."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import psycopg
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from psycopg.rows import dict_row

from infra.local.local_stack import LocalStack
from infra.local.parts import LoadReport, connected, load_intake
from laptop.supabase.postgres import database_url
from tests.waiting import wait_until

LEASE_S = 2
WAITS: Mapping[str, str] = {
    "LOCAL_POSTGRES_FAST": "1",
    "LOCAL_SWEEP": "false",
    "AUTOMATION_LEASE_SECONDS": str(LEASE_S),
    "SWEEP_GRACE_SECONDS": "1",
    "SWEEP_PATIENCE_SECONDS": "2",
    "VENDOR_PAUSE_SECONDS": "0.3",
    "VENDOR_ACCOUNT_PAUSE_SECONDS": "1",
    "SUPABASE_TIMEOUT_SECONDS": "8",
    "TASKS_TIMEOUT_SECONDS": "3",
    "DIGIKEY_TIMEOUT_SECONDS": "10",
    "BIGQUERY_TIMEOUT_SECONDS": "6",
    "WORKFLOW_MAX_DAILY_TASKS": "1000000",
}
"""Minutes in the cloud are seconds here. A held call lasts longer than the test looks at it, a lease hardly."""

LOOK_UPS = "/products/v4/search"
MAKER = "Murata Electronics"
EVERY_PART = (
    "postgres",
    "bigquery",
    "digikey",
    "rest",
    "orchestrate",
    "automate",
    "fallback",
    "workflow",
    "tasks",
)

UNFINISHED = "automation_tasks where batch_id = any (%s) and (finished_at is null or hand_over = 'due')"

Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The place of one record of a batch, by the tables that a user reads."""

    pn: str
    state: str
    products: int
    manual_tasks: int
    cause: str | None
    attempts: int
    deliveries: int
    outages: int


@dataclass
class RunningEnrichment:
    stack: LocalStack
    folder: Path
    http: httpx.Client
    catalogue: Sequence[str]
    ports: Mapping[str, int]
    numbers: Iterator[int] = field(default_factory=itertools.count)
    background: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32))

    # --- records --------------------------------------------------------------------------------------------

    def fresh_parts(self, count: int) -> list[str]:
        """Unused part numbers that the vendor knows."""
        return [self.catalogue[next(self.numbers)] for _ in range(count)]

    def offer(self, rows: Sequence[Mapping[str, object] | str]) -> LoadReport:
        """Replaces the source's rows, with the real loader. A text is written to the file unchanged."""
        path = self.folder / "offer.jsonl"
        path.write_text(
            "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows),
            encoding="utf-8",
        )
        environment = self.stack.environment
        with connected(environment["BIGQUERY_API_ENDPOINT"], environment["GOOGLE_CLOUD_PROJECT"]) as client:
            return load_intake(client, environment["BIGQUERY_TABLE"], path)

    def offer_parts(self, count: int) -> list[str]:
        parts = self.fresh_parts(count)
        self.offer([row(pn) for pn in parts])
        return parts

    def batch(self) -> str:
        """An unused name for a batch."""
        return f"scenario-{next(self.numbers)}"

    # --- calls ----------------------------------------------------------------------------------------------

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def post(self, function: str, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.http.post(self.url(function), json=body, headers=headers)

    def orchestrate(self, batch: str, limit: int = 1000, *, force: str = "automation") -> httpx.Response:
        return self.post(
            "orchestrate", {"batch_id": batch, "limit": limit, "force": force, "priority_threshold": 0}
        )

    def begin(self, batch: str) -> Future[httpx.Response]:
        """Starts `orchestrate`; the caller handles its answer."""
        return self.background.submit(self.orchestrate, batch)

    def started(self, parts: int) -> str:
        """A batch of unused parts that `orchestrate` has taken in."""
        self.offer_parts(parts)
        batch = self.batch()
        report = self.orchestrate(batch).raise_for_status().json()
        assert report["opened"] == parts, report
        return batch

    def take_all(self, batches: list[str]) -> None:
        """Fires as Scheduler does: a failed firing is repeated once, the next is another batch. Names go to `batches`.

        Ends when a run has met the end of the source.
        """

        def taken() -> bool:
            batches.append(self.batch())
            for _ in range(2):
                try:
                    answer = self.orchestrate(batches[-1])
                except httpx.TransportError:
                    continue
                assert answer.status_code in {200, 503}, answer.text
                if answer.is_success:
                    return bool(answer.json().get("source_exhausted"))
            return False

        wait_until(taken)

    def begun(self, batches: Sequence[str]) -> list[str]:
        """The batches that the database knows."""
        return [each["id"] for each in self.rows("select id from batches where id = any (%s)", list(batches))]

    def sweep(self) -> Json | None:
        """One firing of Scheduler; None when the function failed."""
        try:
            answer = self.post("fallback", {"sweep": True})
        except httpx.TransportError:
            return None
        assert answer.status_code in {200, 503}, answer.text
        return cast("Json", answer.json()["swept"]) if answer.is_success else None

    def reconcile(self, batch: str) -> Json:
        answer = self.http.get(f"{self.url('workflow')}/reconcile", params={"batch": batch})
        return cast("Json", answer.raise_for_status().json())

    def drain(self, *batches: str) -> None:
        """Fires the sweep as Scheduler does, until every record has ended and both queues are empty."""

        def drained() -> bool:
            self.sweep()
            return self.count(UNFINISHED, list(batches)) == 0

        wait_until(drained)
        wait_until(lambda: self.depth("automation") == self.depth("dead-letter") == 0)

    # --- faults ---------------------------------------------------------------------------------------------

    def kill(self, *parts: str) -> None:
        for part in parts:
            self.stack.kill(part)

    def restart(self, *parts: str) -> None:
        for part in parts:
            self.stack.restart(part)

    def disturb(self, part: str, *faults: Mapping[str, object], seed: int = 1) -> None:
        """Sets faults: of `rest` and `digikey` as in `laptop/faults.py`, of `tasks` as in its own `faults.py`."""
        order = {"seed": seed, "faults": faults}
        if part == "tasks":
            self.http.post(f"{self.control}/faults", json=order).raise_for_status()
        else:
            self.http.put(f"{self.url(part)}/_control/faults", json=order).raise_for_status()

    def struck(self, part: str) -> int:
        """The number of requests that the part's faults have struck."""
        place = f"{self.control}/faults" if part == "tasks" else f"{self.url(part)}/_control/faults"
        report = self.http.get(place).raise_for_status().json()
        return sum(fault["struck"] for fault in report["faults"])

    def undisturb(self, *parts: str) -> None:
        for part in parts:
            self.disturb(part)

    def breaker(self) -> Json:
        """The breaker of the vendor of parts; empty while it has never failed."""
        answer = self.http.get(f"{self.url('workflow')}/vendors").raise_for_status().json()
        return cast("Json", next(iter(answer["vendors"]), {}))

    def resume_vendor(self) -> Json:
        order = {"by": "ana", "note": "mended"}
        return cast("Json", self.post_to_workflow("/vendors/digikey/resume", order).raise_for_status().json())

    def post_to_workflow(self, path: str, body: object) -> httpx.Response:
        return self.http.post(f"{self.url('workflow')}{path}", json=body)

    def vendor_limits(self, **limits: object) -> Json:
        answer = self.http.put(f"{self.url('digikey')}/_control/limits", json=limits)
        return cast("Json", answer.raise_for_status().json())

    def calm(self) -> None:
        """Starts every part and removes all faults, limits, pauses and remaining work."""
        self.stack.start()
        self.undisturb("rest", "digikey", "tasks")
        self.vendor_limits(burst=1_000_000, daily=1_000_000, reset_day=True)
        self.rows("delete from vendor_breakers returning vendor")
        with self.queues() as (client, path):
            for queue in ("automation", "dead-letter"):
                client.purge_queue(name=path(queue))
                client.resume_queue(name=path(queue))

    @contextmanager
    def deployed(self, *functions: str, **environment: str) -> Iterator[None]:
        """Restarts these functions with other settings."""
        changed = LocalStack(self.folder / "stack", environment={**WAITS, **environment})
        for function in functions:
            changed.restart(function)
        try:
            yield
        finally:
            self.restart(*functions)

    # --- the queue ------------------------------------------------------------------------------------------

    @property
    def control(self) -> str:
        return self.url("tasks-control")

    @contextmanager
    def queues(self) -> Iterator[tuple[CloudTasksClient, Callable[[str], str]]]:
        """The official client, and the full name of a queue."""
        environment = self.stack.environment
        project, location = environment["GOOGLE_CLOUD_PROJECT"], environment["TASKS_LOCATION"]
        with grpc.insecure_channel(environment["TASKS_API_ENDPOINT"]) as channel:
            client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
            yield client, lambda queue: CloudTasksClient.queue_path(project, location, queue)

    def pause(self, queue: str = "automation") -> None:
        with self.queues() as (client, path):
            client.pause_queue(name=path(queue))

    def resume(self, queue: str = "automation") -> None:
        with self.queues() as (client, path):
            client.resume_queue(name=path(queue))

    def queue_state(self, queue: str) -> Json:
        report = self.http.get(f"{self.control}/queues").raise_for_status().json()
        return next(each for each in report["queues"] if each["name"].endswith(f"/{queue}"))

    def depth(self, queue: str = "automation") -> int:
        return int(self.queue_state(queue)["depth"])

    # --- what is there afterwards ---------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[Json]:
        url = database_url(self.ports["postgres"])
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def count(self, query: str, *values: object) -> int:
        return int(self.rows(f"select count(*) as found from {query}", *values)[0]["found"])

    def tasks_in(self, batch: str, state: str) -> int:
        return self.count("automation_tasks where batch_id = %s and state::text = %s", batch, state)

    def places(self, *batches: str) -> list[Place]:
        """The automation records of the batches."""
        found = self.rows(
            """
            select
                t.pn, t.state::text, t.attempts, t.deliveries, t.outages,
                (select count(*) from record_layers as l where l.record_key = t.record_key) as products,
                (select count(*) from manual_tasks as m where m.record_key = t.record_key) as manual_tasks,
                (select max(m.cause::text) from manual_tasks as m where m.automation_task_id = t.id) as cause
            from automation_tasks as t where t.batch_id = any (%s) order by t.pn
            """,
            list(batches),
        )
        return [Place(**each) for each in found]

    def calls(self, pn: str) -> list[Json]:
        """DigiKey's log of one part, in order."""
        books = self.http.get(f"{self.url('digikey')}/_control/books", params={"pn": pn})
        return cast("list[Json]", books.raise_for_status().json()["calls"])

    def looked_up(self) -> Mapping[str, int]:
        """Successful look-ups by part number, from DigiKey's log."""
        books = self.http.get(f"{self.url('digikey')}/_control/books").raise_for_status().json()
        return cast("Mapping[str, int]", books["looked_up"])

    def assert_accounted_for(self, batches: Sequence[str], parts: Sequence[str]) -> list[Place]:
        """Each part entered once and has exactly one end; the vendor was asked no more often than attempts say."""
        equations = [self.reconcile(batch) for batch in batches]
        assert all(equation["balanced"] for equation in equations), equations
        assert sum(equation["taken"] for equation in equations) == len(parts), equations
        places = self.places(*batches)
        assert [place.pn for place in places] == sorted(parts)
        wrong = [place for place in places if not _has_one_end(place)]
        assert not wrong
        self._assert_vendor_was_spared(places)
        return places

    def _assert_vendor_was_spared(self, places: Sequence[Place]) -> None:
        """An attempt was given back only with an outage, and then the call was one of a counted delivery."""
        looked_up = self.looked_up()
        budget = int(self.stack.environment.get("WORKFLOW_AUTOMATION_RETRY_ATTEMPTS", "3"))
        for place in places:
            assert place.attempts <= budget, place
            asked = looked_up.get(place.pn, 0)
            assert asked <= (place.deliveries if place.outages else place.attempts), (place, asked)


def row(pn: str | None, **fields: object) -> Json:
    """A source row that automation takes."""
    return {"pn": pn, "manufacturer": MAKER, "priority_score": {"score": 0.9}} | fields


def _has_one_end(place: Place) -> bool:
    ends = {"completed": (1, 0), "failed": (0, 1)}
    return (place.products, place.manual_tasks) == ends.get(place.state)


@contextmanager
def running_enrichment(
    folder: Path, known_parts: int = 4000, settings: Mapping[str, str] = WAITS, **more: str
) -> Iterator[RunningEnrichment]:
    """`more` are settings beside `settings`."""
    parts = [f"SC{number:05}" for number in range(known_parts)]
    catalogue = folder / "catalogue.jsonl"
    catalogue.write_text(
        "".join(json.dumps({"pn": pn, "manufacturer": MAKER, "category": "Capacitor"}) + "\n" for pn in parts)
    )
    intake = folder / "intake.jsonl"
    intake.write_text(json.dumps(row("FIRST-LOAD")) + "\n")
    stack = LocalStack(folder / "stack", intake=intake, catalogue=catalogue, environment={**settings, **more})
    try:
        stack.start()
        with httpx.Client(trust_env=False, timeout=120, limits=httpx.Limits(keepalive_expiry=1)) as http:
            enrichment = RunningEnrichment(stack, folder, http, parts, stack.state.ports)
            try:
                yield enrichment
            finally:
                enrichment.background.shutdown()
    finally:
        stack.purge()
