"""`python -m laptop.supabase.postgres`: prepares a cluster, then becomes its server, which keeps this process id."""

import argparse
import errno
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from laptop.supabase.postgres import STOP_SIGNAL, PortTaken, StartRefused
from laptop.supabase.postgres.cluster import prepare, server_environment
from laptop.supabase.postgres.occupancy import occupy
from laptop.supabase.postgres.place import Place, place_for


def main(arguments: list[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    try:
        place = place_for(wanted.data_dir)
        if wanted.remove:
            remove(place)
            return 0
        serve(place, wanted.host, wanted.port, fast=wanted.fast)
    except StartRefused as refusal:
        print(f"postgres: {refusal}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m laptop.supabase.postgres", description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        required=True,
        help="folder of the data; root's data lies below /var/tmp or /dev/shm, in a folder named after this one",
    )
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--fast", action="store_true", help="no fsync: for tests, which can lose their data")
    parser.add_argument(
        "--remove", action="store_true", help="delete the stopped cluster with all its data, then exit"
    )
    parser.epilog = f"Stop it with {STOP_SIGNAL.name}: SIGTERM waits for the last client to leave."
    return parser


def remove(place: Place) -> None:
    if place.folder.exists():
        os.close(occupy(place.lock, place.data))
        place.remove()


def serve(place: Place, host: str, port: int, *, fast: bool) -> NoReturn:
    place.create()
    lock = occupy(place.lock, place.data)
    try:
        _refuse_taken(host, port)
        installation = place.installation()
        prepare(place, installation, fast=fast)
    except StartRefused:
        os.close(lock)
        raise
    _become(installation.program("postgres"), place, host, port)


def _become(program: Path, place: Place, host: str, port: int) -> NoReturn:
    os.chdir(place.folder)
    if place.owner is not None:
        os.setgroups([])
        os.setgid(place.owner.gid)
        os.setuid(place.owner.uid)
    listen = ("-c", f"listen_addresses={host}", "-c", f"port={port}")
    os.execve(program, [str(program), "-D", str(place.data), *listen], server_environment())  # noqa: S606 - becomes it


def _refuse_taken(host: str, port: int) -> None:
    """Checks before anything is made. The server would refuse later, in less clear words."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            reason = (
                "is taken" if problem.errno == errno.EADDRINUSE else f"cannot be used ({problem.strerror})"
            )
            raise PortTaken(f"port {port} on {host} {reason}: choose another one with --port") from problem


if __name__ == "__main__":
    sys.exit(main())
