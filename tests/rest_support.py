"""The local Supabase REST server in a thread of the test process: it starts in some tens of milliseconds."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn

from laptop.faults import DroppableProtocol
from laptop.supabase.rest.app import PREFIX, RestServer, listening
from laptop.supabase.rest.tokens import ANONYMOUS, SERVICE, api_key
from laptop.supabase.storage.folder import Folder
from tests.processes import started

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


@contextmanager
def serving(database_url: str, *, pool: int = 10, folder: Folder | None = None) -> Iterator[Rest]:
    with listening("127.0.0.1", 0) as listener:
        app = RestServer(database_url, SECRET, pool, folder).app()
        config = uvicorn.Config(
            app,
            http=DroppableProtocol,
            log_level="warning",
            access_log=False,
            loop="asyncio",
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield Rest(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


def program(*arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The server in a process, started by its command line."""
    command = [sys.executable, "-m", "laptop.supabase.rest", *arguments]
    environment = {**os.environ, "SUPABASE_JWT_SECRET": SECRET}
    return started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
