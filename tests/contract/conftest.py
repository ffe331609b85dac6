from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli_support import CommandLine, FunctionsStandIn, standing_in
from tests.contract.tasks_support.process import TasksServer, running
from tests.contract.tasks_support.queue import TestQueue, create_queue
from tests.contract.tasks_support.worker import Worker, working


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


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def functions() -> Iterator[FunctionsStandIn]:
    """What `orchestrate` and `workflow` answer is scripted by the test."""
    with standing_in() as stand_in:
        yield stand_in
