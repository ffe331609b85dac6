"""`GET /health` returns the version of the code, and whether everything that it needs can be used. It changes nothing.

It asks no vendor: that would spend the vendor's quota, and the queue and the next cycle get over a vendor's outage.
`?shallow=true` runs no check.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.errors import SwitchyardError
from shared.web.call import Answer, Call, RequestModel
from shared.web.problem import Problem, problem_body, problem_of, unexpected

CHECK_SECONDS = 5.0
"""All checks run in parallel within this time; the first time it includes importing and building the clients."""

DEGRADED = 503
BUILD_FILE = Path(__file__).parents[2] / "build.json"
"""Written into the archive by infra/package."""

Check = Callable[[], object]
"""Raises when something cannot be used."""


class HealthRequest(RequestModel):
    shallow: bool = False


@dataclass(frozen=True)
class Finding:
    """`problem` holds what a caller may know, `logged` holds everything."""

    milliseconds: float
    problem: Problem | None = None
    logged: str = ""

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"status": "failed" if self.problem else "ok"}
        if self.problem:
            body |= {"code": self.problem.body["code"], "detail": self.problem.body["detail"]}
        return body | {"duration_ms": round(self.milliseconds, 1)}


class Health:
    """One function's handler of `GET /health`."""

    def __init__(self, function: str, checks: Mapping[str, Check]) -> None:
        self._function = function
        self._probes = {name: _Probe(check) for name, check in checks.items()}

    def __call__(self, request: HealthRequest, _call: Call) -> Answer:
        body: dict[str, Any] = {"status": "ok", "function": self._function, "version": version()}
        if request.shallow:
            return Answer(body)
        findings = self._findings()
        body["checks"] = {name: finding.to_json() for name, finding in findings.items()}
        failed = {name: finding for name, finding in findings.items() if finding.problem}
        if not failed:
            return Answer(body)
        detail = f"cannot be used: {', '.join(failed)}"
        problem = problem_body(DEGRADED, "Degraded", "degraded", detail)
        logged = {"failed_checks": {name: finding.logged for name, finding in failed.items()}}
        return Answer(body | problem, DEGRADED, logged=logged)

    def _findings(self) -> dict[str, Finding]:
        until = time.monotonic() + CHECK_SECONDS
        running = {name: probe.start() for name, probe in self._probes.items()}
        return {name: _outcome(future, until) for name, future in running.items()}


class _Probe:
    """Runs a check at most once at a time: concurrent callers wait for the same run."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._running: Future[Finding] | None = None

    def start(self) -> "Future[Finding]":
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # A daemon: a check that hangs must not keep the process from ending.
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, future: "Future[Finding]") -> None:
        begun = time.perf_counter()
        problem, logged = None, ""
        try:
            self._check()
        except SwitchyardError as error:
            problem, logged = problem_of(error), f"{error.code}: {error.detail}"
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread: every error is a finding
            problem, logged = unexpected(), f"{type(error).__name__}: {error}"
        future.set_result(Finding((time.perf_counter() - begun) * 1000, problem, logged))


def _outcome(future: "Future[Finding]", until: float) -> Finding:
    try:
        return future.result(timeout=max(0.0, until - time.monotonic()))
    except TimeoutError:
        detail = f"no answer within {CHECK_SECONDS:g} s"
        problem = Problem(DEGRADED, problem_body(DEGRADED, "No answer", "no_answer", detail))
        return Finding(CHECK_SECONDS * 1000, problem, detail)


@cache
def version() -> str:
    """The package's version and its archive's hash, such as 0.1.0+52f1c9a3e0b7; `unpackaged` without an archive."""
    try:
        build = json.loads(BUILD_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "unpackaged"
    return f"{build['version']}+{build['content']}"
