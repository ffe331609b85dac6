"""An undo beside what else may happen to its record at the same moment: one goes first, and the account balances."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import psycopg
import pytest

from tests.contract.desk_work_calls import DeskWork, work_at_once
from tests.contract.schema_rows import CLAIM, Json, item
from tests.contract.test_desk_account import assert_balanced
from tests.postgres_support import Database

ROUNDS = 5
KEY = "{}|texas instruments"
Call = Callable[[DeskWork], object]


@pytest.fixture
def desk(service_connection: psycopg.Connection) -> DeskWork:
    return DeskWork(service_connection)


def completed(desk: DeskWork, pn: str, end: Callable[[DeskWork, UUID], Json] = DeskWork.complete) -> UUID:
    task = desk.person(pn, batch=f"batch of {pn}".replace(" ", "-"))
    desk.take(task)
    end(desk, task)
    return task


def undoing(task: UUID, person: str = "ana") -> Call:
    return partial(DeskWork.undo, task=task, assignee=person)


def together(database: Database, *calls: Call) -> list[object]:
    """Each answer, or the refusal as text. Anything but a refusal (a deadlock, a broken rule) is an error."""
    answers: list[object] = []
    for answer in work_at_once(database, calls):
        if isinstance(answer, psycopg.Error):
            assert answer.sqlstate == "PT409", answer
            answers.append(str(answer.diag.message_primary))
        else:
            answers.append(answer)
    return answers


def state(desk: DeskWork, task: UUID) -> tuple[str, bool]:
    row = desk.one(
        "select m.state::text, r.open from manual_tasks as m inner join records as r using (record_key) where id = %s",
        task,
    )
    return row["state"], row["open"]


def test_beside_a_second_undo_and_another_person_s(desk: DeskWork, database: Database) -> None:
    for number in range(ROUNDS):
        task = completed(desk, f"P{number}")
        first, second, other = together(
            database,
            undoing(task),
            undoing(task),
            undoing(task, "bo"),
        )
        assert first == second
        assert isinstance(other, str)
        assert state(desk, task) == ("processing", True)
        assert desk.events(task)[3:] == [("completed", "processing")]
        assert_balanced(desk, number)


def test_beside_the_word_to_take_the_record_again(desk: DeskWork, database: Database) -> None:
    for number in range(ROUNDS):
        task = completed(desk, f"P{number}", DeskWork.give_up)
        key = KEY.format(f"P{number}")
        undone, again = together(database, undoing(task), partial(DeskWork.again, record_key=key))
        if isinstance(undone, str):
            assert "bo wants its record taken again" in undone
            assert state(desk, task) == ("failed", False)
        else:
            assert again == f"record {key} is being worked on"
            assert state(desk, task) == ("processing", True)
        assert_balanced(desk, number)


def test_beside_a_run_that_opens_other_content(desk: DeskWork, database: Database) -> None:
    for number in range(ROUNDS):
        task = completed(desk, f"P{number}")
        run = f"run-{number}"
        desk.begin(run)
        content = item(f"P{number}", content_hash="other content")
        undone, opened = together(database, undoing(task), partial(DeskWork.open, items=[content], batch=run))
        assert isinstance(opened, dict)
        if isinstance(undone, str):
            assert "opened again since" in undone
            assert len(opened["automation"]) == 1
            assert state(desk, task) == ("completed", True)
        else:
            assert opened["automation"] == []
            assert state(desk, task) == ("processing", True)
        assert_balanced(desk, number)


def test_beside_a_redrive_of_its_batch(desk: DeskWork, database: Database) -> None:
    """A redrive takes what nobody holds: the task that is taken back is held again."""
    for number in range(ROUNDS):
        task = desk.fallback(f"P{number}")
        desk.take(task)
        desk.complete(task)
        name = f"again-{number}"
        undone, redriven = together(database, undoing(task), partial(DeskWork.redrive, redrive_id=name))
        assert isinstance(undone, dict)
        assert isinstance(redriven, dict)
        assert redriven["redriven"] == 0
        assert state(desk, task) == ("processing", True)
        later = desk.later(seconds=CLAIM)
        assert later.redrive(redrive_id=f"late-{number}")["redriven"] == 1
        assert state(desk, task) == ("failed", True)
        with pytest.raises(psycopg.Error, match="given back to automation"):
            later.undo(task)
        assert_balanced(desk, number)


def test_beside_others_who_edit_the_same_product(desk: DeskWork, database: Database) -> None:
    for number in range(ROUNDS):
        first = completed(desk, f"P{number}")
        fields = {
            "manufacturer": None,
            "manufacturer_key": "",
            "record_key": f"P{number}|",
            "content_hash": f"2 {number}",
        }
        second = desk.later(seconds=1).person(f"P{number}", batch=f"second-{number}", fields=fields)
        desk.take(second, "bo")
        edit = {"manufacturer": "TI", "category": "Other"}
        undone, _ = together(
            database,
            undoing(first),
            partial(
                DeskWork.complete,
                task=second,
                assignee="bo",
                fields=edit,
                manufacturer_key="texas instruments",
            ),
        )
        assert isinstance(undone, dict) or "bo has edited the same product since" in str(undone)
        assert desk.manual(second)["state"] == "completed"
        assert_balanced(desk, number)
