"""Reads tables and views through the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from postgrest import APIError, SyncPostgrestClient

from tests.laptop.supabase.postgrest_12 import Difference, expected
from tests.rest_support import Rest


@pytest.fixture
def client(sample_rest: Rest) -> Iterator[SyncPostgrestClient]:
    with SyncPostgrestClient(sample_rest.rest_url, headers=sample_rest.headers()) as client:
        yield client


def ids(rows: Any) -> list[int]:  # noqa: ANN401 - the client types what it returns as any JSON
    return [row["id"] for row in rows.data]


def test_a_view_is_read_as_a_list_of_objects(client: SyncPostgrestClient) -> None:
    assert client.from_("cheap_parts").select("*").execute().data == [{"id": 1, "name": "bolt"}]


def test_only_the_selected_columns_come_back(client: SyncPostgrestClient) -> None:
    assert client.from_("parts").select("name", "price").eq("id", 1).execute().data == [
        {"name": "bolt", "price": 0.10}
    ]


def test_rows_are_ordered_limited_and_skipped(client: SyncPostgrestClient) -> None:
    assert ids(client.from_("parts").select("*").order("id", desc=True).limit(2).execute()) == [3, 2]
    assert ids(client.from_("parts").select("*").order("id").limit(2).offset(1).execute()) == [2, 3]
    assert ids(client.from_("parts").select("*").order("price", nullsfirst=True).order("id").execute()) == [
        3,
        1,
        2,
    ]
    assert ids(client.from_("parts").select("*").order("price", desc=True, nullsfirst=False).execute()) == [
        2,
        1,
        3,
    ]


@pytest.mark.parametrize(
    ("method", "column", "value", "found"),
    [
        ("eq", "name", 'nut, "hex"', [2]),
        ("eq", "tags", "{steel,m4}", [1]),
        ("neq", "id", 1, [2, 3]),
        ("gt", "id", 2, [3]),
        ("gte", "id", 2, [2, 3]),
        ("lt", "id", 2, [1]),
        ("lte", "id", 2, [1, 2]),
        ("is_", "price", "null", [3]),
        ("is_", "active", "true", [1]),
        ("is_", "active", "not_null", [1, 2]),
        ("in_", "id", [3, 1], [1, 3]),
        ("in_", "id", [], []),
        ("in_", "name", ['nut, "hex"', "washer"], [2, 3]),
        ("eq", "made_at", "2026-01-02T04:04:05+01:00", [1]),
    ],
)
def test_filters(
    sample_rest: Rest,
    client: SyncPostgrestClient,
    method: str,
    column: str,
    value: object,
    found: list[int],
) -> None:
    request = getattr(client.from_("parts").select("*").order("id"), method)(column, value)
    if value == "not_null" and expected(sample_rest, Difference.NOT_NULL, imitated=False, in_12=True):
        with pytest.raises(APIError, match="failed to parse filter"):
            request.execute()
    else:
        assert ids(request.execute()) == found


def test_filters_are_combined(client: SyncPostgrestClient) -> None:
    assert ids(client.from_("parts").select("id").gt("id", 1).lt("id", 3).execute()) == [2]


def test_values_are_never_read_as_sql(client: SyncPostgrestClient) -> None:
    assert client.from_("parts").select("*").eq("name", "x' or '1'='1").execute().data == []
    assert len(client.from_("parts").select("*").execute().data) == 3


def test_a_single_row_is_an_object(client: SyncPostgrestClient) -> None:
    row: Any = client.from_("parts").select("id").eq("id", 1).single().execute().data
    assert row == {"id": 1}


@pytest.mark.parametrize("limit", [0, 2])
def test_a_single_row_that_is_none_or_many_is_refused(client: SyncPostgrestClient, limit: int) -> None:
    with pytest.raises(APIError) as caught:
        client.from_("parts").select("id").limit(limit).single().execute()
    assert caught.value.code == "PGRST116"
    assert caught.value.details == f"The result contains {limit} rows"


def test_maybe_single_is_an_object_or_none(client: SyncPostgrestClient) -> None:
    found = client.from_("parts").select("id").eq("id", 1).maybe_single().execute()
    assert found is not None
    assert found.data == {"id": 1}
    assert client.from_("parts").select("id").eq("id", 77).maybe_single().execute() is None


def test_an_unknown_column_is_the_databases_error(client: SyncPostgrestClient) -> None:
    with pytest.raises(APIError) as caught:
        client.from_("parts").select("colour").execute()
    assert caught.value.code == "42703"


@pytest.mark.parametrize(
    ("query", "difference", "in_12"),
    [
        ("limit=many", Difference.WINDOW, (200, "")),
        ("offset=-1", Difference.WINDOW, (200, "")),
        ("order=id.sideways", None, None),
        ('id=in.(1,"2)', Difference.OPEN_QUOTE, (400, "22P02")),
    ],
)
def test_a_malformed_parameter_is_400(
    sample_rest: Rest, query: str, difference: Difference | None, in_12: tuple[int, str] | None
) -> None:
    with sample_rest.client() as client:
        answer = client.get(f"/parts?{query}")
    found = (answer.status_code, answer.json()["code"] if answer.is_error else "")
    imitated = (400, "PGRST100")
    assert found == (expected(sample_rest, difference, imitated, in_12) if difference else imitated)


def test_the_answer_gives_the_range_of_its_rows(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        assert client.get("/parts").headers["content-range"] == "0-2/*"
        assert client.get("/parts?offset=1").headers["content-range"] == "1-2/*"
        assert client.get("/parts?id=eq.77").headers["content-range"] == "*/*"


def test_head_answers_without_a_body(sample_rest: Rest) -> None:
    with sample_rest.client() as client:
        answer = client.head("/parts")
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (200, b"", "0-2/*")


def test_the_root_answers_callers_with_a_key(stand_in: Rest) -> None:
    with stand_in.client() as client:
        assert client.get("/").json()["swagger"] == "2.0"
        assert client.get("/", headers={"apikey": ""}).status_code == 401
