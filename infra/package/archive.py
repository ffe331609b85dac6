"""The archive of one function. The same content gives the same bytes, on any machine and at any time."""

import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from infra.package.reach import data_files, reach
from infra.package.requirements import Pins

BUILD_FILE = "build.json"
"""`shared/web/health.py` reads it."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True)
class Archive:
    """`entries`: path in the archive to content."""

    function: str
    entries: Mapping[str, bytes]

    @property
    def file_name(self) -> str:
        return f"{self.function}.zip"

    @cached_property
    def content(self) -> bytes:
        """The zip file, not compressed: the bytes of zlib differ by version, and Terraform would see a change."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(self.entries):
                entry = zipfile.ZipInfo(path, _LONG_AGO)
                entry.external_attr, entry.create_system = _READABLE, _UNIX
                archive.writestr(entry, self.entries[path])
        return buffer.getvalue()


def functions(root: Path) -> tuple[str, ...]:
    """The deployed names: `accept-orders` for `functions/accept_orders.py`."""
    return tuple(sorted(file.stem.replace("_", "-") for file in root.glob("functions/[a-z]*.py")))


def build(root: Path, function: str, pins: Pins) -> Archive:
    """Raises FileNotFoundError and RequirementsUnclear when something imported is missing."""
    entry_point = function.replace("-", "_")
    reached = reach(root, f"functions.{entry_point}")
    files = reached.files | data_files(root, reached.files)
    entries = {file.as_posix(): (root / file).read_bytes() for file in files}
    entries["main.py"] = f"from functions.{entry_point} import {entry_point}\n".encode()
    entries["requirements.txt"] = "".join(f"{line}\n" for line in pins.closure(reached.foreign)).encode()
    entries[BUILD_FILE] = _build_file(root, entries)
    return Archive(function, entries)


def _build_file(root: Path, entries: Mapping[str, bytes]) -> bytes:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    digest = hashlib.sha256()
    for path in sorted(entries):
        digest.update(f"{path}\0{len(entries[path])}\0".encode() + entries[path])
    return json.dumps({"version": project["version"], "content": digest.hexdigest()[:12]}).encode() + b"\n"
