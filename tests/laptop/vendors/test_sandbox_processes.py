"""Starting and stopping each of the three sandboxes."""

import signal
import socket
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.laptop.vendors.sandboxes import (
    Sandbox,
    canada_post,
    digikey,
    mirakl,
    row,
    run_to_its_end,
    write_catalogue,
)

VENDORS = ("canada_post", "digikey", "mirakl")
pytestmark = pytest.mark.parametrize("vendor", VENDORS)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return write_catalogue(tmp_path / "catalogue.jsonl", [row("ONE")])


def running(vendor: str, data_dir: Path, catalogue: Path) -> AbstractContextManager[Sandbox]:
    if vendor == "digikey":
        return digikey(catalogue, data_dir)
    return {"canada_post": canada_post, "mirakl": mirakl}[vendor](data_dir)


def options(vendor: str, catalogue: Path) -> list[str]:
    return ["--catalogue", str(catalogue)] if vendor == "digikey" else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_it_with_status_0(
    vendor: str, tmp_path: Path, catalogue: Path, number: signal.Signals
) -> None:
    with running(vendor, tmp_path / "data", catalogue) as sandbox:
        sandbox.process.send_signal(number)
        assert sandbox.process.wait(timeout=30) == 0


def test_a_taken_port_is_reported_on_one_line(vendor: str, tmp_path: Path, catalogue: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_its_end(vendor, tmp_path / "data", *options(vendor, catalogue), "--port", port)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert f"{vendor.replace('_', ' ')} sandbox: cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_a_folder_that_cannot_be_used_is_reported_on_one_line(
    vendor: str, tmp_path: Path, catalogue: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    ended = run_to_its_end(vendor, tmp_path / "file" / "below", *options(vendor, catalogue))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith(f"{vendor.replace('_', ' ')} sandbox: ")
