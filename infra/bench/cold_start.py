"""The time from a function's start to its first 200, compared with a function that only says hello."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import httpx

from infra.bench.table import Row, at_most
from infra.local.functions import STAGES
from infra.local.settings import ROOT
from laptop.supervisor.ports import resolve_ports

BUDGETS = {
    "automate": 1.5,
    "fallback": 1.5,
    "workflow": 2.0,
    "desk": 1.6,
    "orchestrate": 2.7,
} | dict.fromkeys(STAGES, 1.5)
ROUNDS = 7
HELLO = "def hello(request):\n    return 'hello'\n"


def measure(
    environment: Mapping[str, str], folder: Path, first_calls: Mapping[str, tuple[str, str, object]]
) -> list[Row]:
    """`first_calls` are method, path and body of each function's first real call.

    The sources are compiled before, as Google's buildpack does (GoogleCloudPlatform/buildpacks,
    cmd/python/functions_framework/lib/lib.go: `python3 -m compileall -f -q .`).
    """
    compiled = [sys.executable, "-m", "compileall", "-q", "functions", "shared"]
    subprocess.run(compiled, cwd=ROOT, check=True)
    hello = folder / "hello.py"
    hello.write_text(HELLO)
    names = list(BUDGETS)
    ready: dict[str, list[float]] = {name: [] for name in ["hello", *names]}
    real: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        ready["hello"].append(first_answer(hello, "hello", environment, ("GET", "/", None)))
        for name in names:
            target = name.replace("-", "_")
            source = ROOT / "functions" / f"{target}.py"
            ready[name].append(
                first_answer(source, target, environment, ("GET", "/health?shallow=true", None))
            )
            real[name].append(first_answer(source, target, environment, first_calls[name]))
    floor = median(ready["hello"]) * 1000
    rows = [
        at_most(f"cold start of {name}, to its first 200", budget, median(ready[name]) * 1000, floor)
        for name, budget in BUDGETS.items()
    ]
    for name in names:
        taken = median(real[name]) * 1000
        rows.append(
            Row(
                f"cold start of {name}, to its first real answer",
                "",
                f"{taken / floor:.2f}x",
                f"{taken:.0f} ms",
                None,
            )
        )
    return rows


def first_answer(
    source: Path, target: str, environment: Mapping[str, str], call: tuple[str, str, object]
) -> float:
    """Seconds. Raises RuntimeError when the process ends or answers anything but 200."""
    port = resolve_ports({target: 0})[target]
    command = [sys.executable, "-m", "functions_framework", "--source", str(source), "--target", target]
    method, path, body = call
    url = f"http://127.0.0.1:{port}{path}"
    with httpx.Client(timeout=30, trust_env=False) as client:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--port", str(port), "--host", "127.0.0.1"],
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                try:
                    answer = client.request(method, url, json=body)
                except httpx.ConnectError:
                    time.sleep(0.002)  # the condition is the socket itself
                    continue
                if answer.status_code != httpx.codes.OK:
                    raise RuntimeError(f"{target} answered {answer.status_code}: {answer.text[:300]}")
                return time.perf_counter() - begun
            raise RuntimeError(f"{target} ended with {process.returncode}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
