"""The local Supabase REST server in a thread of the test process: it starts in some tens of milliseconds."""

import asyncio
import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from laptop.faults import DroppableProtocol
from laptop.supabase.rest.app import PREFIX, RestServer, listening
from laptop.supabase.rest.tokens import ANONYMOUS, SERVICE, api_key
from laptop.supabase.storage.folder import Folder
from tests.processes import started

STOP_S = 30
SECRET = "a-secret-of-the-tests-that-is-long-enough"


@dataclass(frozen=True)
class Rest:
    """`url` is what `supabase.create_client` takes, `rest_url` what `SyncPostgrestClient` takes."""

    url: str
    secret: str = SECRET
    prefix: str = PREFIX
    version: int = 14

    @property
    def rest_url(self) -> str:
        return f"{self.url}{self.prefix}"

    @property
    def service_key(self) -> str:
        return api_key(self.secret, SERVICE)

    @property
    def anon_key(self) -> str:
        return api_key(self.secret, ANONYMOUS)

    def headers(self, key: str | None = None) -> dict[str, str]:
        """The headers that both Supabase clients send with a key; default: the service key."""
        key = self.service_key if key is None else key
        return {"apikey": key, "Authorization": f"Bearer {key}"}

    def client(self, key: str | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.rest_url, headers=self.headers(key), timeout=30)


class _Host:
    """A web server in a thread that serves the apps of one test after another: each stop of uvicorn takes 0.2 s."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._loop = asyncio.new_event_loop()
        self._listener = listening("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._serve,
            http=DroppableProtocol,
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def mount(self, app: ASGIApp) -> None:
        self._app = app

    def unmount(self, server: RestServer) -> bool:
        """Returns whether the host can serve another app: not while it still works on a request."""
        asyncio.run_coroutine_threadsafe(server.close(), self._loop).result(STOP_S)
        return not self._server.server_state.tasks

    def stop(self) -> None:
        atexit.unregister(self.stop)
        self._server.should_exit = True
        self._thread.join(STOP_S)

    def _run(self) -> None:
        with self._listener, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[self._listener]))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


_idle: list[_Host] = []


@contextmanager
def serving(database_url: str, *, pool: int = 10, folder: Folder | None = None) -> Iterator[Rest]:
    host = _idle.pop() if _idle else _Host()
    server = RestServer(database_url, SECRET, pool, folder)
    host.mount(server.app())
    try:
        yield Rest(host.url)
    finally:
        if host.unmount(server):
            _idle.append(host)
        else:
            host.stop()


def program(*arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The server in a process, started by its command line."""
    command = [sys.executable, "-m", "laptop.supabase.rest", *arguments]
    environment = {**os.environ, "SUPABASE_JWT_SECRET": SECRET}
    return started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
