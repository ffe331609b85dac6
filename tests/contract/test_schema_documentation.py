import re
from pathlib import Path

import pytest

from tests.contract.enrichment_calls import Enrichment
from tests.postgres_support import Database

PAGE = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_]+)`", PAGE))
TABLES = (
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')"
    " and not relispartition"
)
FUNCTIONS = (
    "select p.proname as name from pg_proc as p where p.pronamespace = 'public'::regnamespace"
    " and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')"
)
ENUMS = "select enumlabel as name from pg_enum where enumtypid::regtype::text ~ '_state$'"


def names(database: Database, query: str) -> set[str]:
    with database.connect() as connection:
        return {row["name"] for row in Enrichment(connection).all(query)}


@pytest.mark.parametrize("query", [TABLES, FUNCTIONS], ids=["tables", "functions"])
def test_each_table_and_function_is_on_the_page(database: Database, query: str) -> None:
    found = names(database, query)
    assert len(found) >= 12
    assert found - NAMED == set()


def test_each_state_is_on_the_page(database: Database) -> None:
    assert {state for state in names(database, ENUMS) if not re.search(rf"\b{state}\b", PAGE)} == set()


@pytest.mark.parametrize(("heading", "query"), [("Tables", TABLES), ("Functions", FUNCTIONS)])
def test_the_page_lists_nothing_that_is_gone(database: Database, heading: str, query: str) -> None:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert listed
    assert listed - names(database, query) == set()
