from collections.abc import Iterator

import pytest

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
