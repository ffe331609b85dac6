"""Where a cluster lives and whose it is.

Postgres refuses to run as root. Started by root, the cluster belongs to `nobody` and lives below /var/tmp, or /dev/shm
where the wanted folder lies there, with a copy of the binaries beside it, because the wanted folder and the virtual
environment may be out of that user's reach; the modes of existing folders are never touched. Started by anybody else,
it lives in the wanted folder.
"""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from laptop.supabase.postgres.errors import PlaceUnusable
from laptop.supabase.postgres.installation import PACKAGE, Installation, copied, packaged

UNPRIVILEGED = "nobody"
VISIBLE_TO_ALL = Path("/var/tmp")  # noqa: S108 - our folder in it is private, and its owner is checked
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the same


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
