"""Makes the data folder at the first start and checks it at each later one."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from laptop.supabase.postgres import PASSWORD, SUPERUSER, PlaceUnusable, SetUpFailed
from laptop.supabase.postgres.place import Installation, Owner, Place

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")

SETTINGS: Mapping[str, str] = {
    "unix_socket_directories": "''",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",
    "log_line_prefix": "'%m [%p] '",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "dynamic_shared_memory_type": "mmap",
}
"""For a laptop: loopback only, English messages, no replication, no I/O worker processes. Dynamic shared memory lies in
the data folder, so that a killed server leaves nothing in /dev/shm."""

DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
}
FAST: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
"""For tests: a crash of the machine loses data, a killed process does not."""


def prepare(place: Place, installation: Installation, *, fast: bool) -> None:
    if (place.data / "PG_VERSION").exists():
        _refuse_other_version(place.data, installation)
    else:
        _create(place, installation, fast=fast)
    settings = {**SETTINGS, **(FAST if fast else DURABLE)}
    _write(
        place.data / "postgresql.conf",
        "".join(f"{name} = {value}\n" for name, value in settings.items()),
        place.owner,
    )


def _refuse_other_version(data: Path, installation: Installation) -> None:
    found, wanted = (data / "PG_VERSION").read_text().strip(), installation.major_version()
    if found != wanted:
        raise PlaceUnusable(
            f"{data} holds the data of Postgres {found}, and this is {wanted}:"
            " move it away, or remove it with --remove"
        )


def _create(place: Place, installation: Installation, *, fast: bool) -> None:
    """Renames the folder as the last step, so that an interrupted one is never taken for a cluster."""
    unfinished = Place(place.folder / "unfinished", place.owner)
    unfinished.remove()
    password = place.folder / "password"
    _write(password, PASSWORD, place.owner)
    _run(
        [
            installation.program("initdb"),
            f"--pgdata={unfinished.folder}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            "--set=dynamic_shared_memory_type=mmap",
            *(["--no-sync"] if fast else []),
        ],
        place.owner,
    )
    password.unlink()
    for database in ("template1", "postgres"):
        single_user = (installation.program("postgres"), "--single", "-j", "-D", unfinished.folder)
        _run([*single_user, "-c", "exit_on_error=on", database], place.owner, BOOTSTRAP.read_bytes())
    unfinished.folder.rename(place.data)


def _run(command: list[str | Path], owner: Owner | None, script: bytes = b"") -> None:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        input=script,
        timeout=120,
        cwd="/",
        env=server_environment(),
        user=None if owner is None else owner.uid,
        group=None if owner is None else owner.gid,
        extra_groups=None if owner is None else [],
    )
    if done.returncode != 0:
        last_words = done.stderr.decode(errors="replace").strip()[-2000:]
        raise SetUpFailed(f"{Path(command[0]).name} ended with status {done.returncode}: {last_words}")


def server_environment() -> dict[str, str]:
    """Leaves out the caller's variables: PGDATA, PGPORT and the locale would change what the server does."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _write(path: Path, content: str, owner: Owner | None) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
