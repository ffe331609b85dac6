"""Seeded faults of the queue, counted at the worker."""

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import AlreadyExists, ResourceExhausted, ServiceUnavailable

from tests.laptop.google.tasks_support import TasksServer, TestQueue
from tests.laptop.google.worker import Answer


@pytest.fixture
def queue(tasks_queue: TestQueue) -> Iterator[TestQueue]:
    yield tasks_queue
    tasks_queue.server.control("DELETE", "/faults")


def fault(queue: TestQueue, kind: str, **knobs: float) -> dict[str, object]:
    return {"kind": kind, "queue": queue.name.rpartition("/")[2], **knobs}


def test_a_duplicate_delivery_reaches_the_worker_twice_with_the_same_headers(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "duplicate_delivery", times=1))
    task = queue.add()
    first, second = queue.calls(task, 2)
    assert first.headers == second.headers
    assert sorted(row["verdict"] for row in queue.deliveries(task, 2)) == ["duplicate", "succeeded"]


def test_a_duplicate_can_come_after_the_task_has_ended(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "duplicate_delivery", seconds=0.3))
    task = queue.add()
    first, second = queue.calls(task, 2)
    assert first.answered.is_set()
    assert second.arrived - first.arrived >= 0.29


def test_a_late_delivery_keeps_its_eta(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "late_delivery", seconds=0.4))
    (row,) = queue.ended(queue.add())
    assert row["dispatched"] - row["scheduled"] >= 0.4


def test_a_lost_answer_counts_as_a_passed_deadline(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "lost_answer", times=1))
    task = queue.add(Answer(200))
    assert [(row["status"], row["fault"]) for row in queue.ended(task)] == [(504, "lost_answer"), (200, None)]
    second = queue.calls(task, 2)[1]
    assert second.headers["X-CloudTasks-TaskPreviousResponse"] == "504"


def test_latency_delays_the_request(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "latency", seconds=0.3))
    (row,) = queue.ended(task := queue.add())
    assert queue.calls(task)[0].arrived - row["dispatched"] >= 0.29


def test_latency_beyond_the_deadline_uses_it_up(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "latency", seconds=0.3, times=1))
    task = queue.add(dispatch_deadline={"nanos": 150_000_000})
    assert [row["status"] for row in queue.ended(task)] == [504, 200]
    assert len(queue.calls(task)) == 1


def test_a_refused_call_creates_nothing(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "call_refused", times=1))
    with pytest.raises(ServiceUnavailable):
        queue.add(task="refused")
    assert not queue.exists(queue.path("refused"))
    queue.add(task="refused")


def test_a_lost_call_has_created_the_task(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "call_lost", times=1))
    with pytest.raises(ServiceUnavailable):
        queue.add(task="lost")
    with pytest.raises(AlreadyExists):
        queue.add(task="lost")
    assert len(queue.ended(queue.path("lost"))) == 1


def test_a_create_that_is_refused_for_its_number_creates_nothing(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "call_exhausted", times=1))
    with pytest.raises(ResourceExhausted):
        queue.add(task="refused")
    assert not queue.exists(queue.path("refused"))
    queue.add(task="refused")


def test_a_refused_look_says_nothing_about_the_task(queue: TestQueue) -> None:
    queue.server.inject(fault(queue, "look_refused", times=2))
    for task in ("there", "never"):
        with pytest.raises(ServiceUnavailable):
            queue.client.get_task(name=queue.path(task), retry=None)
    assert not queue.exists(queue.path("never"))


def test_a_fault_applies_only_to_its_queue_and_is_counted(queue: TestQueue) -> None:
    elsewhere = {"kind": "lost_answer", "queue": "elsewhere"}
    queue.server.inject(
        elsewhere, fault(queue, "lost_answer", probability=0), fault(queue, "lost_answer", times=1)
    )
    queue.ended(queue.add())
    assert [row["struck"] for row in queue.server.control("GET", "/faults")["faults"]] == [0, 0, 1]


@pytest.mark.parametrize(
    "order",
    ["not json", '{"faults": [{"kind": "gremlins"}]}', '{"faults": [{"kind": "latency", "seconds": -1}]}'],
)
def test_an_invalid_fault_order_is_refused_and_changes_nothing(tasks_server: TasksServer, order: str) -> None:
    before = tasks_server.control("GET", "/faults")
    assert tasks_server.ask("POST", "/faults", order).status_code == 422
    assert tasks_server.control("GET", "/faults") == before
