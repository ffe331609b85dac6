"""The inbox's filter goes with the person from task to task, and into no other inbox."""

import pytest

from shared.web.desk.inbox import Filter, filter_of
from shared.web.desk.task import TaskRequest


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("cause=not_found&priority=high", "priority=high&cause=not_found"),
        (
            "cause=not_found&candidate=1&look=true&done=x&after=y",
            "cause=not_found",
        ),  # a task's own, a page's own
        ("cause=no-such-cause", ""),  # none of ours: the whole inbox, rather than an error after the work
        ("view=mine&sort=due&search=LM%20317", "view=mine&search=LM+317&sort=due"),
    ],
)
def test_an_address_gives_the_inbox_from_which_one_came(query: str, kept: str) -> None:
    assert filter_of(query).query() == kept


def test_a_tasks_own_options_are_not_the_inboxs() -> None:
    assert TaskRequest(look=True, candidate=2, search="LM").query() == "search=LM"


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        ("open", {"state": "free"}),
        ("overdue", {"state": "free", "overdue": True}),
        ("mine", {"state": "open", "assignee": "ana"}),  # not everybody's, when one's own are done
        ("done", {"state": "free"}),
    ],
)
def test_the_next_task_is_of_the_same_tab(view: str, wanted: dict[str, object]) -> None:
    assert Filter.model_validate({"view": view}).wanted_next("ana") == wanted
