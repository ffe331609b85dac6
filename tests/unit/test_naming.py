import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.enrichment.naming import BATCH_ID, automation_task_name, batch_id_of, dead_letter_name

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOUD_TASKS_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")


def test_a_batch_is_named_by_its_second_and_four_hex_digits() -> None:
    assert re.fullmatch(r"batch_1795348800_[0-9a-f]{4}", batch_id_of(NOON, "x"))


def test_the_same_moment_and_seed_name_the_same_batch() -> None:
    assert batch_id_of(NOON, "x") == batch_id_of(NOON, "x")
    assert batch_id_of(NOON, "x") != batch_id_of(NOON, "y")


@given(second=st.integers(0, 2**35), seed=st.text())
def test_every_batch_name_of_ours_is_one_that_a_caller_may_use(second: int, seed: str) -> None:
    assert re.fullmatch(BATCH_ID, batch_id_of(datetime.fromtimestamp(second, UTC), seed))


@pytest.mark.parametrize("name", ["a", "Nightly-2026.11", "batch_1_ab:cd", "9" * 100])
def test_a_caller_may_name_a_batch(name: str) -> None:
    assert re.fullmatch(BATCH_ID, name)


@pytest.mark.parametrize("name", ["", "_a", "-a", "a b", "a/b", "ä", "9" * 101, "a\n", "a\x00"])
def test_some_names_are_refused(name: str) -> None:
    assert not re.fullmatch(BATCH_ID, name)


@given(task_id=st.uuids(), generation=st.integers(0, 1000))
def test_queue_tasks_get_names_that_cloud_tasks_takes(task_id: UUID, generation: int) -> None:
    for name in (automation_task_name(task_id, generation), dead_letter_name(task_id)):
        assert CLOUD_TASKS_ID.fullmatch(name)


def test_each_generation_and_the_dead_letter_have_a_name_of_their_own() -> None:
    task_id = uuid4()
    names = {automation_task_name(task_id, generation) for generation in range(10)}
    assert len(names | {dead_letter_name(task_id)}) == 11
    assert automation_task_name(task_id, 0) == automation_task_name(task_id, 0)


def test_names_do_not_follow_the_order_of_the_ids() -> None:
    """Cloud Tasks needs names with different beginnings."""
    names = [automation_task_name(UUID(int=number), 0) for number in range(20)]
    assert names != sorted(names)
    assert len({name[0] for name in names}) > 5
