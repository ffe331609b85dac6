from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from infra.screenshots import browsing
from tests.browser_support import Windows, needs_chromium
from tests.folders import fast_folder
from tests.scenarios_support import WAITS, RunningEnrichment, running_enrichment

SETTINGS = {
    **WAITS,
    "WORKFLOW_AUTOMATION_RETRY_ATTEMPTS": "1",
    "WORKFLOW_AUTOMATION_MAX_CONCURRENT": "40",
    "SUPABASE_TIMEOUT_SECONDS": "20",
    "BIGQUERY_TIMEOUT_SECONDS": "30",
    "AUTOMATION_LEASE_SECONDS": "15",
}
"""Dead letters come at the first failure, and a thousand of them soon; nobody waits in vain on a busy machine."""


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as slow what runs in a browser, on a whole laptop cloud; without a browser it is skipped."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(needs_chromium)
            item.add_marker(
                pytest.mark.timeout(900)
            )  # a browser shares the cores with the other test processes


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while Playwright runs, its event loop does too, and other tests start one of their own."""
    with browsing() as running:
        yield running


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningEnrichment]:
    """One laptop cloud for each module."""
    with fast_folder() as folder, running_enrichment(folder, settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def desk(cloud: RunningEnrichment) -> str:
    """The desk's address."""
    return cloud.url("desk")


@pytest.fixture
def windows(browser: Browser, desk: str) -> Iterator[Windows]:
    opened = Windows(browser, desk)
    yield opened
    opened.close()
