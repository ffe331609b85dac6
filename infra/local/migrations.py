"""`python -m infra.local.migrations`: brings a database's schema up to date.

Keeps the same record as the Supabase CLI (`supabase db push`), so either can continue where the other stopped.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from laptop.supabase.postgres.cluster import BOOTSTRAP
from laptop.supabase.postgres.script import statements

FOLDER = Path(__file__).parents[1] / "supabase" / "migrations"
CONNECT_TIMEOUT_S = 10
_FILE_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.*)\.sql")
_LOCK = 7_231_904_551
"""Advisory lock: two runners at once would apply one migration twice."""

_RECORD = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


_INSERT = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"


class MigrationRefused(Exception):
    pass


@dataclass(frozen=True)
class Migration:
    version: str
    name: str
    script: str

    @property
    def file(self) -> str:
        return f"{self.version}_{self.name}.sql"

    def is_what_was_applied(self, recorded: Sequence[str] | None) -> bool:
        """Ignores blanks and semicolons, which differ by recorder. True when no statements were recorded."""
        return recorded is None or _essence(recorded) == _essence(statements(self.script))


def _essence(recorded: Sequence[str]) -> str:
    return re.sub(r"[\s;]+", "", "".join(recorded))


def migrations_in(folder: Path) -> list[Migration]:
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _FILE_NAME.fullmatch(path.name)
        if parts is None:
            raise MigrationRefused(
                f"{path.name}: a migration is named <version>_<name>.sql, the version in digits"
            )
        migration = Migration(parts["version"], parts["name"], path.read_text(encoding="utf-8"))
        if other := found.get(migration.version):
            raise MigrationRefused(f"{migration.file} and {other.file} have the same version")
        found[migration.version] = migration
    return list(found.values())


def pending(wanted: Sequence[Migration], recorded: dict[str, Sequence[str] | None]) -> list[Migration]:
    """The migrations still to be applied, in order. Raises MigrationRefused when record and files disagree."""
    if unknown := sorted(recorded.keys() - {migration.version for migration in wanted}):
        raise MigrationRefused(f"the database has migrations without a file here: {', '.join(unknown)}")
    for migration in wanted:
        if migration.version in recorded and not migration.is_what_was_applied(recorded[migration.version]):
            raise MigrationRefused(
                f"{migration.file} was changed after it was applied:"
                " restore it, and put the change into a new migration"
            )
    missing = [migration for migration in wanted if migration.version not in recorded]
    if missing and recorded and missing[0].version < max(recorded):
        raise MigrationRefused(
            f"{missing[0].file} is older than {max(recorded)}, which is applied: give it a newer version"
        )
    return missing


def check(connection: psycopg.Connection, folder: Path = FOLDER) -> list[Migration]:
    """Needs a connection in autocommit mode; changes nothing."""
    known = connection.execute(
        "select to_regclass('supabase_migrations.schema_migrations') is not null"
    ).fetchone()
    if known is None or not known[0]:
        return pending(migrations_in(folder), {})
    return pending(migrations_in(folder), _recorded(connection))


def apply(connection: psycopg.Connection, folder: Path = FOLDER) -> list[Migration]:
    """Needs a connection in autocommit mode. Each migration and its record are one transaction."""
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        with connection.transaction():
            connection.execute("set local client_min_messages = warning")
            connection.execute(_RECORD)
        missing = pending(migrations_in(folder), _recorded(connection))
        for migration in missing:
            _apply(connection, migration)
        return missing
    finally:
        if not connection.broken:
            connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def _recorded(connection: psycopg.Connection) -> dict[str, Sequence[str] | None]:
    return dict(
        connection.execute("select version, statements from supabase_migrations.schema_migrations").fetchall()
    )


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.script.encode())
            connection.execute(_INSERT, (migration.version, migration.name, statements(migration.script)))
    except psycopg.Error as problem:
        raise MigrationRefused(f"{_place(migration, problem)}: {problem}") from problem


def _place(migration: Migration, problem: psycopg.Error) -> str:
    position = problem.diag.statement_position
    if position is None:
        return migration.file
    return f"{migration.file}:{migration.script[: int(position) - 1].count(chr(10)) + 1}"


def main(arguments: Sequence[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    if not wanted.database_url:
        print("migrations: no database: give --database-url or set DATABASE_URL", file=sys.stderr)  # noqa: T201 - answer
        return 2
    try:
        with psycopg.connect(
            wanted.database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        ) as connection:
            if wanted.bootstrap:
                connection.execute(BOOTSTRAP.read_bytes())
            found = check(connection, wanted.folder) if wanted.check else apply(connection, wanted.folder)
    except (MigrationRefused, psycopg.Error) as refusal:
        print(f"migrations: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    word = "pending" if wanted.check else "applied"
    for migration in found:
        print(f"{word} {migration.file}")  # noqa: T201 - a command's answer
    if not found:
        print("nothing to apply")  # noqa: T201 - a command's answer
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.migrations", description=__doc__)
    parser.add_argument(
        "--database-url", default=os.environ.get("DATABASE_URL"), help="default: $DATABASE_URL"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--check", action="store_true", help="list what is pending, change nothing")
    parser.add_argument(
        "--bootstrap",
        action="store_true",
        help="first create the roles of a Supabase project, on a plain Postgres",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
