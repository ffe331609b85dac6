"""The life of a queue: created, changed, paused, resumed, purged, deleted, listed."""

import uuid
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.cloud import tasks_v2

from tests.laptop.google.tasks_support import TestQueue
from tests.laptop.google.worker import Answer
from tests.waiting import wait_until

STATE = tasks_v2.Queue.State
DEFAULT_RETRY = tasks_v2.RetryConfig(
    {
        "max_attempts": 100,
        "max_retry_duration": {},
        "min_backoff": {"nanos": 100_000_000},
        "max_backoff": {"seconds": 3600},
        "max_doublings": 16,
    }
)


def fresh_location() -> str:
    return f"projects/demo/locations/l-{uuid.uuid4().hex}"


def test_a_new_queue_has_the_service_s_defaults(tasks_queue: TestQueue) -> None:
    location = fresh_location()
    name = f"{location}/queues/plain"
    created = tasks_queue.client.create_queue(parent=location, queue={"name": name})
    assert created == tasks_queue.client.get_queue(name=name)
    assert created.state is STATE.RUNNING
    assert created.retry_config == DEFAULT_RETRY
    assert created.rate_limits.max_dispatches_per_second == 500
    assert created.rate_limits.max_burst_size >= 500
    assert created.rate_limits.max_concurrent_dispatches == 1000
    assert "purge_time" not in created


def test_an_update_with_a_mask_changes_only_what_it_names(tasks_queue: TestQueue) -> None:
    before = tasks_queue.client.get_queue(name=tasks_queue.name)
    tasks_queue.client.update_queue(
        queue={"name": tasks_queue.name, "retry_config": {"max_attempts": 7, "max_doublings": 3}},
        update_mask={"paths": ["retry_config.max_attempts"]},
    )
    after = tasks_queue.client.get_queue(name=tasks_queue.name)
    assert after.retry_config.max_attempts == 7
    before.retry_config.max_attempts = 7
    assert after == before


def test_an_update_without_a_mask_changes_everything_but_the_state(tasks_queue: TestQueue) -> None:
    tasks_queue.client.purge_queue(name=tasks_queue.name)
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    updated = tasks_queue.client.update_queue(
        queue={"name": tasks_queue.name, "rate_limits": {"max_concurrent_dispatches": 2}, "state": "RUNNING"}
    )
    assert updated.retry_config == DEFAULT_RETRY
    assert updated.rate_limits.max_concurrent_dispatches == 2
    assert updated.state is STATE.PAUSED
    assert "purge_time" in updated


def test_an_update_of_a_missing_queue_creates_it(tasks_queue: TestQueue) -> None:
    name = f"{fresh_location()}/queues/updated"
    tasks_queue.client.update_queue(queue={"name": name, "rate_limits": {"max_dispatches_per_second": 3}})
    assert tasks_queue.client.get_queue(name=name).rate_limits.max_dispatches_per_second == 3


def test_an_update_mask_with_an_unknown_field_is_refused(tasks_queue: TestQueue) -> None:
    with pytest.raises(InvalidArgument):
        tasks_queue.client.update_queue(queue={"name": tasks_queue.name}, update_mask={"paths": ["colour"]})


def test_a_paused_queue_takes_tasks_and_delivers_none_until_resumed(tasks_queue: TestQueue) -> None:
    assert tasks_queue.client.pause_queue(name=tasks_queue.name).state is STATE.PAUSED
    tasks = [tasks_queue.add() for _ in range(3)]
    assert tasks_queue.server.summary(tasks_queue.name) | {"depth": 3, "dispatched": 0} == (
        tasks_queue.server.summary(tasks_queue.name)
    )
    assert tasks_queue.client.resume_queue(name=tasks_queue.name).state is STATE.RUNNING
    for task in tasks:
        tasks_queue.ended(task)


def test_a_pause_lets_a_delivery_in_flight_end(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(500, until=release), Answer(200))
    tasks_queue.calls(task, 1)
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    release.set()
    wait_until(lambda: tasks_queue.client.get_task(name=task).response_count == 1)
    assert len(tasks_queue.calls(task)) == 1
    tasks_queue.client.resume_queue(name=tasks_queue.name)
    assert len(tasks_queue.ended(task)) == 2


def test_a_purge_removes_earlier_tasks_and_keeps_later_ones(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    purged = [tasks_queue.add() for _ in range(3)]
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert tasks_queue.client.purge_queue(name=tasks_queue.name).purge_time >= before
    kept = tasks_queue.add()
    assert [task.name for task in tasks_queue.client.list_tasks(parent=tasks_queue.name)] == [kept]
    tasks_queue.client.resume_queue(name=tasks_queue.name)
    tasks_queue.ended(kept)
    assert [tasks_queue.calls(task) for task in purged] == [[], [], []]


def test_purged_names_stay_taken(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    tasks_queue.add(task="purged")
    tasks_queue.client.purge_queue(name=tasks_queue.name)
    with pytest.raises(AlreadyExists):
        tasks_queue.add(task="purged")


def test_a_purged_task_in_flight_is_not_retried(tasks_queue: TestQueue) -> None:
    release = Event()
    task = tasks_queue.add(Answer(500, until=release))
    tasks_queue.calls(task, 1)
    tasks_queue.client.purge_queue(name=tasks_queue.name)
    release.set()
    assert tasks_queue.deliveries(task, 1)[0]["verdict"] == "discarded"
    assert not tasks_queue.exists(task)


def test_a_deleted_queue_loses_its_tasks(tasks_queue: TestQueue) -> None:
    tasks_queue.client.pause_queue(name=tasks_queue.name)
    task = tasks_queue.add()
    tasks_queue.client.delete_queue(name=tasks_queue.name)
    assert not tasks_queue.exists(task)
    with pytest.raises(NotFound):
        tasks_queue.client.get_queue(name=tasks_queue.name)


def test_queues_are_listed_by_name_page_by_page_and_by_location(tasks_queue: TestQueue) -> None:
    location = fresh_location()
    names = [f"{location}/queues/{letter}" for letter in "cadbe"]
    for name in names:
        tasks_queue.client.create_queue(parent=location, queue={"name": name})
    pages = list(tasks_queue.client.list_queues(request={"parent": location, "page_size": 2}).pages)
    assert [[queue.name for queue in page.queues] for page in pages] == [
        sorted(names)[0:2],
        sorted(names)[2:4],
        sorted(names)[4:5],
    ]


def test_the_control_port_shows_each_queue_s_counts(tasks_queue: TestQueue) -> None:
    tasks_queue.ended(tasks_queue.add(Answer(500), Answer(200)))
    summary = tasks_queue.server.summary(tasks_queue.name)
    assert summary == {
        "name": tasks_queue.name,
        "state": "RUNNING",
        "depth": 0,
        "in_flight": 0,
        "effective_rate": 500,
        "dispatched": 2,
        "succeeded": 1,
        "retried": 1,
        "exhausted": 0,
        "discarded": 0,
    }
