"""Supabase's `postgres` owns the database and is no superuser: the migrations need no further rights."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from infra.local import migrations
from tests.contract.enrichment_calls import Enrichment
from tests.contract.schema_rows import item
from tests.postgres_support import Database

GIVEN_AWAY = ("tables", "functions", "sequences")


@pytest.fixture
def owned(bare_database: Database) -> Iterator[Database]:
    """A new Supabase project: objects that its owner creates in `public` are granted to the API's roles."""
    role = sql.Identifier(f"owner_of_{bare_database.name}")
    with bare_database.connect() as admin:
        admin.execute(sql.SQL("create role {} nosuperuser createrole createdb bypassrls").format(role))
        admin.execute(
            sql.SQL("alter database {} owner to {}").format(sql.Identifier(bare_database.name), role)
        )
        for kind in GIVEN_AWAY:
            admin.execute(
                sql.SQL(
                    "alter default privileges for role {} in schema public"
                    " grant all on {} to anon, authenticated, service_role"
                ).format(role, sql.SQL(kind))
            )
        admin.execute(sql.SQL("grant usage on schema extensions to {}").format(role))
        admin.execute(sql.SQL("set role {}").format(role))
        migrations.apply(admin)
        assert admin.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (
            False,
        )
        yield bare_database
        admin.execute("reset role")
        admin.execute(sql.SQL("reassign owned by {} to current_user").format(role))
        admin.execute(sql.SQL("drop owned by {}").format(role))
        admin.execute(sql.SQL("drop role {}").format(role))


def test_a_project_made_by_a_lesser_role_works_for_the_service_key(owned: Database) -> None:
    with owned.connect(role="service_role") as connection:
        enrichment = Enrichment(connection)
        enrichment.begin("b1", uuid4())
        enrichment.open([item("P1"), item("P2", "manual")])
        enrichment.completed("P3")
        assert (enrichment.reconcile()["taken"], enrichment.reconcile()["completed"]) == (3, 1)
        assert enrichment.redrive()["redriven"] == 0


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_and_is_closed_to_everybody_else(owned: Database, role: str) -> None:
    with owned.connect(role=role) as connection:
        for query in (
            "select from batches",
            "select enrichment_figures()",
            "select fulfillment_figures()",
            "select redrive_dead_letters('b', null, 'c', 1, 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(query.encode())
