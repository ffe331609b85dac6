import random
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

_CANDIDATES = range(10_240, 32_768)
"""Below the range that systems use for outgoing connections, so that none takes a chosen port."""


@dataclass(frozen=True)
class TakenPort:
    port: int
    holder: str | None
    """The pid and command of the program that listens on the port; None when the system does not say."""


def resolve_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """Replaces each 0 by a free port, all different."""
    used = {port for port in wanted.values() if port}
    resolved = {}
    for name, port in wanted.items():
        resolved[name] = port or _choose(used)
        used.add(resolved[name])
    return resolved


def _choose(used: Iterable[int]) -> int:
    for port in random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
        if port not in used and is_free(port):
            return port
    raise OSError(f"no free port between {_CANDIDATES.start} and {_CANDIDATES.stop - 1}")


def is_free(port: int) -> bool:
    """Also tries to connect: macOS lets a second socket bind beside one that listens on all addresses."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        # as the parts do: a connection in TIME_WAIT does not hold a port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def taken_ports(ports: Iterable[int]) -> list[TakenPort]:
    return [TakenPort(port, _holder(port)) for port in ports if not is_free(port)]


def _holder(port: int) -> str | None:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid is not None:
                command = " ".join(psutil.Process(connection.pid).cmdline())[:80]
                return f"pid {connection.pid}: {command}"
    except psutil.Error:  # not permitted, or the process has ended
        return None
    return None
