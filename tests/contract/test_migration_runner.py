"""`python -m infra.local.migrations` on a real database."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from infra.local import migrations
from infra.local.migrations import MigrationRefused, main
from tests.postgres_support import Database

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1_first.sql").write_text("create table a (n int);\ninsert into a values (1);")
    (tmp_path / "2_second.sql").write_text("alter table a add m text default '50%; ü';", encoding="utf-8")
    return tmp_path


def record(database: Database) -> list[tuple[str, list[str], str]]:
    with database.connect() as connection:
        query = "select version, statements, name from supabase_migrations.schema_migrations order by version"
        return connection.execute(query).fetchall()


def run(database: Database, folder: Path, *more: str) -> int:
    return main([f"--database-url={database.url}", f"--folder={folder}", *more])


def test_it_applies_in_order_and_says_so(bare_database: Database, folder: Path, capsys: Captured) -> None:
    assert run(bare_database, folder) == 0
    assert capsys.readouterr().out == "applied 1_first.sql\napplied 2_second.sql\n"
    with bare_database.connect() as connection:
        assert connection.execute("select * from a").fetchall() == [(1, "50%; ü")]


def test_it_keeps_the_record_that_the_supabase_cli_keeps(bare_database: Database, folder: Path) -> None:
    run(bare_database, folder)
    assert record(bare_database) == [
        ("1", ["create table a (n int)", "insert into a values (1)"], "first"),
        ("2", ["alter table a add m text default '50%; ü'"], "second"),
    ]


def test_it_continues_where_the_supabase_cli_stopped(
    bare_database: Database, folder: Path, capsys: Captured
) -> None:
    with bare_database.connect() as connection:  # what `supabase db push` leaves
        connection.execute(
            "create schema supabase_migrations;"
            "create table supabase_migrations.schema_migrations"
            " (version text primary key, statements text[], name text);"
            "create table a (n int);"
        )
        connection.execute(
            "insert into supabase_migrations.schema_migrations values ('1', %s, 'first')",
            (["create table a (n int);", "insert into a values (1);"],),
        )
    assert run(bare_database, folder) == 0
    assert capsys.readouterr().out == "applied 2_second.sql\n"


def test_a_second_run_applies_nothing(bare_database: Database, folder: Path, capsys: Captured) -> None:
    run(bare_database, folder)
    capsys.readouterr()
    assert run(bare_database, folder) == 0
    assert capsys.readouterr().out == "nothing to apply\n"


def test_check_lists_what_is_pending_and_changes_nothing(
    bare_database: Database, folder: Path, capsys: Captured
) -> None:
    assert run(bare_database, folder, "--check") == 0
    assert capsys.readouterr().out == "pending 1_first.sql\npending 2_second.sql\n"
    with bare_database.connect() as connection:
        assert connection.execute("select to_regnamespace('supabase_migrations')").fetchone() == (None,)
    run(bare_database, folder)
    capsys.readouterr()
    run(bare_database, folder, "--check")
    assert capsys.readouterr().out == "nothing to apply\n"


def test_a_changed_migration_is_refused(bare_database: Database, folder: Path, capsys: Captured) -> None:
    run(bare_database, folder)
    (folder / "1_first.sql").write_text("create table a (n bigint)")
    assert run(bare_database, folder) == 1
    assert "1_first.sql was changed after it was applied" in capsys.readouterr().err


def test_a_failing_migration_is_rolled_back_and_earlier_ones_stay(
    bare_database: Database, folder: Path, capsys: Captured
) -> None:
    (folder / "2_second.sql").write_text("create table b (n int);\n\nselect no_such_function();")
    assert run(bare_database, folder) == 1
    assert "2_second.sql:3: function no_such_function() does not exist" in capsys.readouterr().err
    assert [version for version, _, _ in record(bare_database)] == ["1"]
    with bare_database.connect() as connection:
        assert connection.execute("select to_regclass('b')").fetchone() == (None,)


def test_a_failure_without_a_position_names_the_file(bare_database: Database, folder: Path) -> None:
    (folder / "2_second.sql").write_text("insert into a select 1 / n from (values (0)) as v (n)")
    with (
        bare_database.connect() as connection,
        pytest.raises(MigrationRefused, match=r"^2_second\.sql: division by zero"),
    ):
        migrations.apply(connection, folder)


def test_runners_at_the_same_time_apply_each_migration_once(bare_database: Database, folder: Path) -> None:
    def apply(_: int) -> int:
        with bare_database.connect() as connection:
            return len(migrations.apply(connection, folder))

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(apply, range(4))) == [0, 0, 0, 2]


def test_a_connection_lost_within_a_migration_is_reported(bare_database: Database, folder: Path) -> None:
    (folder / "2_second.sql").write_text("select pg_terminate_backend(pg_backend_pid())")
    with (
        bare_database.connect() as connection,
        pytest.raises(MigrationRefused, match="terminating connection"),
    ):
        migrations.apply(connection, folder)


def test_on_a_plain_postgres_it_first_creates_the_roles(
    bare_database: Database, folder: Path, capsys: Captured
) -> None:
    assert run(bare_database, folder, "--bootstrap") == 0
    assert run(bare_database, folder, "--bootstrap") == 0
    assert capsys.readouterr().out.endswith("nothing to apply\n")


def test_without_a_database_it_says_what_is_missing(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main([]) == 2
    assert "give --database-url or set DATABASE_URL" in capsys.readouterr().err


def test_an_unreachable_database_is_reported_in_one_line(capsys: Captured) -> None:
    assert main(["--database-url=postgresql://postgres@127.0.0.1:1/postgres"]) == 1
    assert capsys.readouterr().err.startswith("migrations: connection failed")


def test_the_projects_migrations_agree_with_their_record(database: Database) -> None:
    with database.connect() as connection:
        assert migrations.check(connection) == []
        assert isinstance(connection, psycopg.Connection)
