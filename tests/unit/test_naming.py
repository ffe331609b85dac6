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
