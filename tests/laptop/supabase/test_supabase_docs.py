from tests.laptop.supabase.postgrest_12 import Difference
from tests.processes import PROJECT


def test_the_page_lists_the_differences_to_postgrest_12_that_the_tests_meet() -> None:
    page = (PROJECT / "docs" / "supabase-local.md").read_text()
    section = page.partition("### PostgREST 12\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    listed = [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]]
    assert sorted(listed) == sorted(Difference)
