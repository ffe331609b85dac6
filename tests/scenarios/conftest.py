from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from laptop.supabase.storage.folder import Folder
from tests.folders import fast_folder
from tests.functions_support import Deployment, end_connections, environment_on
from tests.orders_support import RunningFulfillment, Vendors, running_fulfillment, running_vendors
from tests.postgres_support import Database
from tests.rest_support import serving
from tests.scenarios_support import RunningEnrichment, running_enrichment
from tests.web_support import logged


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what runs on a whole laptop cloud, which takes some 20 s to start."""
    for item in items:
        if "shared_enrichment" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_enrichment() -> Iterator[RunningEnrichment]:
    """One laptop cloud for each test process."""
    with fast_folder() as folder, running_enrichment(folder) as running:
        yield running


@pytest.fixture
def enrichment(shared_enrichment: RunningEnrichment) -> Iterator[RunningEnrichment]:
    """All parts run without faults, whatever the last test did."""
    shared_enrichment.calm()
    yield shared_enrichment
    shared_enrichment.calm()


@pytest.fixture(scope="session")
def vendors() -> Iterator[Vendors]:
    """The vendors' sandboxes, one pair for each test process."""
    with fast_folder() as folder, running_vendors(folder) as running:
        yield running


@pytest.fixture
def backend() -> str:
    """The carrier's API; parametrised where it matters."""
    return "json"


@pytest.fixture
def fulfillment(
    vendors: Vendors, database: Database, backend: str, tmp_path: Path
) -> Iterator[RunningFulfillment]:
    """Fulfillment at noon, without orders or faults."""
    folder = Folder(tmp_path / "shelf", ["labels"])
    with (
        serving(database.authenticator_url, folder=folder) as rest,
        running_fulfillment(vendors, rest, database, backend) as running,
    ):
        yield running


@pytest.fixture
def deployed(
    fulfillment: RunningFulfillment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], FlaskClient]]:
    """Starts a stage as it is deployed, in real time."""
    fulfillment.at_the_real_time()
    environment = environment_on(fulfillment.rest) | fulfillment.environment()
    with logged():
        yield Deployment(monkeypatch, environment).function
    end_connections()
