import os
import socket

import psutil
import pytest

from laptop.supervisor import ports
from laptop.supervisor.ports import is_free, resolve_ports, taken_ports


def test_zeros_become_different_free_ports_and_numbers_stay() -> None:
    found = resolve_ports({"a": 0, "b": 0, "c": 1234})

    assert found["c"] == 1234
    assert len(set(found.values())) == 3
    assert is_free(found["a"])
    assert is_free(found["b"])


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        monkeypatch.setattr(ports, "_CANDIDATES", range(port, port + 1))
        with pytest.raises(OSError, match="no free port"):
            resolve_ports({"a": 0})


def test_a_bound_port_is_not_free_even_before_it_listens() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        assert not is_free(squatter.getsockname()[1])


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        (taken,) = taken_ports([port, resolve_ports({"a": 0})["a"]])

    assert taken.port == port
    assert taken.holder is not None
    assert taken.holder.startswith(f"pid {os.getpid()}: ")


@pytest.mark.parametrize("listens", [False, True])
def test_an_unknown_holder_is_left_out(monkeypatch: pytest.MonkeyPatch, listens: bool) -> None:  # noqa: FBT001 - a case
    def refuse(kind: str) -> list[object]:
        raise psutil.AccessDenied(msg=kind)

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        if listens:
            squatter.listen()
            monkeypatch.setattr(psutil, "net_connections", refuse)  # what macOS answers without rights
        (taken,) = taken_ports([squatter.getsockname()[1]])

    assert taken.holder is None
