import importlib
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from laptop.google.bigquery.emulator import RESULTS_KEPT, EmulatorChanged, RecentResults, correct_emulator
from laptop.google.bigquery.launcher import _staging
from tests.laptop.google.emulator import PROJECT, Emulator, running_emulator, serve_command

TABLE = f"{PROJECT}.parts.intake"
ROWS = [{"pn": f"P{number}", "priority_score": {"score": 0.5}} for number in range(200)]


def count(emulator: Emulator) -> int:
    return int(emulator.rows(f"SELECT COUNT(*) AS n FROM `{TABLE}`")[0]["n"])


def refusal(data_dir: Path, port: int = 0) -> tuple[int, str]:
    ended = subprocess.run(
        serve_command(data_dir, port), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_it_says_one_line_when_ready_and_ends_quietly_on_sigterm(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        emulator.replace(TABLE, ROWS)
        emulator.process.terminate()
        rest, errors = emulator.process.communicate(timeout=60)
    assert (rest, errors, emulator.process.returncode) == ("", "", 0)


def test_what_was_loaded_survives_sigkill_and_a_restart(tmp_path: Path) -> None:
    with running_emulator(tmp_path / "data") as before:
        before.replace(TABLE, ROWS[:50])
        before.replace(TABLE, ROWS)
        os.kill(before.process.pid, signal.SIGKILL)
        before.process.wait(60)
    for _ in range(2):  # the first one ends by SIGTERM
        with running_emulator(tmp_path / "data", before.port) as after:
            assert after.port == before.port
            assert count(after) == len(ROWS)


def test_uploads_that_a_killed_process_left_are_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "uploads" / "half.upload"
    leftover.parent.mkdir()
    leftover.write_text("half")
    assert _staging(tmp_path) == leftover.parent
    assert not leftover.exists()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, message = refusal(tmp_path, port)
    assert status == 1
    assert f"--port {port} on 127.0.0.1 cannot be used" in message


def test_a_folder_in_use_by_another_emulator_is_refused(tmp_path: Path) -> None:
    with running_emulator(tmp_path):
        status, message = refusal(tmp_path)
    assert status == 1
    assert f"{tmp_path} cannot be opened" in message


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, message = refusal(tmp_path / "file")
    assert status == 1
    assert "cannot be used" in message


@pytest.mark.parametrize(
    ("module", "name", "changed"),
    [
        ("bqemulator.jobs.executor", "JOB_RESULTS", None),
        ("bqemulator.api.routes.jobs", "JOB_RESULTS", {}),
        ("bqemulator.api.routes.upload", "_PERMITTED_MEDIA_CONTENT_TYPES", {"a", "set"}),
        ("bqemulator.storage.engine", "DuckDBEngine", type("DuckDBEngine", (), {})),
    ],
)
def test_a_correction_of_a_changed_internal_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    name: str,
    changed: Any,  # noqa: ANN401 - stands for any internal
) -> None:
    correct_emulator()
    monkeypatch.setattr(importlib.import_module(module), name, changed)
    with pytest.raises(EmulatorChanged):
        correct_emulator()


def test_only_the_latest_results_are_kept() -> None:
    results = RecentResults()
    for number in range(RESULTS_KEPT + 2):
        results[f"job {number}"] = number
    assert list(results) == [f"job {number}" for number in range(2, RESULTS_KEPT + 2)]
