"""A clerk at the desk, in a browser over the laptop cloud."""

from typing import Any

import pytest

from tests.browser_support import Window, Windows
from tests.scenarios_support import RunningEnrichment

Json = dict[str, Any]


@pytest.fixture
def nothing_waits(cloud: RunningEnrichment) -> None:
    """Ends what another test left in the inbox."""
    for task in listed(cloud, state="open", limit="1000")["manual_tasks"]:
        end = {"assignee": task["assignee"] or "tidy"}
        cloud.post_to_workflow(f"/manual-tasks/{task['id']}/claim", end)
        cloud.post_to_workflow(f"/manual-tasks/{task['id']}/fail", end | {"note": "left"}).raise_for_status()


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


@pytest.mark.usefixtures("nothing_waits")
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
            window.tab_to("#t-category")
            keys.press("Control+a")
            keys.type("Capacitor, ceramic")
            window.press("Control+Enter")
        else:
            window.press("c")
    assert len(seen) == 200
    window.says("Nothing waits for a person")
    assert listed(cloud, batch=batch, state="completed")["total"] == 200
    edited = "manual_tasks where batch_id = %s and edited_fields->>'category' = 'Capacitor, ceramic'"
    assert cloud.count(edited, batch) == 10
    account = cloud.reconcile(batch)
    assert (account["balanced"], account["completed"], account["with_a_person"]) == (True, 200, 0)


def test_two_clerks_open_one_task_and_the_second_is_told_by_whom_it_is_held(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    batch = tasks_of(cloud, 2)
    rows = listed(cloud, batch=batch)["manual_tasks"]
    operator = windows()
    operator.open("/people")
    operator.page.get_by_label("Person, as they sign in").fill("Bob")
    operator.page.get_by_label("Role").select_option("reviewer")
    operator.page.get_by_label("Why").fill("works with us from today")
    operator.leave(operator.page.get_by_role("button", name="Save").click)
    clerks = {"ana": windows("ana"), "bob": windows("BOB")}

    path = f"/tasks/{rows[0]['id']}?batch={batch}"
    for clerk in clerks.values():
        clerk.page.evaluate("path => { document.left = true; setTimeout(() => location.assign(path)) }", path)
    for clerk in clerks.values():
        clerk.arrive()

    winner = listed(cloud, batch=batch, state="held")["manual_tasks"][0]["assignee"]
    loser = next(name for name in clerks if name != winner)
    assert clerks[winner].page.locator("#lease").inner_text().startswith("yours")
    clerks[loser].says(f"{winner} has it")
    clerks[loser].press("n")
    assert clerks[loser].part == rows[1]["pn"]
    held = {each["pn"]: each["assignee"] for each in listed(cloud, batch=batch, state="held")["manual_tasks"]}
    assert held == {rows[0]["pn"]: winner, rows[1]["pn"]: loser}


def test_a_completion_is_taken_back_from_the_next_page_and_from_its_own(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    batch = tasks_of(cloud, 2)
    window = windows()
    window.open(f"/tasks?batch={batch}")
    window.press("n")
    task, part = task_in(window), window.part
    before = product_of(cloud, task), account_of(cloud, batch)
    retype(window, "t-category", "Clocks")
    window.press("Control+Enter")
    assert window.part != part
    assert product_of(cloud, task)["category"] == "Clocks"

    window.press("u")
    assert (task_in(window), window.part) == (task, part)
    assert (product_of(cloud, task), account_of(cloud, batch)) == before
    window.says("yours")

    retype(window, "t-category", "Timers")
    window.press("Control+Enter")
    window.open(f"/tasks/{task}")
    window.says("Completed by ana")
    window.leave(window.page.get_by_role("button", name="Take it back").click)
    assert (product_of(cloud, task), account_of(cloud, batch)) == before
    assert listed(cloud, batch=batch, state="completed")["total"] == 0


def test_a_draft_survives_a_reload_and_is_there_in_another_browser(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    window = on_a_task(cloud, windows)
    retype(window, "t-category", "Oscillators")
    window.says("draft saved")
    for each in (window, windows()):
        each.open(window.page.url.removeprefix(window.base))
        assert each.page.input_value("#t-category") == "Oscillators"


def test_a_draft_survives_a_server_that_is_killed_while_one_types(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    window = on_a_task(cloud, windows)
    retype(window, "t-category", "Crystals")
    cloud.kill("desk")
    window.page.keyboard.type(" and oscillators")
    window.says("not saved yet: kept in this browser")
    cloud.restart("desk")
    window.says("draft saved")
    for each in (window, windows()):
        each.open(window.page.url.removeprefix(window.base))
        assert each.page.input_value("#t-category") == "Crystals and oscillators"


def test_a_draft_survives_the_end_of_its_claim_and_another_person_who_takes_the_task(
    cloud: RunningEnrichment, windows: Windows
) -> None:
    with cloud.deployed("desk", MANUAL_CLAIM_SECONDS="1", DESK_OPERATORS="ana,bob"):
        window = on_a_task(cloud, windows)
        retype(window, "t-category", "Filters")
        window.says("your claim has ended")
        other = windows("bob")
        with cloud.deployed("desk", MANUAL_CLAIM_SECONDS="60", DESK_OPERATORS="ana,bob"):
            other.open(window.page.url.removeprefix(window.base))
            other.says("yours")
            assert other.page.input_value("#t-category") == "Filters", "what ana typed helps bob"
            window.page.focus("#t-category")
            window.page.keyboard.press("End")
            window.page.keyboard.type(", and more")
            window.says("bob has it until")
            window.says("your draft is kept")
            window.open(window.page.url.removeprefix(window.base))
            window.says("bob has it")
            assert window.page.input_value("#t-category") == "Filters, and more"


def on_a_task(cloud: RunningEnrichment, windows: Windows) -> Window:
    window = windows()
    window.open(f"/tasks?batch={tasks_of(cloud, 1)}")
    window.press("n")
    return window


def retype(window: Window, field: str, text: str) -> None:
    window.page.focus(f"#{field}")
    window.page.keyboard.press("Control+a")
    window.page.keyboard.type(text)


def product_of(cloud: RunningEnrichment, task_id: str) -> Json:
    answer = cloud.http.get(f"{cloud.url('workflow')}/manual-tasks/{task_id}")
    found: Json = answer.raise_for_status().json()["product"] or {}
    return {name: value for name, value in found.items() if name not in ("updated_at", "version")}


def account_of(cloud: RunningEnrichment, batch: str) -> Json:
    account = cloud.reconcile(batch)
    assert account["balanced"], account
    return {name: value for name, value in account.items() if name != "audit"}
