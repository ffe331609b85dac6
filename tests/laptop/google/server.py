"""A stand-in's server in its own process, reached as deployed code would reach the real service."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import grpc
import httpx

from tests.processes import started

PATIENCE = 20.0

Client = Any
"""An official client, whose types omit the dicts and datetimes that it accepts and returns."""


class LocalServer:
    """Cloud Tasks or Cloud Scheduler: the official client, and the control address."""

    module: ClassVar[str]
    product: ClassVar[str]

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.endpoint, self.control_url = self.wait_until_ready(process)
        self._control = httpx.Client(base_url=self.control_url, timeout=60)
        self.client: Client = self._connect(grpc.insecure_channel(self.endpoint))

    @classmethod
    def program(
        cls, data_file: Path, *arguments: str, port: int = 0, control_port: int = 0
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        ports = ("--port", str(port), "--control-port", str(control_port))
        command = (sys.executable, "-m", cls.module, *ports, "--data-file", str(data_file), *arguments)
        return started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @classmethod
    def wait_until_ready(cls, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Returns the gRPC address and the control url."""
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        found = re.fullmatch(rf"{cls.product} ready on (127\.0\.0\.1:\d+), control on (http://\S+)\n", line)
        assert found, f"the server did not start: {line}{process.stderr.read()}"
        return found[1], found[2]

    def _connect(self, channel: grpc.Channel) -> Client:
        raise NotImplementedError

    def control(self, method: str, path: str, **request: Any) -> Any:  # noqa: ANN401  # JSON
        answer = self._control.request(method, path, **request)
        answer.raise_for_status()
        return answer.json()

    def ask(self, method: str, path: str, content: str = "") -> httpx.Response:
        """Returns the answer whatever its status."""
        return self._control.request(method, path, content=content)

    def inject(self, *faults: dict[str, Any]) -> None:
        self.control("POST", "/faults", json={"seed": 1, "faults": faults})

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Returns the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.client.transport.close()
        self._control.close()


S = TypeVar("S", bound=LocalServer)


@contextmanager
def running(kind: type[S], data_file: Path, *arguments: str) -> Iterator[S]:
    """At the end of the block the server must end cleanly, unless the test has ended it."""
    with kind.program(data_file, *arguments) as process:
        server = kind(process)
        try:
            yield server
        finally:
            server.close()
        if process.poll() is None:
            assert server.terminate() == 0
