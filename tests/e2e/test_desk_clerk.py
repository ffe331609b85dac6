"""A clerk at the desk, in a browser over the laptop cloud."""

from typing import Any

import pytest

from tests.browser_support import Window, Windows
from tests.scenarios_support import RunningEnrichment

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def nothing_waits(cloud: RunningEnrichment) -> None:
    """Ends what another test left in the inbox."""
    tidy = {"assignee": "tidy"}
    while task := cloud.post_to_workflow("/manual-tasks/next", tidy).raise_for_status().json()["task"]:
        cloud.post_to_workflow(f"/manual-tasks/{task['id']}/fail", tidy | {"note": "left"}).raise_for_status()


def tasks_of(cloud: RunningEnrichment, count: int) -> str:
    """A batch whose every record is with a person."""
    cloud.offer_parts(count)
    batch = cloud.batch()
    report = cloud.orchestrate(batch, force="manual").raise_for_status().json()
    assert report["manual"] == count, report
    return batch


def listed(cloud: RunningEnrichment, **wanted: str) -> Json:
    answer = cloud.http.get(f"{cloud.url('workflow')}/manual-tasks", params=wanted)
    found: Json = answer.raise_for_status().json()
    return found


def task_in(window: Window) -> str:
    """The id of the task whose page is open."""
    return window.page.url.partition("/tasks/")[2].partition("?")[0]


def test_a_clerk_clears_200_tasks_by_keyboard_alone(cloud: RunningEnrichment, windows: Windows) -> None:
    batch = tasks_of(cloud, 200)
    window = windows()
    keys = window.page.keyboard
    window.open("/tasks")
    window.press("n")
    seen = set()
    for number in range(200):
        seen.add(window.part)
        if number % 20 == 0:
            keys.press("e")
            keys.press("Tab")
            keys.type("Capacitor, ceramic")
            window.press("Control+Enter")
        else:
            window.press("c")
    assert len(seen) == 200
    window.says("Nothing waits for a person")
    assert listed(cloud, batch=batch, state="completed")["total"] == 200
    edited = "record_layers where layer = 'person' and fields->>'category' = 'Capacitor, ceramic'"
    assert cloud.count(edited) == 10
    account = cloud.reconcile(batch)
    assert (account["balanced"], account["completed"], account["with_a_person"]) == (True, 200, 0)
