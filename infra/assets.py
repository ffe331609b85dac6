"""`python -m infra.assets`: fetches the desk's scripts and styles again, each as its npm package has it.

The packages come from the registry that `npm` is set up for. A file whose hash is not the one below is refused: to take
a newer version, change version and hash here together.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = "shared/web/desk/assets"
TIMEOUT = 120.0


@dataclass(frozen=True)
class Package:
    """`files` are the package's paths with the names here; `licence` is its SPDX id, `text` its licence's path."""

    name: str
    version: str
    licence: str
    text: str
    files: Mapping[str, str]
    integrity: str
    """Of the package, as npm gives it: sha512 in base64."""

    @property
    def kept_text(self) -> str:
        return f"{self.name.partition('.')[0]}.LICENSE"


PACKAGES = (
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        "package/LICENSE",
        {"package/dist/htmx.min.js": "htmx.min.js"},
        "sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
    ),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        "package/LICENSE",
        {
            "package/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
            "package/dist/uPlot.min.css": "uPlot.min.css",
        },
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
    ),
)


class AssetRefused(Exception):
    """A package could not be fetched, or is not the one that is named here."""


def fetch(package: Package, folder: Path) -> dict[str, bytes]:
    """The files by their names here, with the licence. Raises AssetRefused."""
    npm = shutil.which("npm")
    if npm is None:
        raise AssetRefused("npm is not on PATH; it comes with Node.js")
    wanted = f"{package.name}@{package.version}"
    try:
        packed = subprocess.run(  # noqa: S603 - constants
            [npm, "pack", "--json", wanted], cwd=folder, capture_output=True, check=True, timeout=TIMEOUT
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise AssetRefused(f"{wanted} cannot be fetched: {error}") from error
    (described,) = json.loads(packed.stdout)
    archive = folder / described["filename"]
    if described["integrity"] != package.integrity or integrity(archive.read_bytes()) != package.integrity:
        raise AssetRefused(f"{wanted} is {described['integrity']}, not {package.integrity}")
    with tarfile.open(archive) as files:
        members = {**package.files, package.text: package.kept_text}
        return {name: _content(files, path) for path, name in members.items()}


def integrity(content: bytes) -> str:
    """As npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def _content(files: tarfile.TarFile, path: str) -> bytes:
    member = files.extractfile(path)
    if member is None:
        raise AssetRefused(f"the package has no {path}")
    return member.read()


def main() -> int:
    try:
        with tempfile.TemporaryDirectory() as folder:
            fetched = [fetch(package, Path(folder)) for package in PACKAGES]
    except AssetRefused as refusal:
        print(f"assets: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    for name, content in ((name, content) for files in fetched for name, content in files.items()):
        (ROOT / FOLDER / name).write_bytes(content)
        print(f"assets: {FOLDER}/{name}")  # noqa: T201 - a command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
