"""The contents of an archive, which is the same on every machine."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.package import __main__ as package
from infra.package.archive import build, functions
from infra.package.requirements import Pins, RequirementsUnclear

ROOT = Path(__file__).parents[2]
NOT_IMPORTED = {
    *("supabase", "supabase-functions", "realtime", "websockets"),
}
"""Pinned for development: functions import `postgrest`, `storage3` and `supabase_auth`, which `supabase` is made of."""


@pytest.fixture(scope="module")
def pins() -> Pins:
    return Pins.read(ROOT / "requirements.txt")


@pytest.mark.parametrize("name", functions(ROOT))
def test_an_archive_holds_what_the_build_needs_and_nothing_of_the_workshop(name: str, pins: Pins) -> None:
    archive = build(ROOT, name, pins)
    entry_point = name.replace("-", "_")
    assert archive.entries["main.py"].decode() == f"from functions.{entry_point} import {entry_point}\n"
    assert {path.partition("/")[0] for path in archive.entries} == {
        *("functions", "shared"), "main.py", "requirements.txt", "build.json",
    }  # fmt: skip
    assert {path for path in archive.entries if path.startswith("functions/")} == {
        "functions/__init__.py",
        f"functions/{entry_point}.py",
    }


def test_the_same_content_makes_the_same_bytes_in_another_process(pins: Pins, tmp_path: Path) -> None:
    here = build(ROOT, "orchestrate", pins).content
    subprocess.run(
        [sys.executable, "-m", "infra.package", "orchestrate", "--output", str(tmp_path)],
        cwd=ROOT,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"},
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    assert (tmp_path / "orchestrate.zip").read_bytes() == here


def test_times_modes_and_order_are_fixed(pins: Pins, tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    path.write_bytes(build(ROOT, "workflow", pins).content)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }


def copy_of(root: Path, target: Path) -> Path:
    for name in ("pyproject.toml", "requirements.txt"):
        (target / name).write_bytes((root / name).read_bytes())
    for room in ("functions", "shared"):
        for file in (root / room).rglob("*"):
            if file.is_file() and file.suffix != ".pyc":
                copy = target / file.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    return target


def test_a_change_alters_only_the_versions_of_the_functions_that_contain_it(
    pins: Pins, tmp_path: Path
) -> None:
    def versions() -> dict[str, str]:
        found = {name: build(tmp_path, name, pins).entries["build.json"] for name in functions(tmp_path)}
        return {name: json.loads(content)["content"] for name, content in found.items()}

    before = {
        name: json.loads(build(ROOT, name, pins).entries["build.json"])["content"] for name in functions(ROOT)
    }
    copy_of(ROOT, tmp_path)
    assert versions() == before
    file = tmp_path / "shared" / "vendors" / "digikey" / "client.py"
    file.write_text(file.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    after = versions()
    assert {name for name in after if after[name] != before[name]} == {"automate"}


def test_only_named_functions_are_written_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package.main(["automate", "--list", "--output", str(tmp_path / "new")]) == 0
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["automate.zip"]
    output = capsys.readouterr().out
    assert re.search(r"automate\.zip  \d+ kB, \d+ files, \d+ packages  \{\"version\": \"0\.1\.0\"", output)
    assert re.search(r"^ +\d+  functions/automate\.py$", output, re.MULTILINE)


def test_an_unknown_function_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        package.main(["nothing"])
    assert "there is no function nothing; the functions are accept-orders," in capsys.readouterr().err


# --- requirements


def names(lines: bytes) -> set[str]:
    return {Requirement(line).name for line in lines.decode().splitlines()}


def test_each_function_installs_only_what_it_imports_and_what_that_needs(pins: Pins) -> None:
    installed = {name: names(build(ROOT, name, pins).entries["requirements.txt"]) for name in functions(ROOT)}
    assert set(pins.lines) - set().union(*installed.values()) == NOT_IMPORTED
    by_package = {
        package: {name for name, found in installed.items() if package in found}
        for package in (
            "google-cloud-bigquery",
            "google-cloud-tasks",
            "google-cloud-scheduler",
            "grpcio",
            "pyyaml",
            "storage3",
            "defusedxml",
            "fpdf2",
            "pypdf",
            "supabase-auth",
        )
    }
    assert by_package == {
        "google-cloud-bigquery": {"orchestrate"},
        "google-cloud-tasks": {"orchestrate", "automate", "fallback"},
        "google-cloud-scheduler": {"workflow", "desk"},
        "grpcio": {"orchestrate", "automate", "fallback", "workflow", "desk"},
        "pyyaml": {"orchestrate"},
        "storage3": {"create-labels", "reconcile-orders", "sync-messages", "workflow", "desk"},
        "defusedxml": {"create-labels", "reconcile-orders", "workflow", "desk"},  # fpdf2 needs it, too
        "fpdf2": {"workflow", "desk"},
        "pypdf": {"workflow", "desk"},
        "supabase-auth": {"desk"},
    }


def test_a_package_brings_the_needs_of_its_extras(pins: Pins) -> None:
    assert {"h2==4.4.1", "functions-framework==3.10.2"} <= set(
        pins.closure(["postgrest"])
    )  # it asks for httpx[http2]
    assert not [line for line in pins.closure(["httpx"]) if line.startswith("h2")]


def test_a_pin_keeps_its_marker(pins: Pins) -> None:
    [line] = [line for line in pins.closure(["cryptography"]) if line.startswith("cffi")]
    assert line.endswith("; platform_python_implementation != 'PyPy'")


def test_an_import_that_no_pin_holds_is_refused(pins: Pins) -> None:
    with pytest.raises(
        RequirementsUnclear, match=r"psycopg\.rows is imported, and nothing in requirements.txt"
    ):
        pins.closure(["psycopg.rows"])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("pydantic==1.0", "pydantic==1.0 is pinned, and "),
        ("not-there==1.0", "not-there==1.0 is not installed here"),
    ],
)
def test_pins_that_are_not_installed_so_are_refused(tmp_path: Path, line: str, complaint: str) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"# a comment\n\ncolorama==0.4.6 ; sys_platform == 'win32'\n{line}\n")
    with pytest.raises(RequirementsUnclear, match=re.escape(complaint)):
        Pins.read(file)


def test_requirements_that_are_unclear_end_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_of(ROOT, tmp_path)
    (tmp_path / "requirements.txt").write_text("pydantic==1.0\n")
    monkeypatch.setattr(package, "ROOT", tmp_path)
    assert package.main(["workflow", "--output", str(tmp_path / "build")]) == 1
    assert "package: pydantic==1.0 is pinned" in capsys.readouterr().err
