"""The desk of a morning's work in a browser: every page as all kinds of people meet it, and the operator's work."""

import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from pypdf import PdfReader

from infra.local.demo.backstage import Backstage
from infra.local.local_stack import LocalStack
from infra.screenshots import BATCH, PHONE, WIDE, filled_stack, most_to_show
from tests.browser_support import Window, Windows
from tests.folders import fast_folder
from tests.waiting import wait_until

Json = dict[str, Any]

MOST_SHIFT = 0.02
SERIES = (
    "throughput",
    "weeks",
    "manufacturers",
    "categories",
    "rules",
    "decisions",
    "backlog",
    "work",
    "postage",
)
NOBODY = "00000000-0000-4000-8000-000000000000"
SOLD = {"path": "/shipping", "method": "POST"}


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with fast_folder() as folder, filled_stack(folder, 40, DESK_OPERATORS="ana,bob") as running:
        yield running


@pytest.fixture(scope="module")
def desk(stack: LocalStack) -> str:
    return stack.url("desk")


@pytest.fixture
def backstage(stack: LocalStack) -> Iterator[Backstage]:
    with Backstage(stack) as running:
        yield running


def send(stack: LocalStack, path: str, body: Json) -> Json:
    """A call of the function `workflow`."""
    answer = httpx.post(f"{stack.url('workflow')}{path}", json=body, timeout=60, trust_env=False)
    found: Json = answer.raise_for_status().json()
    return found


def tasks(backstage: Backstage, **wanted: str) -> list[Json]:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    found: list[Json] = backstage.report(f"/manual-tasks?limit=200&{query}")["manual_tasks"]
    return found


# --- every page ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paths(stack: LocalStack) -> list[str]:
    """All pages, each with something to show, and those that say no."""
    with Backstage(stack) as backstage:
        free = [each["id"] for each in tasks(backstage, state="free")]
        orders = backstage.report("/orders?limit=200")["orders"]
    send(stack, f"/manual-tasks/{free[0]}/claim", {"assignee": "bob"})
    for number, way in ((1, "complete"), (2, "fail")):
        send(stack, f"/manual-tasks/{free[number]}/claim", {"assignee": "ana"})
        send(stack, f"/manual-tasks/{free[number]}/{way}", {"assignee": "ana", "note": "looked"})
    job = {
        "kind": "reprioritise",
        "priority": "low",
        "wanted": {"batch": BATCH},
        "by": "ana",
        "note": "later",
    }
    known = send(stack, "/jobs", job | {"job_id": str(uuid.uuid4())})["id"]
    named = most_to_show(stack)
    asking = next(each["order_id"] for each in orders if each["attention"])
    return [
        "/",
        *(
            "/tasks",
            "/tasks?view=mine",
            "/tasks?view=done",
            "/tasks?search=no-such-part",
            "/tasks?search=%3Cb%3E",
        ),
        *(f"/tasks/{named['task']}", *(f"/tasks/{each}" for each in free[:3]), f"/tasks/{free[3]}?look=true"),
        *("/jobs", f"/jobs/{known}", "/jobs/new?priority=low"),
        *("/orders", "/orders?attention=true", "/orders?state=label_created"),
        *(f"/orders/{named['order']}", f"/orders/{asking}"),
        *("/messages", "/messages?unanswered=true", "/people", "/sign-in"),
        *(f"/insight?series={name}" for name in SERIES),
        *("/nothing", f"/tasks/{NOBODY}", "/orders/none", f"/jobs/{NOBODY}"),
    ]


@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", WIDE), ("dark", WIDE), ("light", PHONE)],
    ids=["in daylight", "in the dark", "on a phone"],
)
def test_every_page_is_for_everybody_and_stands_still(
    windows: Windows,
    paths: list[str],
    scheme: Literal["light", "dark"],
    size: tuple[int, int],
) -> None:
    window = windows(scheme=scheme, size=size)
    wrong: dict[str, object] = {}
    for path in paths:
        window.open(path)
        shift, overflow = window.shift, window.overflow
        if shift > MOST_SHIFT or overflow:
            wrong[f"{path} moves"] = (shift, overflow)
        window.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        if barriers := window.barriers():
            wrong[path] = barriers
        if window.overflow:
            wrong[f"{path} opened"] = window.overflow
    assert not wrong, wrong


def test_a_form_with_a_mistake_and_the_list_of_keys_are_for_everybody(
    windows: Windows, paths: list[str]
) -> None:
    window = windows()
    window.open(paths[2])
    window.open("/tasks")
    window.page.keyboard.press("?")
    window.says("down, up")
    assert not window.barriers()
    window.page.keyboard.press("Escape")
    window.press("n")
    window.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    form = window.page.locator("form[action$='/fail']")
    form.evaluate("each => { each.noValidate = true }")
    assert window.leave(form.get_by_role("button").click) == 422
    window.says("say why it cannot be done")
    assert not window.barriers()


# --- the operator -------------------------------------------------------------------------------------------


def test_an_operator_rescues_an_order_of_which_nobody_knows_whether_a_label_was_sold(
    backstage: Backstage, windows: Windows
) -> None:
    order = f"rescue-{uuid.uuid4().hex[:6]}-A"
    backstage.control("mirakl", "POST", "orders", {"orders": [{"order_id": order}]})
    backstage.fire("accept-orders", {"cycle": f"{order}-1"})
    backstage.wait_for_payment()
    backstage.control(
        "canada-post", "PUT", "faults", {"faults": [{"kind": "error_before", "status": 500, **SOLD}]}
    )
    wait_until(lambda: stage_ran(backstage, order, "label_unknown"))
    backstage.control("canada-post", "PUT", "faults", {"faults": []})
    assert labels_of(backstage, order) == 0

    window = windows()
    window.open("/orders?state=label_unknown")
    window.leave(window.page.get_by_role("link", name=order).click)
    card = window.page.locator("details.decision", has_text="It was not sold").last
    card.locator("summary").click()
    card.get_by_label("Where did you look?").fill("at the carrier's site: nothing there")
    window.leave(card.get_by_role("button").click)
    window.says("accepted")
    wait_until(lambda: stage_ran(backstage, order, "label_created"))
    window.open(f"/orders/{order}")
    window.says("at the carrier's site: nothing there")
    assert labels_of(backstage, order) == 1


def stage_ran(backstage: Backstage, order: str, state: str) -> bool:
    backstage.fire("create-labels", {"cycle": f"by-hand-{uuid.uuid4()}"})
    return bool(backstage.report(f"/orders/{order}")["state"] == state)


def labels_of(backstage: Backstage, order: str) -> int:
    """As the carrier counts them."""
    references: Json = backstage.control("canada-post", "GET", "books")["references"]
    return int(references.get(order, 0))


def test_25_labels_are_printed_as_one_file(backstage: Backstage, windows: Windows) -> None:
    names = [f"print-{number}-{uuid.uuid4().hex[:6]}-A" for number in range(25)]
    backstage.control("canada-post", "PUT", "faults", {"faults": []})
    backstage.control("mirakl", "POST", "orders", {"orders": [{"order_id": name} for name in names]})
    backstage.fire("accept-orders", {"cycle": f"{names[0]}-1"})
    backstage.wait_for_payment()

    def labelled() -> bool:
        backstage.fire("create-labels", {"cycle": f"by-hand-{uuid.uuid4()}"})
        waiting = backstage.report("/orders?state=label_created&limit=200")["orders"]
        return {*names} <= {each["order_id"] for each in waiting}

    wait_until(labelled)
    window = windows()
    window.open("/orders?state=label_created&limit=200")
    for name in names:
        window.page.get_by_label(f"Print the label of {name}").check()
    with window.page.context.expect_event("request", lambda each: "/labels?" in each.url) as asked:
        window.page.get_by_role("button", name="Print the chosen labels").click()
    answer = window.page.request.get(asked.value.url)
    assert "no-store" in answer.headers["cache-control"]
    assert len(PdfReader(io.BytesIO(answer.body())).pages) == 25
    assert window.page.get_by_role("button", name="Print the chosen labels").is_enabled(), "and again"


def test_a_reply_is_sent_once_though_its_form_is_sent_twice(
    stack: LocalStack, backstage: Backstage, windows: Windows
) -> None:
    thread = f"t-{uuid.uuid4()}"
    order = next(iter(backstage.control("mirakl", "GET", "orders")["orders"]))
    question = {"thread_id": thread, "order_id": order, "messages": [{"body": "Where is it? <script>"}]}
    backstage.control("mirakl", "POST", "threads", {"threads": [question]})
    backstage.fire("sync-messages", {"cycle": f"{thread}-1"})
    window = windows()
    window.open("/messages?unanswered=true")
    card = window.page.locator(f"[id='t-{thread}']")
    card.get_by_text("Reply").first.click()
    card.get_by_label("To the customer").fill("It ships today.")
    form = card.locator("form")
    fields = form.evaluate("each => Object.fromEntries(new FormData(each))")
    path = form.get_attribute("action")
    assert window.page.request.post(f"{window.base}{path}", form=fields, max_redirects=0).status == 303
    window.leave(card.get_by_role("button", name="Send").click)
    for number in (2, 3):
        backstage.fire("sync-messages", {"cycle": f"{thread}-{number}"})
    url = f"{stack.url('mirakl')}/api/inbox/threads/{thread}"
    shown = httpx.get(url, headers={"Authorization": "local-key"}, trust_env=False).raise_for_status().json()
    assert [each["body"] for each in shown["messages"]].count("It ships today.") == 1


# --- keys, and taking values over ---------------------------------------------------------------------------


def test_keys_move_through_the_inbox_and_search_it(windows: Windows) -> None:
    window = windows()
    keys = window.page.keyboard
    window.open("/tasks?sort=part")
    parts = window.page.locator("[data-row] .part").all_inner_texts()
    for key in "jjjk":
        keys.press(key)
    window.press("Enter")
    assert window.part == parts[1]
    window.open("/tasks")
    keys.press("/")
    keys.type(parts[0])
    window.press("Enter")
    assert parts[0] in window.page.locator("[data-row] .part").all_inner_texts()
    for key in "g":
        keys.press(key)
    window.press("n")
    assert window.page.url == f"{window.base}/"


def test_a_vendors_value_and_a_spreadsheets_columns_are_taken_over_with_their_origin(
    backstage: Backstage, windows: Windows
) -> None:
    window, field = with_an_offer(backstage, windows)
    cell = window.page.locator(f"{field} input:not([type=hidden]), {field} textarea").first
    offered = window.page.locator(f"{field} ~ .from [data-take=vendor]").first.get_attribute("data-value")
    cell.focus()
    window.page.keyboard.press("Alt+v")
    assert cell.input_value() == offered

    name = window.page.get_by_label("Name of a new attribute").first
    window.page.evaluate(
        "text => navigator.clipboard.writeText(text)", "Pitch\t1.27 mm\nRows\t2\nFinish\ttin"
    )
    name.focus()
    window.page.keyboard.press("Control+v")
    window.says("changed")
    task = window.page.url.partition("/tasks/")[2].partition("?")[0]
    window.press("Control+Enter")
    done = backstage.report(f"/manual-tasks/{task}")
    attributes = done["product"]["attributes"]
    assert (attributes["Pitch"], attributes["Rows"], attributes["Finish"]) == ("1.27 mm", "2", "tin")
    origins = done["edited_fields"]["origins"]
    assert "vendor" in origins.values()
    assert origins["attribute:Pitch"] == "typed"


def with_an_offer(backstage: Backstage, windows: Windows) -> tuple[Window, str]:
    """The page of a task of which the vendor offers two candidates, and the selector of its empty category."""
    window = windows()
    task = next(each for each in tasks(backstage, state="free") if each["cause"] == "ambiguous")
    window.open(f"/tasks/{task['id']}")
    return window, "[data-field]:has([name=category])"


# --- the page Now -------------------------------------------------------------------------------------------


def test_now_renews_itself_cheaply_and_says_when_it_cannot(
    stack: LocalStack, backstage: Backstage, windows: Windows
) -> None:
    window = windows()
    page = window.page
    page.clock.install()
    window.open("/")
    page.evaluate("document.left = true")

    def polled() -> None:
        with page.expect_event("requestfinished", lambda each: each.url == f"{window.base}/"):
            page.clock.fast_forward(16_000)

    log = Path(stack.supervisor.record("desk").log)
    before = log.read_text().count("GET / 304")
    polled()
    polled()
    assert log.read_text().count("GET / 304") > before

    shown = page.locator("#now").get_by_text("open", exact=True).locator("xpath=..").locator(".figure")
    figure = int(shown.inner_text().replace(",", ""))
    free = tasks(backstage, state="free")[0]["id"]
    send(stack, f"/manual-tasks/{free}/claim", {"assignee": "cleo"})
    send(stack, f"/manual-tasks/{free}/fail", {"assignee": "cleo", "note": "gone"})
    polled()
    wait_until(lambda: int(shown.inner_text().replace(",", "")) == figure - 1)

    stack.kill("desk")
    page.clock.fast_forward(16_000)
    window.says("This page could not renew itself.")
    stack.restart("desk")
    polled()
    page.get_by_text("This page could not renew itself.").wait_for(state="hidden")
    assert page.evaluate("document.left"), "without a reload"
    assert all("Failed to fetch" in each for each in window.complaints)
    window.complaints.clear()


# --- without scripts ----------------------------------------------------------------------------------------


def test_without_scripts_a_clerk_does_the_same(
    stack: LocalStack, backstage: Backstage, windows: Windows
) -> None:
    batch = f"by-hand-{uuid.uuid4()}"
    taken = {"limit": 4, "force": "manual", "batch_id": batch}
    httpx.post(stack.url("orchestrate"), json=taken, timeout=60, trust_env=False).raise_for_status()
    window = windows(scripts=False)
    page = window.page
    window.open(f"/tasks?batch={batch}")

    def click(name: str) -> None:
        status = window.leave(page.get_by_role("button", name=name).first.click)
        assert status == 200, page.inner_text("main")

    click("Take the next task")
    task, part = page.url, window.part
    page.fill("#t-category", "Connectors")
    click("Save draft")
    assert page.input_value("#t-category") == "Connectors"
    click("Show the difference")
    window.says("Connectors")
    click("Complete, next")
    assert window.part != part
    window.says("completed")
    click("Undo")
    assert window.part == part
    click("Skip")
    skipped = window.part
    page.locator("summary", has_text="It cannot be done").click()
    page.get_by_label("Why?").fill("obsolete")
    click("End as failed")
    failed = tasks(backstage, state="failed", search=skipped)
    assert [each["note"] for each in failed] == ["obsolete"]
    window.open(task.removeprefix(window.base))
    assert page.input_value("#t-category") == "Connectors", "what was taken back is a draft again"


def test_without_scripts_an_operator_does_the_same(backstage: Backstage, windows: Windows) -> None:
    window = windows("bob", scripts=False)
    page = window.page
    window.open("/jobs/new?priority=low")
    page.get_by_label("Why?").fill("dry")
    window.leave(page.get_by_role("button", name="Show what it would do").click)
    window.says("would")

    order = tidy(backstage)
    window.open(f"/orders/{order}")
    card = page.locator("details.decision", has_text="Split into parcels").last
    card.locator("summary").click()
    card.get_by_label("Why?").fill("two boxes")
    card.get_by_label("Parcels").fill("2")
    assert window.leave(card.get_by_role("button").click) == 200
    assert backstage.report(f"/orders/{order}")["parcels"] == 2

    window.open("/")
    row = page.locator("tr", has_text="sync-messages")
    for name in ("Run now", "Resume", "Pause"):
        button = row.get_by_role("button", name=name)
        assert window.leave(button.click) == 200, name
    window.open("/people")
    window.says("pause scheduled job")


def tidy(backstage: Backstage) -> str:
    """A fresh accepted order."""
    order = f"tidy-{uuid.uuid4().hex[:6]}-A"
    backstage.control("mirakl", "POST", "orders", {"orders": [{"order_id": order}]})
    backstage.fire("accept-orders", {"cycle": f"{order}-1"})
    backstage.wait_for_payment()
    backstage.fire("accept-orders", {"cycle": f"{order}-2"})
    return order
