"""The lists of manual tasks: each key of the filter, each sort, pages by place, the total and the groups."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.web.enrichment.wanted import WantedTasks
from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import CLAIM, DUE, Json

MAKERS = {"P1": "Texas Instruments", "P2": "onsemi", "P3": "onsemi", "P4": "Vishay", "Q5": "Vishay"}
PRIORITIES = {"P1": "low", "P2": "high", "P3": "medium", "P4": "high", "Q5": "high"}


@pytest.fixture
def inbox(enrichment: Enrichment) -> Enrichment:
    """P1 to P4 came to a person in batch b1, a second apart; Q5 failed on to one; ana holds P4 and ended P3."""
    for age, pn in enumerate(MAKERS):
        fields = {
            "manufacturer": MAKERS[pn],
            "manufacturer_key": MAKERS[pn].lower(),
            "priority": PRIORITIES[pn],
        }
        fields["record_key"] = f"{pn}|{MAKERS[pn].lower()}"
        at = enrichment.later(seconds=age)
        if pn == "Q5":
            at.fallback(pn, fields=fields)
        else:
            at.person(pn, fields=fields | {"rule": "complete" if pn == "P1" else "sparse"})
    late = enrichment.later(seconds=10)
    late.take(task(late, "P4"))
    late.take(task(late, "P3"))
    late.complete(task(late, "P3"))
    late.all("update manual_tasks set assigned_to = 'bo' where pn = 'P2' returning id")
    return late


def task(enrichment: Enrichment, pn: str) -> UUID:
    return UUID(str(enrichment.one("select id from manual_tasks where pn = %s", pn)["id"]))


def listed(enrichment: Enrichment, wanted: Json, sort: str = "urgency", **more: Any) -> Json:  # noqa: ANN401 - arguments
    asked = WantedTasks.model_validate(wanted).wanted()
    found: Json = enrichment.call("list_manual_tasks", wanted=Jsonb(asked), sort=sort, **more)
    return found


def parts(found: Json) -> list[str]:
    return [row["pn"] for row in found["manual_tasks"]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["P2", "Q5", "P1"]),
        ({"state": "held"}, ["P4"]),
        ({"state": "open"}, ["P2", "P4", "Q5", "P1"]),
        ({"state": "completed"}, ["P3"]),
        ({"state": "finished"}, ["P3"]),
        ({"state": "failed"}, []),
        ({"state": "any"}, ["P2", "P4", "Q5", "P3", "P1"]),
        ({"priority": "high"}, ["P2", "Q5"]),
        ({"type": "automation_fallback"}, ["Q5"]),
        ({"rule": "sparse", "type": "workflow_generated"}, ["P2"]),
        ({"rule": "complete"}, ["P1"]),
        ({"cause": "not_found"}, ["Q5"]),
        ({"cause": "timeout"}, []),
        ({"manufacturer": "ONSEMI"}, ["P2"]),
        ({"batch": "b1"}, ["P2", "Q5", "P1"]),
        ({"batch": "b1_fallback"}, ["Q5"]),
        ({"assignee": "ana"}, ["P4"]),
        ({"assignee": "ana", "state": "completed"}, ["P3"]),
        ({"assignee": "ana", "state": "any"}, ["P4", "P3"]),
        ({"assignee": "bo"}, ["P2"]),
        ({"assignee": "bo", "state": "any"}, ["P2"]),
        ({"overdue": True}, []),
        ({"overdue": False}, ["P2", "Q5", "P1"]),
        ({"search": "p"}, ["P2", "P1"]),
        ({"search": " q 5 "}, ["Q5"]),
        ({"search": "%"}, []),
        ({"search": "___"}, []),
        ({"named": "p3"}, ["P3"]),
        ({"named": "p3", "state": "open"}, []),
    ],
)
def test_a_filter_finds_what_fits_and_counts_it(inbox: Enrichment, wanted: Json, expected: list[str]) -> None:
    found = listed(inbox, wanted)
    assert parts(found) == expected
    assert (found["total"], found["next"]) == (len(expected), None)


def test_overdue_tasks_are_those_that_should_have_ended(inbox: Enrichment) -> None:
    later = inbox.later(seconds=DUE["high"])
    assert parts(listed(later, {"overdue": True, "state": "any"})) == ["P2", "P4", "Q5"]
    assert parts(listed(later, {"overdue": False, "state": "any"})) == ["P3", "P1"]


def test_an_expired_claim_is_free_and_still_its_person_s(inbox: Enrichment) -> None:
    later = inbox.later(seconds=CLAIM)
    assert parts(listed(later, {})) == ["P2", "P4", "Q5", "P1"]
    assert parts(listed(later, {"state": "held"})) == []
    assert parts(listed(later, {"assignee": "ana"})) == ["P4"]


@pytest.mark.parametrize("digits", [8, 13, 32, 36])
def test_a_task_is_named_by_the_beginning_of_its_id(inbox: Enrichment, digits: int) -> None:
    ident = str(task(inbox, "P3"))
    given = (ident if digits == 36 else ident.replace("-", "")[:digits]).upper()
    assert parts(listed(inbox, {"named": given})) == ["P3"]


def test_search_finds_letters_within_a_number_and_not_its_wildcards(inbox: Enrichment) -> None:
    inbox.person("LM317T/NOPB", fields={"record_key": "LM317T/NOPB|ti"})
    inbox.person("A_%\\B", fields={"record_key": "A_%25\\B|ti"})
    assert parts(listed(inbox, {"search": "317 t"})) == ["LM317T/NOPB"]
    assert parts(listed(inbox, {"search": "17"})) == []
    assert parts(listed(inbox, {"search": "_%\\b"})) == ["A_%\\B"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("urgency", ["P2", "P4", "Q5", "P3", "P1"]),
        ("due", ["P2", "P4", "Q5", "P3", "P1"]),
        ("newest", ["P3", "Q5", "P4", "P2", "P1"]),
        ("part", ["P1", "P2", "P3", "P4", "Q5"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_follow_each_other_without_gap_or_repetition(
    inbox: Enrichment, sort: str, expected: list[str], limit: int
) -> None:
    seen: list[str] = []
    place = None
    while True:
        page = listed(inbox, {"state": "any"}, sort, limit=limit, after=place and Jsonb(place))
        assert page["total"] == 5
        seen += parts(page)
        place = page["next"]
        if place is None:
            break
        assert len(page["manual_tasks"]) == limit
    assert seen == expected


def test_a_page_goes_on_where_the_one_before_ended_whatever_ended_meanwhile(inbox: Enrichment) -> None:
    first = listed(inbox, {}, limit=1)
    inbox.take(task(inbox, "P2"), "bo")
    second = listed(inbox, {}, limit=1, after=Jsonb(first["next"]))
    assert (parts(first), parts(second), second["total"]) == (["P2"], ["Q5"], 2)


@pytest.mark.parametrize("wanted", [{"stat": "free"}, {"state": "done"}, {"overdue": "maybe"}])
def test_a_filter_that_is_not_known_is_refused_and_never_ignored(inbox: Enrichment, wanted: Json) -> None:
    for function in ("list_manual_tasks", "manual_task_groups"):
        with pytest.raises(psycopg.Error) as refusal:
            inbox.call(function, wanted=Jsonb(wanted))
        assert refusal.value.sqlstate == "PT400"
        inbox.connection.rollback()


def test_a_value_of_the_filter_is_never_sql(inbox: Enrichment) -> None:
    hostile = "x' or 'a' = 'a"
    for key in ("rule", "manufacturer", "batch", "assignee", "search"):
        found: Json = inbox.call("list_manual_tasks", wanted=Jsonb({key: hostile}))
        assert found["total"] == 0


def test_groups_count_the_tasks_of_the_same_filter(inbox: Enrichment) -> None:
    found: Json = inbox.call("manual_task_groups", wanted=Jsonb({"state": "open"}))
    counted = {(g["type"], g["rule"], g["cause"]): g["tasks"] for g in found["groups"]}
    assert counted == {
        ("workflow_generated", "sparse", None): 2,
        ("automation_fallback", "sparse", "not_found"): 1,
        ("workflow_generated", "complete", None): 1,
    }
    assert found["total"] == 4
    assert [(m["key"], m["tasks"]) for m in found["manufacturers"]] == [
        ("vishay", 2),
        ("onsemi", 1),
        ("texas instruments", 1),
    ]
    later = inbox.later(seconds=DUE["high"])
    assert sum(g["overdue"] for g in later.call("manual_task_groups", wanted=Jsonb({}))["groups"]) == 3


def test_a_group_of_nothing_is_empty(inbox: Enrichment) -> None:
    assert inbox.call("manual_task_groups", wanted=Jsonb({"rule": "none"})) == {
        "total": 0,
        "groups": [],
        "manufacturers": [],
    }


def test_the_rule_is_that_of_the_decision(inbox: Enrichment) -> None:
    rows = inbox.all(
        "select m.rule, d.rule as decided from manual_tasks as m inner join decisions as d on d.id = m.decision_id"
    )
    assert len(rows) == 5
    assert all(row["rule"] == row["decided"] for row in rows)


def test_a_row_is_brief(inbox: Enrichment) -> None:
    (row,) = listed(inbox, {"named": "P4"})["manual_tasks"]
    assert row.keys() == {
        *(
            "id",
            "batch_id",
            "pn",
            "manufacturer",
            "type",
            "rule",
            "priority",
            "state",
            "reason",
            "cause",
            "assignee",
        ),
        *("claimed_until", "assigned_to", "due_at", "created_at", "finished_at", "note"),
    }
    assert row["assignee"] == "ana"
