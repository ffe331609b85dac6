"""`python -m laptop.supabase.rest`: serves the Supabase REST API of one database until SIGTERM or Ctrl+C."""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from laptop.faults import DroppableProtocol
from laptop.supabase.rest.app import BACKLOG, PREFIX, RestServer, listening
from laptop.supabase.rest.tokens import SHORTEST_SECRET
from laptop.supabase.storage.folder import Folder


class _Server(uvicorn.Server):
    """Prints a line when it is ready, and exits with 0 after SIGTERM or Ctrl+C."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        host, port = sockets[0].getsockname()[:2]
        print(f"rest ready: http://{host}:{port}{PREFIX}", flush=True)  # noqa: T201 - the ready line

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if not wanted.database_url:
        parser.error("no database: give --database-url or set DATABASE_URL")
    if len(wanted.jwt_secret) < SHORTEST_SECRET:
        parser.error(
            f"the JWT secret must have at least {SHORTEST_SECRET} characters: --jwt-secret or $SUPABASE_JWT_SECRET"
        )
    try:
        listener = listening(wanted.host, wanted.port)
    except OSError as problem:
        print(f"rest: port {wanted.port} on {wanted.host}: {problem.strerror}", file=sys.stderr)  # noqa: T201 - answer
        return 1
    with listener:
        folder = Folder(wanted.storage_dir, [wanted.bucket]) if wanted.storage_dir else None
        app = RestServer(wanted.database_url, wanted.jwt_secret, wanted.pool, folder).app()
        config = uvicorn.Config(
            app,
            http=DroppableProtocol,
            loop="auto",
            log_level="warning",
            access_log=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=5,
        )
        _Server(config).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m laptop.supabase.rest", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--database-url",
        default=os.environ.get("DATABASE_URL"),
        help="connects as authenticator; default: $DATABASE_URL",
    )
    parser.add_argument(
        "--jwt-secret",
        default=os.environ.get("SUPABASE_JWT_SECRET", ""),
        help="default: $SUPABASE_JWT_SECRET",
    )
    parser.add_argument("--pool", type=int, default=10, help="largest number of connections to the database")
    parser.add_argument("--storage-dir", type=Path, help="also serve Supabase Storage from this folder")
    parser.add_argument(
        "--bucket", default="labels", help="the only bucket of the storage (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
