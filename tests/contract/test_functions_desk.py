"""The deployed `desk`: who gets in, what each role may do, and what every answer carries."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.errors import SettingsInvalid
from shared.web.desk import code_door
from shared.web.desk.front import DoorRoute
from shared.web.desk.rendering import SAFE
from shared.web.desk.route import PageRoute
from shared.web.desk.session import COOKIE
from shared.web.desk.visitor import Role
from shared.wiring import desk as parts
from tests.desk_support import AUDIENCE, HTTPS, SAME_SITE, Auth, form_token, get, post, sign_in
from tests.functions_support import Deployment
from tests.rest_support import Rest
from tests.scripted_vendor import serving
from tests.waiting import wait_until
from tests.web_support import Log

if TYPE_CHECKING:
    from shared.cloud.desk_people import SupabasePeople
    from shared.web.function import HttpFunction


def routes(head: str | None = None) -> list[Any]:
    """The function has started already, since it reads the settings."""
    function: HttpFunction = import_module("functions.desk").desk
    return list(function.routes(head))


def path_of(route: Any) -> str:  # noqa: ANN401 - a Route
    return re.sub(r"\{\w+\}", "5c2b3a0e-9df8-4b8e-8f6c-0d5f4f7f7a11", route.template)


def assert_safe(answer: TestResponse, path: str) -> None:
    assert {name: answer.headers.get(name) for name in SAFE} == dict(SAFE), path
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    if path.startswith("/assets/") and answer.status_code == 200:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    else:
        kept = "private, no-cache" if path == "/" and answer.status_code == 200 else "private, no-store"
        assert answer.headers["Cache-Control"] == kept, path


# --- every route

UNLOGGED = {"/tasks/{id}/draft", "/tasks/{id}/check"}
"""They end nothing and give nothing to anybody; a draft is saved at each pause of a person's typing."""


def test_every_page_that_is_imported_later_is_found_by_the_first_segment_of_its_path(
    desk_pages: FlaskClient,  # noqa: ARG001 - it starts the function
) -> None:
    for route in routes():
        assert route in routes(route.template.split("/", 2)[1]), route.template


def test_every_route_knows_its_role_or_is_for_everybody(desk_pages: FlaskClient) -> None:  # noqa: ARG001 - it starts the function
    for route in routes():
        if isinstance(route, PageRoute):
            if route.method == "POST":
                assert route.role >= Role.REVIEWER, f"{route.template} changes things for a viewer"
                unlogged = route.template in UNLOGGED
                assert bool(route.action) != unlogged, (
                    f"{route.template} leaves nothing in the log of the desk"
                )
        else:
            assert isinstance(route, DoorRoute) or route.template in ("/health", "/assets/{id}"), (
                route.template
            )


@pytest.mark.parametrize(
    ("person", "role"), [("vera", Role.VIEWER), ("rita", Role.REVIEWER), ("olga", Role.OPERATOR)]
)
def test_each_role_gets_its_own_routes_and_no_other(desk_pages: FlaskClient, person: str, role: Role) -> None:
    sign_in(desk_pages, person)
    token = form_token(person)
    for route in routes():
        if not isinstance(route, PageRoute):
            continue
        path = path_of(route)
        answer = (
            get(desk_pages, path)
            if route.method == "GET"
            else post(desk_pages, path, {"token": token}, **SAME_SITE)
        )
        refused = answer.status_code == 403
        assert refused == (role < route.role), (
            f"{route.method} {path} for a {role.word}: {answer.status_code}"
        )
        assert answer.status_code < 500 or answer.status_code == 503, f"{route.method} {path}: {answer.text}"
        assert_safe(answer, path)


def test_nobody_without_a_role_sees_a_page(desk_pages: FlaskClient) -> None:
    sign_in(desk_pages, "stranger")
    for route in routes():
        if isinstance(route, PageRoute) and route.method == "GET":
            answer = get(desk_pages, path_of(route))
            assert (answer.status_code, "no role here yet" in answer.text) == (403, True), route.template


def test_a_role_that_was_taken_away_opens_nothing(desk_pages: FlaskClient) -> None:
    people: SupabasePeople = parts.people()
    people.set_role("rita", None, "olga")
    sign_in(desk_pages, "rita")
    assert get(desk_pages, "/people").status_code == 403
    assert people.role_of("rita") is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/assets/desk.css"),
        ("GET", "/assets/no-such.css"),
        ("GET", "/sign-in"),
        ("GET", "/no/such/page"),
        ("DELETE", "/people"),
        ("POST", "/people"),
        ("POST", "/sign-out"),
        ("OPTIONS", "/people"),
        ("HEAD", "/sign-in"),
    ],
)
def test_every_answer_has_the_headers_that_keep_it_safe(
    desk_pages: FlaskClient, method: str, path: str
) -> None:
    assert_safe(desk_pages.open(path, method=method, base_url=HTTPS), path)


def test_a_page_runs_no_script_of_its_own_text(desk_pages: FlaskClient) -> None:
    """The policy refuses inline scripts and styles anyway; a page without any needs no exception."""
    for path in ("/people", "/sign-in", "/no-such-page"):
        text = get(desk_pages, path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"\son\w+\s*=|\sstyle\s*=|javascript:", text)


# --- forms


def people_form(**changes: str) -> dict[str, str]:
    return {
        "person": "new@example.com",
        "role": "viewer",
        "note": "new here",
        "token": form_token("olga"),
    } | changes


def test_a_form_of_ours_is_carried_out_and_stands_in_the_log(desk_pages: FlaskClient) -> None:
    answer = post(desk_pages, "/people", people_form(), **SAME_SITE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people")
    assert parts.people().role_of("new@example.com") == "viewer"
    action = parts.people().list_people()["actions"][0]
    assert {name: action[name] for name in ("person", "role", "action", "subject", "note")} == {
        "person": "olga",
        "role": "operator",
        "action": "set role",
        "subject": "new@example.com: viewer",
        "note": "new here",
    }


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"token": ""}, SAME_SITE),
        ({"token": "0" * 64}, SAME_SITE),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": "https://localhost.evil.example"}),
        ({}, {"Origin": "https://localhost:444"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_of_another_site_changes_nothing(
    desk_pages: FlaskClient, form: dict[str, str], headers: dict[str, str]
) -> None:
    answer = post(desk_pages, "/people", people_form(**form), **headers)
    assert answer.status_code == 403
    assert parts.people().role_of("new@example.com") is None


def test_the_token_of_one_person_is_not_anothers(desk_pages: FlaskClient) -> None:
    sign_in(desk_pages, "rita")
    assert post(desk_pages, "/people", people_form(), **SAME_SITE).status_code == 403
    assert parts.people().role_of("new@example.com") is None


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("x" * 2_000_000, "application/x-www-form-urlencoded"),
        ("a=" + "x" * 2_000_000, "application/x-www-form-urlencoded"),
        ("&".join(f"a{n}=1" for n in range(5_000)), "application/x-www-form-urlencoded"),
        ('{"person": "eve", "role": "operator"}', "application/json"),
        ("--x\r\nbroken", "multipart/form-data; boundary=x"),
        ("--x\r\n" * 2_000, "multipart/form-data; boundary=x"),
        ("", "multipart/form-data"),
        ("person=%00&role=%ff", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_of_ours_is_refused(
    desk_pages: FlaskClient, body: str, media_type: str
) -> None:
    answer = desk_pages.post("/people", data=body, content_type=media_type, base_url=HTTPS)
    assert 400 <= answer.status_code < 500, answer.text[:500]
    assert_safe(answer, "/people")


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; drop table desk_people; --",
    '=HYPERLINK("https://evil.example","x")',
    "{{ 777 * 777 }}{% include '/etc/passwd' %}",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_was_typed(desk_pages: FlaskClient, text: str) -> None:
    assert post(desk_pages, "/people", people_form(person=text), **SAME_SITE).status_code == 303
    shown = get(desk_pages, "/people").text
    assert not re.search(r"<(script>alert|img src=x)", shown)
    assert "603729" not in shown  # 777 * 777
    assert get(desk_pages, f"/no{text}").status_code == 404
    kept = post(
        desk_pages, "/people", {"person": text, "role": text, "token": form_token("olga")}, **SAME_SITE
    )
    assert kept.status_code == 422
    assert not re.search(r"<(script>alert|img src=x)", kept.text)


# --- signing in and out


def test_the_cookie_belongs_to_this_host_alone_and_no_script_reads_it(desk_pages: FlaskClient) -> None:
    answer = post(desk_pages, "/sign-in", {"person": "Vera"}, **SAME_SITE)
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    flags = rest.split("; ")[1:]
    assert name == COOKIE == "__Host-switchyard"
    assert flags == ["Path=/", "Max-Age=43200", "Secure", "HttpOnly", "SameSite=Lax"]
    assert "<strong>vera</strong>" in get(desk_pages, "/sign-in").text


@pytest.mark.parametrize("cookie", ["", "x", "olga", '"olga".aaaa.bbbb', "IjEi.aWaW.x" * 50])
def test_a_forged_cookie_is_nobodys(desk_deployment: Deployment, cookie: str) -> None:
    client = desk_deployment.function("desk", DESK_DOOR="supabase", DESK_SUPABASE_ANON_KEY="k")
    client.set_cookie(COOKIE, cookie, domain="localhost", secure=True)
    answer = get(client, "/people")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=%2Fpeople")


def test_a_cookie_of_another_door_or_secret_opens_nothing(desk_deployment: Deployment) -> None:
    client = desk_deployment.function("desk")
    sign_in(client, "olga")
    cookie = client.get_cookie(COOKIE, domain="localhost")
    assert cookie is not None
    for changes in (
        {"DESK_DOOR": "supabase", "DESK_SUPABASE_ANON_KEY": "k"},
        {"DESK_DOOR": "supabase", "DESK_SUPABASE_ANON_KEY": "k", "DESK_SECRET": "another" * 8},
    ):
        other = desk_deployment.function("desk", **changes)
        other.set_cookie(COOKIE, cookie.value, domain="localhost", secure=True)
        assert get(other, "/people").status_code == 303


def test_signing_out_ends_the_session_and_only_for_a_form_of_ours(desk_deployment: Deployment) -> None:
    client = desk_deployment.function("desk", DESK_DOOR="supabase", DESK_SUPABASE_ANON_KEY="k")
    value = parts.sessions().cookie("olga").partition("=")[2].partition(";")[0]
    client.set_cookie(COOKIE, value, domain="localhost", secure=True)
    assert get(client, "/people").status_code == 200
    assert post(client, "/sign-out", {}, **SAME_SITE).status_code == 403
    assert (
        post(client, "/sign-out", {"token": form_token("olga")}, Origin="https://evil.example").status_code
        == 403
    )
    assert get(client, "/people").status_code == 200
    answer = post(client, "/sign-out", {"token": form_token("olga")}, **SAME_SITE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert get(client, "/people").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "evil.example",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(desk_pages: FlaskClient, wanted: str) -> None:
    answer = post(desk_pages, "/sign-in", {"person": "vera", "next": wanted}, **SAME_SITE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert len(answer.headers.getlist("Set-Cookie")) == 1
    assert "evil" not in get(desk_pages, f"/sign-in?next={wanted}").text


@pytest.mark.parametrize("wanted", ["/people", "/tasks?state=open&search=a%20b", "/日本"])
def test_signing_in_leads_to_the_page_that_was_wanted(desk_pages: FlaskClient, wanted: str) -> None:
    answer = post(desk_pages, "/sign-in", {"person": "vera", "next": wanted}, **SAME_SITE)
    assert unquote(answer.headers["Location"]) == unquote(wanted)


def test_another_site_signs_nobody_in(desk_pages: FlaskClient) -> None:
    answer = post(desk_pages, "/sign-in", {"person": "eve"}, Origin="https://evil.example")
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


# --- the laptop's door


def test_the_laptops_door_does_not_start_in_the_cloud(
    desk_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_SERVICE", "desk")
    with pytest.raises(SettingsInvalid, match="DESK_DOOR is wrong"):
        desk_deployment.function("desk")


def test_the_laptops_door_is_closed_under_a_name_of_the_web(desk_pages: FlaskClient) -> None:
    """A site can give itself the address 127.0.0.1; its pages would then be of our origin, but for the name."""
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8004"):
        assert desk_pages.get("/people", base_url=f"http://{host}").status_code == 403
        answer = desk_pages.post("/sign-in", data={"person": "olga"}, base_url=f"http://{host}")
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    for host in ("127.0.0.1:8004", "localhost:8004", "[::1]:8004"):
        assert desk_pages.get("/people", base_url=f"http://{host}").status_code == 200


@pytest.mark.parametrize(
    ("door", "missing"), [("iap", "DESK_IAP_AUDIENCE"), ("supabase", "DESK_SUPABASE_ANON_KEY")]
)
def test_a_door_without_its_setting_does_not_start(
    desk_deployment: Deployment, door: str, missing: str
) -> None:
    with pytest.raises(SettingsInvalid, match=f"{missing} is missing"):
        desk_deployment.function("desk", DESK_DOOR=door)


# --- the other doors


def test_behind_iap_a_request_without_its_token_sees_no_page(desk_deployment: Deployment) -> None:
    client = desk_deployment.function("desk", DESK_DOOR="iap", DESK_IAP_AUDIENCE=AUDIENCE)
    assert get(client, "/people").status_code == 303
    answer = get(client, "/sign-in")
    assert (answer.status_code, "Identity-Aware Proxy" in answer.text) == (401, True)
    assert get(client, "/people", X_Goog_IAP_JWT_Assertion="a.b.c").status_code == 403
    assert (
        get(client, "/people", X_Goog_Authenticated_User_Email="accounts.google.com:olga").status_code == 303
    )


@pytest.fixture
def auth(
    desk_deployment: Deployment, rest_server: Rest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Auth, FlaskClient]]:
    """Supabase Auth before the database, and the desk with the door `supabase`; ana@example.com is a viewer."""
    monkeypatch.setattr(code_door, "SEND_SECONDS", 0)
    state = Auth(rest_server.url)
    with serving(state.script) as (url, _asked):
        client = desk_deployment.function(
            "desk", SUPABASE_URL=url, DESK_DOOR="supabase", DESK_SUPABASE_ANON_KEY="anon"
        )
        parts.people().set_role("ana@example.com", "operator", "olga")
        yield state, client


def ask(client: FlaskClient, address: str) -> TestResponse:
    return post(client, "/sign-in", {"person": address, "next": "/people"}, **SAME_SITE)


def test_a_code_by_e_mail_signs_in(auth: tuple[Auth, FlaskClient]) -> None:
    state, client = auth
    assert get(client, "/people").headers["Location"] == "/sign-in?next=%2Fpeople"
    answer = ask(client, " Ana@Example.com ")
    assert answer.headers["Location"] == "/sign-in?next=%2Fpeople"
    wait_until(lambda: "ana@example.com" in state.codes)
    assert "ana@example.com" in get(client, "/sign-in").text
    assert get(client, "/people").status_code == 303  # a browser that waits for a code is not in yet
    wrong = post(client, "/sign-in", {"code": "000000"}, **SAME_SITE)
    assert (wrong.status_code, "wrong or too old" in wrong.text) == (422, True)
    right = post(client, "/sign-in", {"code": "123456", "next": "/people"}, **SAME_SITE)
    assert (right.status_code, right.headers["Location"]) == (303, "/people")
    assert "<strong>ana@example.com</strong>" in get(client, "/people").text


def test_the_answer_is_the_same_for_an_address_without_a_role_which_gets_no_code(
    auth: tuple[Auth, FlaskClient],
) -> None:
    state, client = auth

    def answers(address: str) -> list[tuple[int, str]]:
        first = ask(client, address)
        shown = get(client, "/sign-in")
        tried = post(client, "/sign-in", {"code": "000000"}, **SAME_SITE)
        return [(answer.status_code, answer.text.replace(address, "X")) for answer in (first, shown, tried)]

    assert answers("ana@example.com") == answers("eve@example.com")
    wait_until(lambda: len(state.asked) > 0)
    assert [asked["email"] for asked in state.asked] == ["ana@example.com"]
    assert [tried["email"] for tried in state.tried] == ["ana@example.com", "eve@example.com"]


def test_every_answer_to_an_address_takes_the_same_time(
    auth: tuple[Auth, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = auth
    waited: list[float] = []
    monkeypatch.setattr(code_door, "SEND_SECONDS", 2.0)
    monkeypatch.setattr(parts.door(), "_wait", waited.append)
    for address in ("ana@example.com", "eve@example.com"):
        ask(client, address)
    assert waited == [2.0, 2.0]


def test_a_code_cannot_be_guessed(auth: tuple[Auth, FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    state, client = auth
    monkeypatch.setattr(code_door, "MOST_TRIES", 3)
    ask(client, "ana@example.com")
    wait_until(lambda: "ana@example.com" in state.codes)
    for guess in ("000000", "000001", "000002"):
        assert post(client, "/sign-in", {"code": guess}, **SAME_SITE).status_code == 422
    answer = post(client, "/sign-in", {"code": "123456"}, **SAME_SITE)
    assert (answer.status_code, "too often" in answer.text) == (429, True)
    assert len(state.tried) == 3


@pytest.mark.parametrize(
    "address",
    ["", "ana", "ana@example", "a b@example.com", "stra\u00dfe@example.com", "a@b.c\r\nX: y", "x" * 300],
)
def test_what_is_no_address_is_refused_at_the_field(auth: tuple[Auth, FlaskClient], address: str) -> None:
    _, client = auth
    answer = ask(client, address)
    assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
    assert "Set-Cookie" not in answer.headers


def test_a_code_without_having_asked_for_one_is_refused(auth: tuple[Auth, FlaskClient]) -> None:
    """A person who knows a code cannot make another person's browser sign in with it."""
    state, client = auth
    state.codes["ana@example.com"] = "123456"
    answer = post(client, "/sign-in", {"code": "123456", "person": "ana@example.com"}, **SAME_SITE)
    assert (answer.status_code, state.tried) == (422, [])


def test_neither_address_nor_code_is_logged(auth: tuple[Auth, FlaskClient], log: Log) -> None:
    state, client = auth
    ask(client, "ana@example.com")
    wait_until(lambda: "ana@example.com" in state.codes)
    post(client, "/sign-in", {"code": "123456"}, **SAME_SITE)
    assert "ana@" not in log.text
    assert "123456" not in log.text


def test_tries_end_with_their_time(service_connection: psycopg.Connection) -> None:
    def count(person: str, at: str) -> bool:
        row: Any = service_connection.execute(
            "select count_desk_code_try(%s, 2, '1 hour', %s)", (person, f"2026-11-22 {at}+00")
        ).fetchone()
        assert row
        return bool(row[0])

    assert [count("a", "12:00"), count("a", "12:10"), count("a", "12:59")] == [True, True, False]
    assert count("b", "12:59")
    assert count("a", "13:00")
