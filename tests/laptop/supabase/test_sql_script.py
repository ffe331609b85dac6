import pytest

from laptop.supabase.postgres.script import statements


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ; ;\n", []),
        ("select 1", ["select 1"]),
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';'; select 2", ["select ';'", "select 2"]),
        ("select 'it''s;'; select 2", ["select 'it''s;'", "select 2"]),
        (r"select e'\';'; select 2", [r"select e'\';'", "select 2"]),
        ('select ";"";"; select 2', ['select ";"";"', "select 2"]),
        ("select 1 -- one; two\n; select 2", ["select 1 -- one; two", "select 2"]),
        ("select /* ; /* ; */ ; */ 1; select 2", ["select /* ; /* ; */ ; */ 1", "select 2"]),
        ("select 1; /* never closed ;", ["select 1", "/* never closed ;"]),
        ("do $$ begin null; end $$; select 2", ["do $$ begin null; end $$", "select 2"]),
        ("do $a$ select $$;$$; $a$; select 2", ["do $a$ select $$;$$; $a$", "select 2"]),
        ("select a$b$c; select d$b$e", ["select a$b$c", "select d$b$e"]),
        ("begin; select 1; end;", ["begin", "select 1", "end"]),
        (
            "create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 3",
            [
                "create function f() returns int begin atomic select 1; select case when true then 2 end; end",
                "select 3",
            ],
        ),
        ("select case when true then 1 end; select 2", ["select case when true then 1 end", "select 2"]),
        ("select 'never closed ; select 2", ["select 'never closed", "select 2"]),
    ],
)
def test_a_script_is_cut_at_the_semicolons_that_end_statements(script: str, expected: list[str]) -> None:
    assert statements(script) == expected
