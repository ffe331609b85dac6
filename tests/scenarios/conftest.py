from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from laptop.supabase.storage.folder import Folder
from tests.folders import fast_folder
from tests.functions_support import Deployment, end_connections, environment_on
from tests.orders_support import OrderLine, Vendors, running_order_line, running_vendors
from tests.postgres_support import Database
from tests.rest_support import serving
from tests.scenarios_support import RecordLine, running_record_line
from tests.web_support import logged


@pytest.fixture(scope="session")
def shared_line() -> Iterator[RecordLine]:
    """One laptop cloud for each test process."""
    with fast_folder() as folder, running_record_line(folder) as line:
        yield line


@pytest.fixture
def line(shared_line: RecordLine) -> Iterator[RecordLine]:
    """Everything running and undisturbed, whatever the test before did to it."""
    shared_line.calm()
    yield shared_line
    shared_line.calm()


@pytest.fixture(scope="session")
def vendors() -> Iterator[Vendors]:
    """The order line's sandboxes, one pair for each test process."""
    with fast_folder() as folder, running_vendors(folder) as running:
        yield running


@pytest.fixture
def backend() -> str:
    """Which of the carrier's APIs; parametrised where it matters."""
    return "json"


@pytest.fixture
def order_line(vendors: Vendors, database: Database, backend: str, tmp_path: Path) -> Iterator[OrderLine]:
    """At noon, without orders, undisturbed."""
    folder = Folder(tmp_path / "shelf", ["labels"])
    with (
        serving(database.authenticator_url, folder=folder) as rest,
        running_order_line(vendors, rest, database, backend) as line,
    ):
        yield line


@pytest.fixture
def deployed(
    order_line: OrderLine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], FlaskClient]]:
    """Starts a deployed function of the order line, which goes by the real time."""
    order_line.at_the_real_time()
    environment = environment_on(order_line.rest) | order_line.environment()
    with logged():
        yield Deployment(monkeypatch, environment).function
    end_connections()
