"""Calls functions through both official clients, unmodified, and checks each kind of result."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest
import supabase
from postgrest import APIError, SyncPostgrestClient

from tests.postgres_support import Database
from tests.rest_support import Rest, serving

Call = Callable[..., Any]

pytestmark = (
    pytest.mark.filterwarnings(  # `supabase` builds its own `postgrest` client in a way that this deprecates
        "ignore:The '(timeout|verify|proxy)' parameter is deprecated:DeprecationWarning"
    )
)


@pytest.fixture(params=["postgrest", "supabase"])
def call(request: pytest.FixtureRequest, sample_rest: Rest) -> Iterator[Call]:
    if request.param == "postgrest":
        with SyncPostgrestClient(sample_rest.rest_url, headers=sample_rest.headers()) as client:
            yield lambda name, **arguments: client.rpc(name, arguments).execute().data
    else:
        project = supabase.create_client(sample_rest.url, sample_rest.service_key)
        if not sample_rest.prefix:  # a bare PostgREST has no gateway that takes /rest/v1 away
            project.rest_url = project.supabase_url
        yield lambda name, **arguments: project.rpc(name, arguments).execute().data
        project.postgrest.aclose()


def test_a_scalar_comes_back_as_itself(call: Call) -> None:
    assert call("add", a=1, b=2) == 3


def test_a_parameter_left_out_takes_its_default(call: Call) -> None:
    assert call("add", a=1) == 11


def test_json_comes_back_as_it_is_and_each_argument_takes_its_declared_type(call: Call) -> None:
    given = {
        "a_text": 'it\'s "ünïcode" 🚀',
        "a_number": 0.1,
        "a_uuid": "6f3c0c4e-9a0e-4d3c-8d0a-0a2f7c8b1e11",
        "a_time": "2026-01-02T03:04:05+01:00",
        "a_flag": True,
        "a_json": {"deep": [1, {"x": None}]},
        "a_list": [3, 1, 2],
        "a_colour": "green",
    }
    back = call("echo", **given)
    assert back["time"] == "2026-01-02T02:04:05+00:00"
    assert {f"a_{name}": value for name, value in back.items() if name != "time"} == {
        name: value for name, value in given.items() if name != "a_time"
    }


def test_null_and_absent_values_are_null_in_the_database(call: Call) -> None:
    arguments = dict.fromkeys(
        ("a_text", "a_number", "a_uuid", "a_time", "a_flag", "a_json", "a_list", "a_colour"), None
    )
    assert set(call("echo", **arguments).values()) == {None}


def test_a_null_scalar_comes_back_as_null(call: Call) -> None:
    assert call("no_value") is None


def test_a_variadic_parameter_takes_a_list(call: Call) -> None:
    assert call("total", numbers=[1, 2, 3]) == 6


def test_a_set_of_scalars_is_a_list(call: Call) -> None:
    assert call("numbers", upto=3) == [1, 2, 3]


def test_an_empty_set_is_an_empty_list(call: Call) -> None:
    assert call("numbers", upto=0) == []


def test_a_composite_is_an_object(call: Call) -> None:
    assert call("part", wanted=1)["tags"] == ["steel", "m4"]


def test_output_parameters_are_an_object(call: Call) -> None:
    assert call("bounds") == {"low": 1, "high": 9}


def test_a_single_output_parameter_is_an_object_too(call: Call) -> None:
    assert call("one_out") == {"low": 1}
    assert call("one_inout", low=1) == {"low": 2}
    assert call("one_column") == [{"low": 1}, {"low": 2}]


def test_a_set_of_rows_is_a_list_of_objects(call: Call) -> None:
    assert [part["name"] for part in call("all_parts")] == ["bolt", 'nut, "hex"', "washer"]


def test_a_returned_table_is_a_list_of_objects(call: Call) -> None:
    assert call("names")[0] == {"id": 1, "name": "bolt"}


def test_names_that_need_quotes_work(call: Call) -> None:
    assert call("Quoted Name", **{"The Value": "v"}) == "v"


def test_a_write_is_committed(call: Call) -> None:
    assert call("store", p_id=7, p_name="rivet") == 7
    assert call("part", wanted=7)["name"] == "rivet"


def test_an_error_of_the_database_reaches_the_caller_as_an_api_error(call: Call) -> None:
    with pytest.raises(APIError) as caught:
        call("store", p_id=1, p_name="again")
    assert caught.value.code == "23505"
    assert caught.value.details == "Key (id)=(1) already exists."


def test_void_answers_204_without_a_body(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/nothing", json={})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_body_may_be_left_out_for_a_function_without_parameters(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        assert client.post("/rpc/bounds").json() == {"low": 1, "high": 9}


def test_numbers_keep_every_digit(sample_rest: Rest) -> None:
    digits = "12345678901234567890.123456789"
    body = f'{{"a_text":null,"a_number":{digits},"a_uuid":null,"a_time":null,"a_flag":null,"a_json":{{"n":{digits}}}'
    with sample_rest.client() as client:
        answer = client.post(
            "/rpc/echo",
            content=body + ',"a_list":null,"a_colour":null}',
            headers={"Content-Type": "application/json"},
        )
    assert answer.text.count(digits) == 2


def test_a_set_gives_the_range_of_its_rows(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        assert client.post("/rpc/numbers", json={"upto": 3}).headers["content-range"] == "0-2/*"
        assert client.post("/rpc/numbers", json={"upto": 0}).headers["content-range"] == "*/*"


def test_a_refused_call_stores_nothing_and_leaves_its_connection_usable(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        for attempt in range(30):  # more than there are connections
            assert client.post("/rpc/price_part", json={"p_part": 1, "p_price": -attempt}).status_code == 400
        assert client.get("/prices").json() == []


def test_a_refused_call_breaks_no_prepared_statement_of_later_calls(sample_database: Database) -> None:
    """Psycopg would prepare COMMIT at its sixth use, in the refused call; `prepare=False` or `rollback` mends it."""
    with (
        serving(sample_database.authenticator_url, pool=1) as rest,
        rest.client() as client,
    ):
        unknown_role = rest.headers(jwt.encode({"role": "nobody_here"}, rest.secret, algorithm="HS256"))
        assert client.post("/rpc/nothing", headers=unknown_role).status_code == 401
        for _ in range(5):
            assert client.post("/rpc/nothing").status_code == 204
        assert client.post("/rpc/hurried_wait", json={"seconds": 30}).status_code == 500
        assert client.post("/rpc/nothing").status_code == 204


def test_a_constraint_checked_at_the_end_of_the_transaction_is_reported(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.post("/rpc/price_part", json={"p_part": 12345, "p_price": 1})
        assert (answer.status_code, answer.json()["code"]) == (409, "23503")
        assert client.get("/prices").json() == []


def test_a_function_made_after_the_start_is_found(sample_database: Database) -> None:
    with (
        serving(sample_database.authenticator_url) as rest,
        rest.client() as client,
        sample_database.connect() as owner,
    ):
        assert client.post("/rpc/late").status_code == 404
        owner.execute("create function late() returns int language sql return 1")
        assert client.post("/rpc/late").json() == 1
        owner.execute(
            "drop function late; create function late(extra text) returns text language sql return extra"
        )
        assert client.post("/rpc/late").status_code == 404
        assert client.post("/rpc/late", json={"extra": "now"}).json() == "now"


def test_a_repeated_call_sees_a_function_that_was_replaced(sample_database: Database) -> None:
    with (
        serving(sample_database.authenticator_url, pool=1) as rest,
        rest.client() as client,
        sample_database.connect() as owner,
    ):
        assert client.post("/rpc/numbers", json={"upto": 2}).json() == [1, 2]
        owner.execute(
            "drop function numbers; create function numbers(upto text) returns text language sql return upto"
        )
        answers = [client.post("/rpc/numbers", json={"upto": 2}) for _ in range(3)]
    assert answers[-1].json() == "2"


def test_many_callers_at_once_each_get_their_own_answer(sample_rest: Rest) -> None:
    with (
        httpx.Client(base_url=sample_rest.rest_url, headers=sample_rest.headers(), timeout=30) as client,
        ThreadPoolExecutor(32) as threads,
    ):
        sums = list(threads.map(lambda n: client.post("/rpc/add", json={"a": n, "b": n}).json(), range(200)))
    assert sums == [2 * n for n in range(200)]
