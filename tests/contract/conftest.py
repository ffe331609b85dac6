from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.bigquery_support import Emulator, running_emulator
from tests.cli_support import CommandLine, FunctionsStandIn, standing_in
from tests.contract import scheduler_support
from tests.contract.scheduler_support import Schedule, SchedulerServer
from tests.contract.tasks_support.process import TasksServer, running
from tests.contract.tasks_support.queue import TestQueue, create_queue
from tests.contract.tasks_support.worker import Worker, working
from tests.digikey_support import Running, row, sandbox, write_catalogue
from tests.functions_support import Deployment, end_connections, environment_on, paused_queue
from tests.postgres_support import Database
from tests.rest_support import Rest
from tests.web_support import Log, logged


@pytest.fixture(scope="session")
def tasks_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    """One for each test process. Its shortest dispatch deadline is lowered so that tests can reach it."""
    data_file = tmp_path_factory.mktemp("tasks") / "tasks.db"
    with running(data_file, "--min-dispatch-deadline", "0.1") as server:
        yield server


@pytest.fixture(scope="session")
def tasks_worker() -> Iterator[Worker]:
    with working() as worker:
        yield worker


@pytest.fixture
def tasks_queue_of(tasks_server: TasksServer, tasks_worker: Worker) -> Callable[..., TestQueue]:
    """Makes a queue with the given fields."""
    return lambda **fields: create_queue(tasks_server, tasks_worker, **fields)


@pytest.fixture
def tasks_queue(tasks_queue_of: Callable[..., TestQueue]) -> TestQueue:
    return tasks_queue_of()


@pytest.fixture(scope="session")
def scheduler_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchedulerServer]:
    """One for each test process. Its shortest attempt deadline is lowered so that tests can reach it."""
    data_file = tmp_path_factory.mktemp("scheduler") / "scheduler.db"
    with scheduler_support.running(data_file, "--min-attempt-deadline", "0.1") as server:
        yield server


@pytest.fixture
def schedule(scheduler_server: SchedulerServer, tasks_worker: Worker) -> Schedule:
    """Without jobs and faults; its clock stands at noon."""
    scheduler_server.start_over()
    return Schedule(scheduler_server, tasks_worker)


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def functions() -> Iterator[FunctionsStandIn]:
    """What `orchestrate` and `workflow` answer is scripted by the test."""
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture
def log() -> Iterator[Log]:
    """What the functions log."""
    with logged() as log:
        yield log


@pytest.fixture
def deployment(rest_server: Rest, log: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:  # noqa: ARG001 - the log in its place
    yield Deployment(monkeypatch, environment_on(rest_server))
    end_connections()


@pytest.fixture
def rows(database: Database) -> Iterator[psycopg.Connection]:
    """For a look into the database behind the functions."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def queues(deployment: Deployment, tasks_server: TasksServer) -> Iterator[tuple[str, str]]:
    """Real queues for a deployment's automation tasks and dead letters, both paused; their short names."""
    with paused_queue(tasks_server) as automation, paused_queue(tasks_server) as dead_letters:
        deployment.environment |= {
            "TASKS_API_ENDPOINT": tasks_server.endpoint,
            "AUTOMATION_QUEUE": automation,
            "DEAD_LETTER_QUEUE": dead_letters,
        }
        yield automation, dead_letters


@pytest.fixture(scope="session")
def parts_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("bigquery")) as running:
        yield running


@pytest.fixture(scope="session")
def parts_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A DigiKey sandbox that knows the parts KNOWN-0 to KNOWN-9."""
    folder = tmp_path_factory.mktemp("digikey")
    catalogue = write_catalogue(folder / "catalogue.jsonl", [row(f"KNOWN-{number}") for number in range(10)])
    with sandbox(catalogue, folder) as running:
        yield running


@pytest.fixture
def workflow(deployment: Deployment) -> FlaskClient:
    return deployment.function("workflow")
