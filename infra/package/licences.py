"""`python -m infra.package.licences`: writes docs/licences.md, the licences of what is deployed, out of metadata."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from infra.assets import FOLDER, PACKAGES
from infra.package.archive import build, functions
from infra.package.requirements import Pins

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "licences.md"

SPDX: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD",
    "BSD License": "BSD",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "MIT License": "MIT",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names that packages use instead of SPDX's. For BSD, the form is not known."""

TERMS: Mapping[str, str] = {
    "Apache-2.0": "notice kept, patent grant",
    "Apache-2.0 OR BSD-2-Clause": "as Apache-2.0",
    "Apache-2.0 OR BSD-3-Clause": "as Apache-2.0",
    "BSD": "notice kept",
    "BSD-2-Clause": "notice kept",
    "BSD-3-Clause": "notice kept",
    "LGPL-3.0-only": "changes to its own files are published, and it stays replaceable; it is installed unchanged",
    "MIT": "notice kept",
    "MIT-0": "none",
    "MIT-CMU": "notice kept",
    "MPL-2.0": "changes to its own files are published; it is used unchanged",
    "PSF-2.0": "notice kept",
}
"""The duties of whoever deploys a package. A person must read any licence that is not listed here first."""


@dataclass(frozen=True)
class Vendored:
    """A file of others in this repository that is deployed. `path` is relative to the root."""

    path: str
    source: str
    licence: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256((ROOT / self.path).read_bytes()).hexdigest()


ASSET_TERMS: Mapping[str, str] = {"0BSD": "nothing", "MIT": "notice kept"}

VENDORED = (
    Vendored(
        "shared/fulfillment/fonts/DejaVuSansCondensed.ttf",
        "DejaVu 2.37, from `dejavu-fonts-ttf` 2.37.3 of npm",
        "Bitstream Vera and Arev ([text](../shared/fulfillment/fonts/LICENSE)):"
        " notice kept, no sale by itself, a changed font under another name",
    ),
    *(
        Vendored(
            f"{FOLDER}/{name}",
            f"`{package.name}` {package.version} of npm, by `make assets`",
            f"{package.licence} ([text](../{FOLDER}/{package.kept_text})): {ASSET_TERMS[package.licence]}",
        )
        for package in PACKAGES
        for name in package.files.values()
    ),
)

HEAD = """# Licences of what is deployed

Switchyard is under Apache-2.0 ([LICENSE](../LICENSE)). The `requirements.txt` in each function's archive (`make
package`) names the packages that are installed with it; this page lists them all. Every licence allows commercial
use without publishing our own code. `python -m infra.package.licences` writes this page from the installed
packages' metadata; a test fails when the page is out of date, or when nobody has looked at a licence. For
vulnerabilities see [security.md](security.md#packages).

| package | version | licence | deployed with |
|---|---|---|---|
"""
ALL = "all"


class LicenceUnknown(Exception):
    """A package states no licence, or one that nobody has read yet."""


@dataclass(frozen=True)
class Deployed:
    package: str
    version: str
    licence: str
    functions: str


def deployed(root: Path = ROOT) -> list[Deployed]:
    """The packages of all archives. Raises LicenceUnknown."""
    pins = Pins.read(root / "requirements.txt")
    names = functions(root)
    users: dict[str, set[str]] = {}
    for name in names:
        for line in build(root, name, pins).entries["requirements.txt"].decode().splitlines():
            users.setdefault(line, set()).add(name)
    found = []
    for line in sorted(users):
        pinned = Requirement(line)
        using = (
            ALL if len(users[line]) == len(names) else ", ".join(f"`{name}`" for name in sorted(users[line]))
        )
        version = next(iter(pinned.specifier)).version
        found.append(
            Deployed(pinned.name, version, licence_of(pinned.name, metadata.metadata(pinned.name)), using)
        )
    return found


def licence_of(package: str, described: metadata.PackageMetadata) -> str:
    """In SPDX's terms. Raises LicenceUnknown."""
    classifiers = [line for line in described.get_all("Classifier") or [] if line.startswith("License ::")]
    stated = [
        described["License-Expression"],
        described["License"],
        *(line.rpartition(" :: ")[2] for line in classifiers),
    ]
    for text in stated:
        licence = SPDX.get((text or "").strip(), (text or "").strip())
        if licence in TERMS:
            return licence
    raise LicenceUnknown(
        f"{package}: {stated} is no licence that was looked at (TERMS in {Path(__file__).name})"
    )


def page(rows: list[Deployed]) -> str:
    table = "".join(f"| {row.package} | {row.version} | {row.licence} | {row.functions} |\n" for row in rows)
    used = sorted({row.licence for row in rows})
    terms = "".join(
        f"| {licence} | {sum(row.licence == licence for row in rows)} | {TERMS[licence]} |\n"
        for licence in used
    )
    vendored = "".join(
        f"| `{file.path}` | {file.source} | {file.licence} | `{file.sha256}` |\n" for file in VENDORED
    )
    return (
        f"{HEAD}{table}\n| licence | packages | what it asks |\n|---|---|---|\n{terms}"
        f"\n| file of others | source | licence | SHA-256 |\n|---|---|---|---|\n{vendored}"
    )


if __name__ == "__main__":
    PAGE.write_text(page(deployed()), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
