"""The page of the stand-ins: its example runs on a copy of the folder, and it names every server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.ports import free_port
from tests.processes import started

LAPTOP = Path(__file__).parents[2] / "laptop"
PAGE = (LAPTOP / "README.md").read_text(encoding="utf-8")


def test_the_supervisor_s_example_runs_outside_this_project(tmp_path: Path) -> None:
    shutil.copytree(LAPTOP, tmp_path / "laptop", ignore=shutil.ignore_patterns("__pycache__"))
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    ports = {port: str(free_port()) for port in ("8093", "8094")}
    (tmp_path / "run.py").write_text(re.sub("|".join(ports), lambda found: ports[found[0]], example))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "run.py"]
    with started(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        output, _ = run.communicate(timeout=120)
    assert (run.returncode, output) == (0, "")
    assert (tmp_path / "state" / "tasks.sqlite").exists()


def test_every_server_has_a_command_on_the_page() -> None:
    servers = {".".join(main.parent.relative_to(LAPTOP.parent).parts) for main in LAPTOP.rglob("__main__.py")}
    assert servers == set(re.findall(r"^    python -m (\S+)", PAGE, re.MULTILINE))
