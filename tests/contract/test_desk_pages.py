"""Pages of tasks and orders: nothing typed is lost, nothing counts twice, nobody sees what is not theirs."""

import re
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from shared.wiring import enrichment
from tests.contract.fulfillment_calls import Fulfillment, thread
from tests.desk_support import SAME_SITE, form_token, get, post, sign_in
from tests.functions_support import Deployment, manual
from tests.record_support import free_tasks

BUYER = {
    "name": "Marguerite Planted",
    "street_1": "77 Planted Street",
    "city": "Plantedville",
    "postal_code": "H2X 1Y4",
    "country": "CAN",
    "phone": "514-555-0177",
}


def test_what_is_typed_for_a_task_is_kept_before_it_is_sent(desk_pages: FlaskClient) -> None:
    sign_in(desk_pages, "rita")
    path = f"/tasks/{manual('LM317T')}"
    form = {"token": form_token("rita"), "category": "Linear regulators"}
    line = post(desk_pages, f"{path}/draft", form, HX_Request_Type="partial", **SAME_SITE)
    assert (line.status_code, "draft saved" in line.text) == (200, True)
    sent_without_scripts = post(desk_pages, f"{path}/draft", form, **SAME_SITE)
    assert (sent_without_scripts.status_code, sent_without_scripts.headers["Location"]) == (303, path)
    assert 'value="Linear regulators"' in get(desk_pages, path).text


def test_a_button_of_a_service_that_is_away_keeps_the_note(desk_deployment: Deployment) -> None:
    desk_pages = desk_deployment.function("desk")
    sign_in(desk_pages, "olga")
    form = {"token": form_token("olga"), "note": "the vendor is back"}
    answer = post(desk_pages, "/jobs-of-scheduler/sweep/run", form, **SAME_SITE)
    assert (answer.status_code, "The Cloud Scheduler request for sweep failed" in answer.text) == (503, True)
    assert '<input type="hidden" name="note" value="the vendor is back">' in answer.text
    assert "Try again" not in answer.text, "its address answers no GET"


def test_what_was_typed_outlives_the_session(desk_deployment: Deployment) -> None:
    """With a door that asks who it is, a form that comes after the session is shown again, not thrown away."""
    desk_pages = desk_deployment.function("desk", DESK_DOOR="supabase", DESK_SUPABASE_ANON_KEY="anon")
    answer = post(desk_pages, "/orders/A/retry", {"token": "old", "note": "the account is paid"}, **SAME_SITE)
    assert (answer.status_code, "Sign in</a> in another tab" in answer.text) == (401, True)
    assert 'name="note" value="the account is paid"' in answer.text


def test_the_next_task_that_is_asked_for_twice_is_one_task(desk_pages: FlaskClient) -> None:
    for pn in ("ONE", "TWO", "THREE"):
        manual(pn)
    sign_in(desk_pages, "rita")
    form = {"token": form_token("rita"), "call": str(uuid4())}
    first, again = (post(desk_pages, "/tasks/next", form, **SAME_SITE) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    assert len(free_tasks(enrichment.record_store())) == 2


def test_a_completion_that_is_sent_twice_completes_once_and_goes_on_with_one_task(
    desk_pages: FlaskClient,
) -> None:
    tasks = [manual(pn) for pn in ("ONE", "TWO", "THREE")]
    sign_in(desk_pages, "rita")
    get(desk_pages, f"/tasks/{tasks[0]}")
    form = {"token": form_token("rita"), "category": "Logic", "call": str(uuid4())}
    first, again = (post(desk_pages, f"/tasks/{tasks[0]}/complete", form, **SAME_SITE) for _ in range(2))
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["Location"].partition("?")[0] == again.headers["Location"].partition("?")[0]
    assert len(free_tasks(enrichment.record_store())) == 1


def test_a_task_that_is_skipped_once_more_goes_on_with_what_is_free_by_then(desk_pages: FlaskClient) -> None:
    """Each page makes its own call: the answer to an earlier skip, that nothing was free, does not stand for ever."""
    path = f"/tasks/{manual('ONE')}"
    sign_in(desk_pages, "rita")

    def skip() -> str:
        (call,) = set(re.findall(r'name="call" value="([^"]+)"', get(desk_pages, path).text))
        form = {"token": form_token("rita"), "call": call}
        return post(desk_pages, f"{path}/skip", form, **SAME_SITE).headers["Location"].partition("?")[0]

    assert skip() == "/tasks"
    free = manual("TWO")
    assert skip() == f"/tasks/{free}"


def test_another_candidate_of_the_vendor_keeps_the_inbox_from_which_one_came(desk_pages: FlaskClient) -> None:
    task = manual("LM317T")
    sign_in(desk_pages, "rita")
    page = get(desk_pages, f"/tasks/{task}?search=LM&candidate=1").text
    assert '<input type="hidden" name="filter" value="search=LM">' in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//elsewhere.example", 5, None])
def test_an_address_of_the_vendor_that_is_no_web_address_is_no_link(
    desk_pages: FlaskClient, url: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor may answer otherwise than it documents."""
    task = manual("LM317T")
    store = enrichment.record_store()
    whole = store.manual_task
    answered = {"vendor": {"pn": "X", "url": url}}
    monkeypatch.setattr(store, "manual_task", lambda *asked: whole(*asked) | answered)
    sign_in(desk_pages, "rita")
    page = get(desk_pages, f"/tasks/{task}")
    assert (page.status_code, "The vendor&#39;s page" in page.text or "The vendor's page" in page.text) == (
        200,
        False,
    )


@pytest.mark.parametrize(("person", "sees"), [("vera", False), ("rita", False), ("olga", True)])
def test_a_buyers_data_is_shown_to_operators_alone(
    desk_pages: FlaskClient, fulfillment: Fulfillment, person: str, *, sees: bool
) -> None:
    fulfillment.accepted("A", address=BUYER)
    fulfillment.store_threads(thread("T", "Where is 77 Planted Street's parcel?", order_ids=["A"]))
    sign_in(desk_pages, person)
    paths = (
        "/",
        "/tasks",
        "/orders",
        "/orders/A",
        "/orders/A?open=address",
        "/jobs",
        "/insight",
        "/messages",
    )
    shown = " ".join(
        get(desk_pages, path).data.decode("latin1") for path in (*paths, "/orders/A/packing-slip", "/people")
    )
    assert bool(re.search("Planted|514-555-0177|H2X", shown)) is sees
