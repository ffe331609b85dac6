from collections.abc import Iterator

import pytest

from tests.orders_support import OrderLine, Vendors, running_order_line, running_vendors
from tests.postgres_support import Database
from tests.rest_support import Rest
from tests.scenarios_support import RecordLine, running_record_line


@pytest.fixture(scope="session")
def shared_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordLine]:
    """One laptop cloud for each test process."""
    with running_record_line(tmp_path_factory.mktemp("record-line")) as line:
        yield line


@pytest.fixture
def line(shared_line: RecordLine) -> Iterator[RecordLine]:
    """Everything running and undisturbed, whatever the test before did to it."""
    shared_line.calm()
    yield shared_line
    shared_line.calm()


@pytest.fixture(scope="session")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    """The order line's sandboxes, one pair for each test process."""
    with running_vendors(tmp_path_factory.mktemp("vendors")) as running:
        yield running


@pytest.fixture
def backend() -> str:
    """Which of the carrier's APIs; parametrised where it matters."""
    return "json"


@pytest.fixture
def order_line(vendors: Vendors, rest_server: Rest, database: Database, backend: str) -> Iterator[OrderLine]:
    """At noon, without orders, undisturbed."""
    with running_order_line(vendors, rest_server, database, backend) as line:
        yield line
