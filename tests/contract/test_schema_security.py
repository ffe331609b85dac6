"""Reads the database's catalogue, so that every new table and function is covered."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.postgres_support import Database
from tests.rest_support import Rest

TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')"
FUNCTIONS = (
    "select p.oid::regprocedure::text from pg_proc as p where p.pronamespace = 'public'::regnamespace"
    " and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')"
)
RIGHTS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
OUTSIDERS = ("anon", "authenticated")


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        yield connection


def column(connection: psycopg.Connection, query: str, *parameters: object) -> list[Any]:
    return [row[0] for row in connection.execute(query.encode(), parameters)]


def test_the_catalogue_shows_the_tables_and_functions_that_are_asked_about(owner: psycopg.Connection) -> None:
    assert {"batches", "daily_usage", "task_events"} <= set(column(owner, TABLES))
    assert any(signature.startswith("open_tasks(") for signature in column(owner, FUNCTIONS))


def test_the_anonymous_key_reaches_no_table_over_rest(rest_server: Rest) -> None:
    with rest_server.client(rest_server.anon_key) as client:
        assert client.get("/batches").status_code == 401
        assert client.get("/automation_tasks").json()["code"] == "42501"
    with rest_server.client() as client:
        assert client.get("/batches").json() == []


@pytest.mark.parametrize("role", OUTSIDERS)
@pytest.mark.parametrize("privilege", RIGHTS)
def test_outsiders_have_no_right_on_any_table(owner: psycopg.Connection, role: str, privilege: str) -> None:
    query = f"select relname from ({TABLES}) as t where has_table_privilege(%s, format('public.%%I', relname), %s)"
    assert column(owner, query, role, privilege) == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_outsiders_have_no_right_on_any_sequence(owner: psycopg.Connection, role: str) -> None:
    query = (
        "select sequencename from pg_sequences where schemaname = 'public'"
        " and has_sequence_privilege(%s, format('public.%%I', sequencename), 'usage, select, update')"
    )
    assert column(owner, query, role) == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_outsiders_can_execute_no_function(owner: psycopg.Connection, role: str) -> None:
    query = f"select f from ({FUNCTIONS}) as functions (f) where has_function_privilege(%s, f, 'execute')"
    assert column(owner, query, role) == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_an_outsider_s_query_and_call_are_refused(database: Database, role: str) -> None:
    with database.connect(role=role) as connection:
        for table in column(connection, TABLES):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("select from {}").format(sql.Identifier(table)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select list_manual_tasks()")


def test_the_service_can_read_and_write_every_table(owner: psycopg.Connection) -> None:
    closed = (
        f"select relname from ({TABLES}) as t where exists ("
        "select from unnest(array['select', 'insert', 'update', 'delete']) as privilege"
        " where not has_table_privilege('service_role', format('public.%%I', relname), privilege))"
    )
    assert column(owner, closed) == []


def test_the_service_can_execute_every_function(owner: psycopg.Connection) -> None:
    closed = (
        f"select f from ({FUNCTIONS}) as functions (f) where not has_function_privilege(%s, f, 'execute')"
    )
    assert column(owner, closed, "service_role") == []


def test_the_service_can_empty_no_table_and_hang_nothing_on_one(owner: psycopg.Connection) -> None:
    query = (
        f"select relname from ({TABLES}) as t"
        " where has_table_privilege('service_role', format('public.%%I', relname), 'truncate, references, trigger')"
    )
    assert column(owner, query) == []


def test_row_level_security_is_on_for_every_table_and_no_policy_opens_one(owner: psycopg.Connection) -> None:
    unguarded = (
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relrowsecurity"
    )
    assert column(owner, unguarded) == []
    assert column(owner, "select policyname from pg_policies where schemaname = 'public'") == []


@pytest.mark.parametrize("role", OUTSIDERS)
def test_a_right_given_by_mistake_still_shows_no_row(database: Database, role: str) -> None:
    with database.connect() as owner:
        owner.execute("insert into daily_usage values ('2026-03-02', 1, 0, 1)")
        owner.execute(sql.SQL("grant select on daily_usage to {}").format(sql.Identifier(role)))
    with database.connect(role=role) as connection:
        assert connection.execute("select * from daily_usage").fetchall() == []


def test_every_function_has_its_search_path_fixed(owner: psycopg.Connection) -> None:
    """A body that was parsed at its creation (begin atomic, return) needs none: its names stand for objects."""
    query = (
        f"select f from ({FUNCTIONS}) as functions (f) inner join pg_proc on pg_proc.oid = f::regprocedure"
        " where prosqlbody is null and not coalesce(proconfig @> array['search_path=public, pg_temp'], false)"
    )
    assert column(owner, query) == []


def test_only_what_makes_and_drops_partitions_runs_with_its_owner_s_rights(owner: psycopg.Connection) -> None:
    """The service key owns no table. These two take a month and a table that they know, and no other text."""
    query = (
        "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
        " and not exists (select from pg_depend as d where d.objid = pg_proc.oid and d.deptype = 'e')"
        " order by proname"
    )
    assert column(owner, query) == ["drop_archived_month", "make_partition"]


@pytest.mark.parametrize("table", ["decisions", "task_events"])
def test_a_partition_that_the_service_had_made_is_as_closed_as_the_others(
    database: Database, table: str
) -> None:
    with database.connect(role="service_role") as connection:
        assert column(connection, "select make_partition(%s, '2031-05-01')", table) == [True]
    with database.connect() as owner:
        query = "select count(*) from pg_class where relname = %s and relrowsecurity"
        assert column(owner, query, f"{table}_2031_05") == [1]
        held = (
            "select format('%%s %%s', grantee, privilege_type) from information_schema.role_table_grants"
            " where table_name = %s and grantee <> 'postgres' order by 1"
        )
        rights = ["service_role DELETE", "service_role INSERT", "service_role SELECT", "service_role UPDATE"]
        assert column(owner, held, f"{table}_2031_05") == rights


def test_no_other_table_is_taken_for_one_by_month(database: Database) -> None:
    with database.connect(role="service_role") as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute("select make_partition('batches; drop table batches', '2031-05-01')")
    assert refusal.value.sqlstate == "PT400"


def test_a_temporary_table_with_the_same_name_is_not_used(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "create temporary table daily_usage (day date, used integer, again integer, quota integer)"
        )
        connection.execute("insert into pg_temp.daily_usage values (current_date, 99, 0, 99)")
        answer = connection.execute("select read_known('[]', '{}', now(), 90) ->> 'daily_used'").fetchone()
    assert answer == ("0",)
