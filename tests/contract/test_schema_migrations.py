import re

import psycopg
import pytest

from infra.local import migrations
from infra.local.migrations import FOLDER, migrations_in
from tests.postgres_support import Database

LINE = 130
CATALOGUE = """
select 'column', format('%s.%s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default)
from information_schema.columns where table_schema = 'public'
union all
select 'constraint', format('%s %s', conrelid::regclass, pg_get_constraintdef(oid))
from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index', indexdef from pg_indexes where schemaname = 'public'
union all
select 'trigger', pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
union all
select 'function', pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f'
union all
select 'type', format('%s %s', enumtypid::regtype, enumlabel) from pg_enum
union all
select 'right', format('%s %s', relname, relacl) from pg_class where relnamespace = 'public'::regnamespace
order by 1, 2
"""
NEWER_THAN_15 = {
    "any_value": 16,
    r"\bjson_object\b|\bjson_array\b|\bis json\b": 16,
    r"\d_\d{3}\b": 16,
    r"\bjson_table\b|\bjson_value\b|\bjson_query\b|\bjson_exists\b": 17,
    r"\bmerge\b": 17,
    r"\buuidv[47]\b": 18,
    r"\bvirtual\b": 18,
    r"returning\s+(with|old|new)\b": 18,
    r"\bwithout overlaps\b": 18,
    r"\bnot enforced\b": 18,
}
"""Words with the first Postgres version that has them. Older Supabase projects run 15."""


def everything(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(CATALOGUE.encode()).fetchall()


def test_migrating_again_applies_nothing_and_changes_nothing(bare_database: Database) -> None:
    with bare_database.connect() as connection:
        applied = migrations.apply(connection)
        once = everything(connection)
        assert [migration.version for migration in applied] == [m.version for m in migrations_in(FOLDER)]
        assert len(once) > 100
        assert migrations.apply(connection) == []
        assert everything(connection) == once


def test_two_fresh_databases_end_alike(bare_database: Database, database: Database) -> None:
    with bare_database.connect() as connection, database.connect() as other:
        migrations.apply(connection)
        assert everything(connection) == everything(other)


def test_enrichment_and_fulfillment_do_not_know_each_other_in_sql() -> None:
    """Versions below 100 are enrichment, the others fulfillment; 0 serves both."""
    numbered = {int(migration.version) % 1000: migration.script for migration in migrations_in(FOLDER)}
    halves = [
        re.sub(r"--.*", "", "".join(script for number, script in numbered.items() if number in half))
        for half in (range(1, 100), range(100, 1000))
    ]
    made = [set(re.findall(r"create (?:table|type|function) (\w+)", half)) for half in halves]
    assert [len(names) > 20 for names in made] == [True, True]
    words = [set(re.findall(r"\w+", half)) for half in halves]
    assert (words[0] & made[1], words[1] & made[0]) == (set(), set())


FILES = sorted(path.name for path in FOLDER.glob("*.sql"))


@pytest.mark.parametrize("name", FILES)
def test_the_sql_is_written_in_one_hand(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith("-- "), "says what the file is for"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    wrong = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if len(line) > LINE or line != line.rstrip() or "\t" in line or (len(line) - len(line.lstrip())) % 4
    ]
    assert wrong == []


@pytest.mark.parametrize("name", FILES)
def test_keywords_are_written_small(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    code = re.sub(r"--.*|'[^']*'", "", text)
    assert (
        re.findall(
            r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|FROM|WHERE|BEGIN|END|RETURN|NULL|AND|OR|NOT)\b", code
        )
        == []
    )


@pytest.mark.parametrize("name", FILES)
def test_a_function_is_introduced_by_a_sentence(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert re.findall(r"\n\n(create function \w+)", text) == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_newer_than_postgres_15_is_used(name: str) -> None:
    code = re.sub(r"--.*", "", (FOLDER / name).read_text(encoding="utf-8")).lower()
    assert {word: since for word, since in NEWER_THAN_15.items() if re.search(word, code)} == {}
