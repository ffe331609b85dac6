"""The commands of docs/deploy.md that can be run without a cloud."""

import os
import re
import subprocess
from pathlib import Path

from infra.local import migrations
from infra.local.migrations import FOLDER, migrations_in
from laptop.supabase.postgres.place import packaged
from tests.postgres_support import Database

ROOT = Path(__file__).parents[2]


def block(beginning: str) -> str:
    """The shell block of the page that begins with this text; there is exactly one."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = [script for script in blocks if script.startswith(beginning)]
    return str(found)


def run(script: str, database: Database) -> str:
    programs = packaged().program("psql").parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": database.url},
        cwd=ROOT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_plain_psql_applies_all_migrations_once_and_our_runner_finds_nothing_left(
    bare_database: Database,
) -> None:
    script = block('psql "$DATABASE_URL" -X -q')
    run(script, bare_database)
    with bare_database.connect() as connection:
        recorded = connection.execute(
            "select version, name from supabase_migrations.schema_migrations order by version"
        ).fetchall()
        assert recorded == [(each.version, each.name) for each in migrations_in(FOLDER)]
        assert migrations.apply(connection) == []
    run(script, bare_database)
