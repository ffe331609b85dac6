"""The deployed `workflow`, on the real database: lists, one task whole, batches and the history of a part."""

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from shared.web.enrichment.inbox import next_page
from tests.functions_support import manual, opened

ADA = {"assignee": "ada"}


def get(workflow: FlaskClient, path: str, status: int = 200) -> dict[str, Any]:
    answer = workflow.get(path)
    assert answer.status_code == status, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def act(workflow: FlaskClient, task: UUID, action: str, **body: object) -> None:
    assert workflow.post(f"/manual-tasks/{task}/{action}", json=ADA | body).status_code == 200


@pytest.fixture
def tasks(workflow: FlaskClient) -> dict[str, UUID]:
    """A to E wait for a person; ada holds B and has completed C."""
    found = {pn: manual(pn, manufacturer="Acme") for pn in "ABCDE"}
    for pn in "BC":
        act(workflow, found[pn], "claim")
    act(workflow, found["C"], "complete", fields={"category": "Logic"})
    return found


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize("sort", ["urgency", "due", "newest", "part"])
def test_a_list_is_read_page_by_page_and_says_its_total(workflow: FlaskClient, sort: str) -> None:
    seen: list[str] = []
    place: str | None = ""
    while place is not None:
        page = get(workflow, f"/manual-tasks?limit=2&sort={sort}" + (f"&after={place}" if place else ""))
        assert page["total"] == 3
        seen += [task["pn"] for task in page["manual_tasks"]]
        place = page["next"]
    assert sorted(seen) == ["A", "D", "E"]


@pytest.mark.usefixtures("tasks")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("assignee=ADA", ["B"]),
        ("assignee=ada&state=completed", ["C"]),
        ("state=any&manufacturer=ACME&sort=part", ["A", "B", "C", "D", "E"]),
        ("named=c", ["C"]),
        ("search=d&overdue=false", ["D"]),
    ],
)
def test_a_task_that_was_claimed_or_has_ended_is_found_again(
    workflow: FlaskClient, query: str, expected: list[str]
) -> None:
    found = get(workflow, f"/manual-tasks?{query}")
    assert [task["pn"] for task in found["manual_tasks"]] == expected
    assert get(workflow, f"/manual-tasks/groups?{query.replace('&sort=part', '')}")["total"] == len(expected)


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "%7B%7D",
        next_page("due", {"at": "2026-01-01T00:00:00Z", "id": str(UUID(int=1))}),
        next_page("urgency", {"priority": "urgent", "at": "2026-01-01T00:00:00Z", "id": str(UUID(int=1))}),
        next_page("urgency", {"priority": "high", "at": "today", "id": str(UUID(int=1))}),
        next_page("urgency", {"priority": "high", "at": "2026-01-01T00:00:00Z", "id": "'; drop table"}),
    ],
)
def test_a_place_that_no_page_gave_is_refused(workflow: FlaskClient, after: str) -> None:
    refused = get(workflow, f"/manual-tasks?after={after}", 422)
    assert [error["field"] for error in refused["errors"]] == ["after"]


def test_a_task_is_shown_whole(workflow: FlaskClient, tasks: dict[str, UUID]) -> None:
    task = get(workflow, f"/manual-tasks/{tasks['B']}?assignee=Ada")
    assert (task["pn"], task["assignee"], task["free"]) == ("B", "ada", False)
    assert [event["what"] for event in task["timeline"]] == ["given to people", "claimed"]
    assert (task["source"]["manufacturer"], task["vendor"], task["candidates"]) == ("Acme", None, [])
    assert task["decision"]["rule"] == task["rule"]
    for unknown in (UUID(int=1), "groupz"):
        get(workflow, f"/manual-tasks/{unknown}", 404)


@pytest.mark.usefixtures("tasks")
def test_batches_are_listed_and_hold_what_people_completed(workflow: FlaskClient) -> None:
    opened("Z")
    first = get(workflow, "/batches?limit=1")
    rest = get(workflow, f"/batches?after={first['next']}")
    ids = [batch["batch_id"] for batch in first["batches"] + rest["batches"]]
    assert len(ids) == first["total"] == len(set(ids))
    (people,) = [batch for batch in first["batches"] + rest["batches"] if batch["completed"] == 1]
    status = get(workflow, f"/batches/{people['batch_id']}")
    account = get(workflow, f"/reconcile?batch={people['batch_id']}")
    assert status["places"] == {name: account[name] for name in status["places"]}
    (product,) = get(workflow, f"/batches/{people['batch_id']}/products")["products"]
    assert (product["after"]["category"], product["by"]) == ("Logic", "ada")


@pytest.mark.usefixtures("tasks")
def test_the_history_of_a_part_is_found_with_and_without_its_maker(workflow: FlaskClient) -> None:
    for query in ("pn=c", "pn=%20C&manufacturer=ACME"):
        (record,) = get(workflow, f"/parts?{query}")["records"]
        assert record["product"]["category"] == "Logic"
        (taken,) = record["history"]
        assert [event["what"] for event in taken["events"]] == ["given to people", "claimed", "completed"]
    get(workflow, "/parts?pn=c&manufacturer=Other", 404)
    get(workflow, "/parts?pn=never", 404)
    get(workflow, "/parts", 422)
