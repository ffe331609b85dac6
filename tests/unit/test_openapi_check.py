"""The check of the interface calls ids that exist, and counts as a failure whatever did not end well."""

import tomllib
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from infra.openapi.check import SETTINGS, Run, read_report, table
from infra.openapi.known import configuration, known_ids

ANSWERS: Mapping[str, Any] = {
    "/orders": {"orders": [{"order_id": "A-1", "lines": [{"id": "no"}]}, {"order_id": "A-2"}], "next": None},
    "/threads": {"threads": [{"thread_id": "t", "messages": [{"files": [{"id": "f1", "name": "x"}]}]}]},
    "/vendors": {"vendors": [{"vendor": "digikey"}]},
    "/batches": {"batches": [{"batch_id": "b", "state": "completed"}]},
    "/manual-tasks": {"manual_tasks": [{"id": "m"}, {"id": "m"}]},
    "/nothing": {"nothing": [{"name": "without an id"}]},
}
PATHS = [*ANSWERS, "/files/{id}", "/nothing/{id}", *(f"{path}/{{id}}/act" for path in ANSWERS), "/refused"]


def answer(request: httpx.Request) -> httpx.Response:
    known = ANSWERS.get(request.url.path)
    return (
        httpx.Response(422, json={"orders": [{"id": "B"}]})
        if known is None
        else httpx.Response(200, json=known)
    )


def test_ids_come_from_the_answers_of_the_lists() -> None:
    document: dict[str, Any] = {"paths": {path: {"get": {}} for path in PATHS}}
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://function") as http:
        ids = known_ids(document, http)
    assert ids == {
        "orders": ["A-1", "A-2"],
        "threads": ["t"],
        "files": ["f1"],
        "vendors": ["digikey"],
        "batches": ["b"],
        "manual-tasks": ["m"],
    }


def test_the_ids_are_added_to_the_settings() -> None:
    written = tomllib.loads(SETTINGS.read_text(encoding="utf-8") + configuration({"orders": ["A-1"]}))
    assert written["dictionaries"] == {"orders": {"values": ["A-1"]}}
    last = written["operations"][-1]
    assert last["include-path-regex"] == r"^/orders/\{id\}"
    assert last["parameters"]["path.id"]["dictionary"] == "orders"


RUN = Run("workflow", {}, "")
PASSED = """
API Operations:
  Selected: 39/39
  Tested: 39

Test cases:
  2074 generated, 2074 passed
"""
FAILED = PASSED.replace("2074 passed", "13 found 12 unique failures")


@pytest.mark.parametrize(
    ("text", "status", "failures"),
    [(PASSED, 0, 0), (FAILED, 1, 12), (PASSED, 1, 1), ("no report", 0, 1), ("Traceback", 2, 1)],
    ids=["passed", "failed", "an error", "no report", "a crash"],
)
def test_a_run_is_passed_only_if_its_report_says_so(text: str, status: int, failures: int) -> None:
    assert read_report(RUN, text, status, 1.0).failures == failures


def test_the_table_adds_up() -> None:
    written = table([read_report(RUN, PASSED, 0, 1.0), read_report(Run("automate", {}, ""), FAILED, 1, 2.0)])
    assert [line.split()[:4] for line in written.splitlines()] == [
        ["function", "operations", "cases", "failures"],
        ["automate", "39", "2074", "12"],
        ["workflow", "39", "2074", "0"],
        ["together", "78", "4148", "12"],
    ]
