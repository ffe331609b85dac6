"""The code that goes into a function's archive."""

from pathlib import Path

import pytest

from infra.package.archive import functions
from infra.package.reach import DATA, Reach, data_files, reach

ROOT = Path(__file__).parents[2]


def project(folder: Path, **modules: str) -> Path:
    """`shared_a` is shared/a.py, `functions_f` functions/f.py."""
    for name, code in modules.items():
        room, _, module = name.partition("_")
        (folder / room).mkdir(exist_ok=True)
        (folder / room / "__init__.py").touch()
        (folder / room / f"{module}.py").write_text(code)
    return folder


def modules(found: Reach) -> set[str]:
    return {file.stem for file in found.files} - {"__init__"}


def of_function(folder: Path, **sources: str) -> Reach:
    return reach(project(folder, **sources), "functions.f")


WIRING = """
def store():
    from shared import database
    import postgrest
    return database.connect(_address())

def _address():
    from shared import address
    return address.HERE

def queue():
    from shared.tasks import Queue
    import grpc
    return Queue()
"""
ROOMS = {
    "shared_wiring": WIRING,
    "shared_database": "def connect(url): ...",
    "shared_address": "HERE = 'x'",
    "shared_tasks": "class Queue: ...",
}


def test_only_what_the_used_builders_import_is_followed(tmp_path: Path) -> None:
    found = of_function(tmp_path, functions_f="from shared import wiring\nf = wiring.store()", **ROOMS)
    assert modules(found) == {"f", "wiring", "database", "address"}
    assert found.foreign == {"postgrest"}


def test_only_the_builder_that_is_imported_by_name_is_followed(tmp_path: Path) -> None:
    found = of_function(tmp_path, functions_f="from shared.wiring import queue\nf = queue", **ROOMS)
    assert modules(found) == {"f", "wiring", "tasks"}
    assert found.foreign == {"grpc"}


def test_a_module_that_is_handed_on_is_followed_as_a_whole(tmp_path: Path) -> None:
    found = of_function(
        tmp_path, functions_f="from shared import wiring\ndef f(): return str(wiring)", **ROOMS
    )
    assert modules(found) == {"f", "wiring", "database", "address", "tasks"}


def test_an_import_by_another_name_is_followed(tmp_path: Path) -> None:
    code = "import shared.wiring as built\ndef f(): return built.queue()"
    assert modules(of_function(tmp_path, functions_f=code, **ROOMS)) == {"f", "wiring", "tasks"}


def test_what_only_types_need_stays_out(tmp_path: Path) -> None:
    code = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from shared import tasks\n    import grpc\n"
        "else:\n    import requests\n"
        "def f(x: 'tasks.Queue') -> None: ..."
    )
    found = of_function(tmp_path, functions_f=code, **ROOMS)
    assert modules(found) == {"f"}
    assert found.foreign == {"typing.TYPE_CHECKING", "requests"}


def test_defaults_decorators_and_class_bodies_run_at_import(tmp_path: Path) -> None:
    room = (
        "def made():\n    from shared import first\n"
        "def mark(f):\n    from shared import second\n    return f\n"
        "def base():\n    from shared import third\n    return object\n"
        "def value():\n    from shared import fourth\n"
        "@mark\ndef one(x=made(), *, y=made()): ...\n"
        "class Two(base()):\n    z = value()\n    def never(self):\n        from shared import fifth\n"
    )
    rest = {f"shared_{name}": "" for name in ("first", "second", "third", "fourth", "fifth")}
    found = of_function(tmp_path, functions_f="import shared.room\ndef f(): ...", shared_room=room, **rest)
    assert modules(found) == {"f", "room", "first", "second", "third", "fourth"}


def test_a_name_that_a_decorator_is_given_belongs_to_the_decorated_definition(tmp_path: Path) -> None:
    room = (
        "def part(*sources):\n    from shared import first\n    return lambda f: f\n"
        "def store():\n    from shared import second\n"
        "@part(store)\ndef worker(store):\n    from shared import third\n"
    )
    rest = {f"shared_{name}": "" for name in ("first", "second", "third")}
    idle = of_function(tmp_path, functions_f="import shared.room\ndef f(): ...", shared_room=room, **rest)
    assert modules(idle) == {"f", "room", "first"}
    used = of_function(
        tmp_path, functions_f="import shared.room as room\nf = room.worker", shared_room=room, **rest
    )
    assert modules(used) == {"f", "room", "first", "second", "third"}


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    found = of_function(
        tmp_path,
        functions_f="from shared import a\nf = a.go",
        shared_a="def go():\n    from shared import b\n    return b.back()",
        shared_b="def back():\n    from shared import a\n    return a.go()",
    )
    assert modules(found) == {"f", "a", "b"}


@pytest.mark.parametrize("line", ["from . import a", "from shared.a import *"])
def test_what_cannot_be_followed_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="relative and star imports are not followed"):
        of_function(tmp_path, functions_f=line, shared_a="")


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"shared\.gone"):
        of_function(tmp_path, functions_f="import shared.gone", shared_a="")


# --- the functions themselves


@pytest.mark.parametrize(
    ("function", "foreign_room"),
    [
        ("automate", "shared/cloud/bigquery.py"),
        ("automate", "shared/vendors/mirakl"),
        ("orchestrate", "shared/vendors"),
        ("orchestrate", "shared/fulfillment"),
        ("workflow", "shared/cloud/tasks.py"),
        ("accept_orders", "shared/enrichment"),
        ("accept_orders", "shared/vendors/canada_post"),
        ("sync_messages", "shared/fulfillment/label.py"),
    ],
)
def test_no_function_brings_what_another_one_is_for(function: str, foreign_room: str) -> None:
    found = reach(ROOT, f"functions.{function}").files
    assert not [file for file in found if file.as_posix().startswith(foreign_room)]
    assert list(ROOT.glob(f"{foreign_room}*"))


def test_every_module_of_ours_is_in_some_archive_or_is_not_deployed() -> None:
    reached = {
        file for name in functions(ROOT) for file in reach(ROOT, f"functions.{name.replace('-', '_')}").files
    }
    ours = {
        file.relative_to(ROOT) for room in ("functions", "shared") for file in (ROOT / room).rglob("*.py")
    }
    # The use cases in process, for notebooks, and how programs find the laptop cloud of their checkout.
    assert {file.as_posix() for file in ours - reached} == {"shared/workflow.py", "shared/checkout.py"}


def test_every_file_that_is_no_module_is_brought_by_the_module_that_reads_it() -> None:
    kinds = {".py", ".pyc"}
    data = {
        file.relative_to(ROOT)
        for file in (ROOT / "shared").rglob("*")
        if file.is_file() and file.suffix not in kinds
    }
    assert data_files(ROOT, frozenset(map(Path, DATA))) == data


def test_every_module_that_looks_beside_itself_is_known_to() -> None:
    looking = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "shared").rglob("*.py")
        if "__file__" in file.read_text(encoding="utf-8")
    }
    # The one reads what the archive itself says, the other one is in no archive.
    assert looking == {*DATA, "shared/web/health.py", "shared/checkout.py"}
