"""Reads migration files and decides which of them to apply."""

from pathlib import Path

import pytest

from infra.local.migrations import FOLDER, Migration, MigrationRefused, migrations_in, pending
from laptop.supabase.postgres.script import statements

FIRST = Migration("1", "first", "create table a (n int);")
SECOND = Migration("2", "second", "create table b (n int);\n-- why\ncreate table c (n int);")
RECORD_OF_FIRST = ["create table a (n int)"]


def test_nothing_applied_means_all_are_pending() -> None:
    assert pending([FIRST, SECOND], {}) == [FIRST, SECOND]


def test_what_was_applied_is_not_pending() -> None:
    assert pending([FIRST, SECOND], {"1": RECORD_OF_FIRST}) == [SECOND]
    assert pending([FIRST], {"1": RECORD_OF_FIRST}) == []


def test_blanks_and_semicolons_are_no_change() -> None:
    recorded = ["create table b (n int);", "\n-- why\ncreate table c (n int);\n"]
    assert SECOND.is_what_was_applied(recorded)


def test_a_record_without_statements_is_trusted() -> None:
    assert pending([FIRST], {"1": None}) == []


def test_a_changed_migration_is_refused() -> None:
    with pytest.raises(MigrationRefused, match=r"1_first\.sql was changed after it was applied"):
        pending([FIRST], {"1": ["create table a (n bigint)"]})


def test_a_migration_without_a_file_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="without a file here: 3, 4"):
        pending([FIRST], {"1": RECORD_OF_FIRST, "4": None, "3": None})


def test_a_migration_older_than_the_last_applied_one_is_refused() -> None:
    with pytest.raises(MigrationRefused, match=r"1_first\.sql is older than 2"):
        pending([FIRST, SECOND], {"2": None})


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("20260102_b.sql", "20260101_a_longer_name.sql", "README.md"):
        (tmp_path / name).write_text("select 1", encoding="utf-8")
    assert [(one.version, one.name) for one in migrations_in(tmp_path)] == [
        ("20260101", "a_longer_name"),
        ("20260102", "b"),
    ]


def test_a_file_with_another_kind_of_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tables.sql").touch()
    with pytest.raises(MigrationRefused, match=r"tables\.sql: a migration is named"):
        migrations_in(tmp_path)


def test_two_files_of_one_version_are_refused(tmp_path: Path) -> None:
    for name in ("1_a.sql", "1_b.sql"):
        (tmp_path / name).touch()
    with pytest.raises(MigrationRefused, match=r"1_b\.sql and 1_a\.sql have the same version"):
        migrations_in(tmp_path)


def test_the_projects_own_migrations_can_be_read_and_cut() -> None:
    for migration in migrations_in(FOLDER):
        assert "".join(statements(migration.script)).count("$$") % 2 == 0
