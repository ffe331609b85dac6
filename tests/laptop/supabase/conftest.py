from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.laptop.supabase import postgrest_12
from tests.postgres_support import Database, PostgresServer
from tests.rest_support import Rest, serving

SCHEMA = Path(__file__).with_name("postgrest_schema.sql")
_TIDY = "delete from prices; delete from parts where id > 3"


@pytest.fixture(scope="session")
def sample_template(postgres_server: PostgresServer) -> str:
    with postgres_server.template("sample") as connection:
        connection.execute(SCHEMA.read_bytes())
    return "sample"


@pytest.fixture
def sample_database(postgres_server: PostgresServer, sample_template: str) -> Iterator[Database]:
    """A database of one test, with the schema for the tests of the REST server."""
    with postgres_server.database(sample_template) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def _stand_in(postgres_server: PostgresServer, sample_template: str) -> Iterator[tuple[Rest, Database]]:
    with (
        postgres_server.database(sample_template) as database,
        serving(database.authenticator_url) as rest,
    ):
        yield rest, database


@pytest.fixture(scope="session")
def _postgrest_12(postgres_server: PostgresServer, sample_template: str) -> Iterator[tuple[Rest, Database]]:
    with (
        postgres_server.database(sample_template) as database,
        postgrest_12.running(database.authenticator_url) as rest,
    ):
        yield rest, database


def _tidied(served: tuple[Rest, Database]) -> Iterator[Rest]:
    rest, database = served
    yield rest
    with psycopg.connect(database.url) as connection:
        connection.execute(_TIDY)


@pytest.fixture
def stand_in(_stand_in: tuple[Rest, Database]) -> Iterator[Rest]:
    """The local server on the sample schema, for tests that PostgREST 12 cannot pass."""
    yield from _tidied(_stand_in)


@pytest.fixture(params=["stand-in", "PostgREST 12"])
def sample_rest(request: pytest.FixtureRequest) -> Iterator[Rest]:
    """The local server, then a real PostgREST 12, each on its own database with the sample schema."""
    yield from _tidied(
        request.getfixturevalue("_stand_in" if request.param == "stand-in" else "_postgrest_12")
    )
