"""The account balances after every action, undo and bulk job, in any order, beside running automation."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.desk_actions import ACTIONS, OFTEN, PASSING, Step, act, assert_sums_of_jobs
from tests.contract.desk_work_calls import DeskWork
from tests.postgres_support import PostgresServer

PEOPLE = ("ana", "bo")
numbers = st.integers(0, 7)
actions = st.one_of(st.sampled_from(OFTEN), st.sampled_from(sorted(ACTIONS)))
steps = st.builds(Step, actions, st.sampled_from(PEOPLE), numbers, numbers)
stories = st.lists(st.one_of(steps, steps, steps, st.sampled_from(sorted(PASSING))), min_size=20, max_size=30)
OPENED = [Step("open", "ana", 0, 7), Step("open", "ana", 1, 2)]


def assert_balanced(desk: DeskWork, told: object) -> None:
    for batch in desk.all("select id from batches where parent_batch_id is null"):
        sides = desk.reconcile(batch["id"])
        faults = {line: found for line, found in sides["audit"]["lines"].items() if found["count"]}
        assert sides["balanced"], (told, sides["taken"], faults)
    walked: dict[str, Any] = desk.call("audit_some", seconds=0.5, day=None)
    assert walked["audit_faults"] == 0, (told, desk.all("select walk, done_lines from audit_walks"))


@settings(max_examples=20)
@given(story=stories)
def test_the_account_balances_after_every_action_in_any_order(
    postgres_server: PostgresServer, migrated_template: str, story: list[Step | str]
) -> None:
    with (
        postgres_server.database(migrated_template) as database,
        database.connect(role="service_role") as connection,
    ):
        desk = DeskWork(connection)
        for place, step in enumerate([*OPENED, *story]):
            if isinstance(step, str):
                desk = desk.later(seconds=PASSING[step])
                continue
            act(desk, step)
            assert_balanced(desk, (place, step))
            assert_sums_of_jobs(desk)
