from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from flask.testing import FlaskClient

from laptop.supabase.storage.folder import Folder
from shared.cloud.order_board import SupabaseOrderBoard
from shared.cloud.order_store import SupabaseOrderStore
from shared.cloud.record_store import SupabaseRecordStore
from shared.cloud.supabase import SupabaseRpc
from shared.fulfillment.board import OrderBoard
from shared.wiring import desk as parts
from tests.bigquery_support import Emulator, running_emulator
from tests.cli_support import CommandLine, FunctionsStandIn, standing_in
from tests.contract.enrichment_calls import Enrichment
from tests.contract.fulfillment_calls import Fulfillment
from tests.contract.job_calls import Jobs
from tests.contract.record_store_calls import Store as RecordStore
from tests.folders import fast_folder
from tests.functions_support import Deployment, end_connections, environment_on, paused_queue
from tests.laptop.google.scheduler_support import Schedule
from tests.laptop.google.tasks_support import TasksServer
from tests.laptop.vendors.sandboxes import DigiKeySandbox, row, write_catalogue
from tests.laptop.vendors.sandboxes import digikey as digikey_sandbox
from tests.memory.clock import SettableClock
from tests.memory.order_board import InMemoryOrderBoard
from tests.memory.record_store import TIMES, InMemoryRecordStore
from tests.order_store_support import NOON, Store
from tests.orders_support import RunningFulfillment, Vendors, running_fulfillment, running_vendors
from tests.postgres_support import Database
from tests.rest_support import Rest, serving
from tests.web_support import Log, logged

if TYPE_CHECKING:
    from shared.cloud.desk_people import SupabasePeople


@pytest.fixture
def enrichment(service_connection: psycopg.Connection) -> Enrichment:
    return Enrichment(service_connection)


@pytest.fixture
def jobs(service_connection: psycopg.Connection) -> Jobs:
    return Jobs(service_connection)


@pytest.fixture
def fulfillment(service_connection: psycopg.Connection) -> Fulfillment:
    return Fulfillment(service_connection)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture(params=["memory", "supabase"])
def store(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[Store]:
    """Fulfillment's store: in memory, and the SQL functions through Supabase's client."""
    if request.param == "memory":
        yield InMemoryOrderBoard(clock)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabaseOrderStore(rpc, clock=clock)
        rpc.close()


@pytest.fixture
def board(request: pytest.FixtureRequest, store: Store, clock: SettableClock) -> Iterator[OrderBoard]:
    """The board over the same orders as `store`."""
    if isinstance(store, InMemoryOrderBoard):
        yield store
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabaseOrderBoard(rpc, clock=clock)
        rpc.close()


@pytest.fixture(params=["memory", "supabase"])
def record_store(request: pytest.FixtureRequest, clock: SettableClock) -> Iterator[RecordStore]:
    """Enrichment's store: in memory, and the SQL functions through Supabase's client."""
    if request.param == "memory":
        yield InMemoryRecordStore(clock)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabaseRecordStore(rpc, TIMES, max_attempts=3, clock=clock)
        rpc.close()


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def functions() -> Iterator[FunctionsStandIn]:
    """The test scripts the answers of `orchestrate` and `workflow`."""
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture
def log() -> Iterator[Log]:
    """Collects the log entries of the functions."""
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
def parts_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DigiKeySandbox]:
    """A DigiKey sandbox that knows the parts KNOWN-0 to KNOWN-9."""
    folder = tmp_path_factory.mktemp("digikey")
    catalogue = write_catalogue(folder / "catalogue.jsonl", [row(f"KNOWN-{number}") for number in range(10)])
    with digikey_sandbox(catalogue, folder) as running:
        yield running


@pytest.fixture
def workflow(deployment: Deployment) -> FlaskClient:
    return deployment.function("workflow")


@pytest.fixture(scope="session")
def vendors() -> Iterator[Vendors]:
    """The sandboxes of marketplace and carrier, one pair for each test process."""
    with fast_folder() as folder, running_vendors(folder) as running:
        yield running


@pytest.fixture
def shop(vendors: Vendors, database: Database, tmp_path: Path) -> Iterator[RunningFulfillment]:
    """Fulfillment in real time, without orders."""
    folder = Folder(tmp_path / "shelf", ["labels"])
    with (
        serving(database.authenticator_url, folder=folder) as rest,
        running_fulfillment(vendors, rest, database) as running,
    ):
        running.at_the_real_time()
        yield running


@pytest.fixture
def desk(shop: RunningFulfillment, log: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:  # noqa: ARG001 - the log in its place
    """`workflow` beside the shop."""
    yield Deployment(monkeypatch, environment_on(shop.rest) | shop.environment()).function("workflow")
    end_connections()


@pytest.fixture
def desk_deployment(rest_server: Rest, monkeypatch: pytest.MonkeyPatch, log: Log) -> Deployment:  # noqa: ARG001 - the log in its place
    return Deployment(monkeypatch, environment_on(rest_server))


@pytest.fixture
def desk_pages(desk_deployment: Deployment, schedule: Schedule) -> FlaskClient:
    """The desk at the laptop's door; vera is a viewer, rita a reviewer, olga an operator by the settings."""
    client = desk_deployment.function("desk", SCHEDULER_API_ENDPOINT=schedule.server.endpoint)
    people: SupabasePeople = parts.people()
    people.set_role("vera", "viewer", "olga")
    people.set_role("rita", "reviewer", "olga")
    return client
