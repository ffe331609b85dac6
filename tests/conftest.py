import gc
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import certifi
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from infra.local import migrations
from tests.laptop.google.scheduler_support import Schedule, SchedulerServer
from tests.laptop.google.server import running
from tests.laptop.google.tasks_support import TasksServer, TestQueue, create_queue
from tests.laptop.google.worker import Worker, working
from tests.postgres_support import Database, PostgresServer, running_server
from tests.processes import default_signals_for_children
from tests.reaper import reaping
from tests.rest_support import Rest, serving

# A busy machine is no defect: no example is judged by the time it takes.
settings.register_profile("switchyard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("switchyard")

default_signals_for_children()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", help="run the tests in an order that the seed decides")


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if seed := config.getoption("--shuffle"):
        random.Random(seed).shuffle(items)


def pytest_collection_finish() -> None:
    """Imported and collected objects stay to the end, so no garbage collection needs to visit them."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Set up before all else, so that it looks after all else has ended."""
    with reaping():
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each httpx.Client reads all of certifi's authorities, which takes 26 ms; no test speaks TLS, so one is enough."""
    end = "-----END CERTIFICATE-----\n"
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    file.write_text(
        Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end, encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(file))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One cluster for each test process, gone when that ends."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    with postgres_server.template("migrated") as connection:
        migrations.apply(connection)
    return "migrated"


@pytest.fixture
def database(postgres_server: PostgresServer, migrated_template: str) -> Iterator[Database]:
    """Fresh, with the project's migrations applied."""
    with postgres_server.database(migrated_template) as fresh:
        yield fresh


@pytest.fixture
def bare_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """Fresh, with what a new Supabase project holds and nothing of ours."""
    with postgres_server.database() as fresh:
        yield fresh


@pytest.fixture
def service_connection(database: Database) -> Iterator[psycopg.Connection]:
    """In autocommit mode, with the rights of the service key."""
    with database.connect(role="service_role") as connection:
        yield connection


@pytest.fixture
def rest_server(database: Database) -> Iterator[Rest]:
    """The Supabase REST server on `database`: `.url`, `.rest_url`, `.service_key`, `.anon_key`."""
    with serving(database.authenticator_url) as rest:
        yield rest


@pytest.fixture(scope="session")
def tasks_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    """One for each test process. Its shortest dispatch deadline is lowered so that tests can reach it."""
    data_file = tmp_path_factory.mktemp("tasks") / "tasks.db"
    with running(TasksServer, data_file, "--min-dispatch-deadline", "0.1") as server:
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
    with running(SchedulerServer, data_file, "--min-attempt-deadline", "0.1") as server:
        yield server


@pytest.fixture
def schedule(scheduler_server: SchedulerServer, tasks_worker: Worker) -> Schedule:
    """Without jobs and faults; its clock stands at noon."""
    scheduler_server.start_over()
    return Schedule(scheduler_server, tasks_worker)
