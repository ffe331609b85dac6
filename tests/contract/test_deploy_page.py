"""The commands of docs/deploy.md that can be run without a cloud."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

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


def run(script: str, database: Database, folder: Path = ROOT) -> str:
    programs = packaged().program("psql").parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": database.url},
        cwd=folder,
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


SECRETS = [
    "supabase-service-role-key",
    "digikey-client-secret",
    "best-buy-api-key",
    "canada-post-api-password",
]
SHELLS = [
    pytest.param(
        name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
    )
    for name in ("bash", "zsh")
]


@pytest.fixture
def gcloud(tmp_path: Path) -> Path:
    """A folder with a `gcloud` that stores each secret in a file of its name, and refuses one that exists."""
    program = tmp_path / "gcloud"
    program.write_text('#!/bin/sh\n[ ! -e "$0.$3" ] || exit 1\ncat > "$0.$3"\n')
    program.chmod(0o755)
    return tmp_path


def typed_in(shell: str, lines: str, gcloud: Path) -> tuple[int, dict[str, str], str]:
    """Exit status, the stored secrets by name, and what was shown."""
    done = subprocess.run(
        [shell, "-c", block("store_secrets()")],
        env={"PATH": f"{gcloud}:{os.environ['PATH']}"},
        input=lines,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    stored = {file.suffix[1:]: file.read_text() for file in gcloud.glob("gcloud.*")}
    return done.returncode, stored, done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_stores_the_secrets_as_they_were_typed_and_shows_none(shell: str, gcloud: Path) -> None:
    values = ["ey.J$HOME", "a`b", "c\\n%s", '"d"']

    status, stored, shown = typed_in(shell, "".join(f"{value}\n" for value in values), gcloud)

    assert (status, stored) == (0, dict(zip(SECRETS, values, strict=True)))
    assert [value for value in values if value in shown] == []
    assert [name for name in SECRETS if f"{name}: " not in shown] == []


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("rest", ["\nlater\n", ""])
def test_an_empty_secret_ends_it_and_is_not_stored(shell: str, rest: str, gcloud: Path) -> None:
    status, stored, shown = typed_in(shell, f"first\n{rest}", gcloud)

    assert (status, stored) == (1, {SECRETS[0]: "first"})
    assert f"{SECRETS[1]}: empty, nothing was stored" in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_a_secret_that_is_refused_ends_it(shell: str, gcloud: Path) -> None:
    (gcloud / f"gcloud.{SECRETS[0]}").write_text("older")

    status, stored, _ = typed_in(shell, "first\nsecond\n", gcloud)

    assert (status, stored) == (1, {SECRETS[0]: "older"})


def test_the_sizes_of_parcels_are_filled_and_corrected(database: Database, tmp_path: Path) -> None:
    script = block("mkdir -p build && cat > build/sizes.csv")
    run(script, database, tmp_path)
    run(script.replace("9.5,60,50,25", "8.25,60,50,25"), database, tmp_path)

    with database.connect() as connection:
        rows = connection.execute(
            "select sku, weight, length, width, height from parcel_sizes order by sku"
        ).fetchall()
    assert [(sku, *map(float, sizes)) for sku, *sizes in rows] == [
        ("CASE-4U", 8.25, 60, 50, 25),
        ("HDMI-2M", 0.12, 20, 12, 4),
    ]


def test_the_command_line_is_called_with_its_environment_activated() -> None:
    script = block("make venv").splitlines()

    assert script[0].endswith("&& . .venv/bin/activate")
    assert [line for line in script if line.startswith("python ")]


def test_every_setting_of_the_page_is_one_that_terraform_takes() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    blocks = "".join(re.findall(r"^```hcl\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    required = json.loads((ROOT / "infra" / "terraform" / "required_settings.json").read_text("utf-8"))
    known = {name for groups in required["functions"].values() for names in groups.values() for name in names}

    named = set(re.findall(r"\b([A-Z][A-Z_]+[A-Z]) +=", blocks))
    assert {"DIGIKEY_API_BASE", "CANADA_POST_API_BASE", "MIRAKL_API_BASE"} <= named <= known
