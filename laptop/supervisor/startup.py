"""One start: a single loop that launches parts, probes them, and runs the jobs in between."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from laptop.supervisor.errors import JobFailed, PartFailed
from laptop.supervisor.interruption import Interruption
from laptop.supervisor.plan import Job, Part, Plan
from laptop.supervisor.process import STACK_MARK, ProcessId, exit_status, launch
from laptop.supervisor.state import PartRecord, StackState, write_state

_POLL_SECONDS = 0.03
_LOG_LINES = 20

WARNING = "warning: "
"""A line of a job's output that begins so is shown to the person who starts the stack."""

_LOOPBACK_IS_DIRECT = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
"""Keeps a proxy from the environment away from what runs on this machine."""

Report = Callable[[str], None]


@dataclass
class _Begun:
    process: ProcessId
    at: float
    log: Path
    log_start: int


@dataclass
class Startup:
    """Starts the plan's `missing` parts and the jobs that are due. `started` holds all that it has launched."""

    plan: Plan
    state_dir: Path
    folder: Path
    state: StackState
    missing: frozenset[str]
    timeout: float
    report: Report
    interruption: Interruption
    started: dict[str, ProcessId] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ready = {part.name for part in self.plan.parts if part.name not in self.missing}
        self._running: dict[str, _Begun] = {}
        self._waiting: list[Part | Job] = [part for part in self.plan.parts if part.name in self.missing]
        self._begun_parts: dict[str, _Begun] = {}
        for job in self.plan.jobs:
            if self._is_due(job):
                self._waiting.append(job)
            else:
                self._ready.add(job.name)

    def run(self) -> None:
        while self._waiting or self._running:
            self.interruption.check()
            for step in [step for step in self._waiting if step.after <= self._ready]:
                self._waiting.remove(step)
                self._begin(step)
            if self._waiting and not self._running:
                stuck = ", ".join(step.name for step in self._waiting)
                raise PartFailed(
                    f"These steps wait for one another, or for one that does not exist: {stuck}."
                )
            self._advance()
        self.interruption.check()

    def _is_due(self, job: Job) -> bool:
        if job.marker is not None:
            return not job.marker.exists() or job.marker.read_text() != job.fingerprint()
        return bool(job.after & self.missing) or self.state.jobs.get(job.name) != job.fingerprint()

    def _begin(self, step: Part | Job) -> None:
        log = self.state_dir / "logs" / f"{step.name}.log"
        log_start = log.stat().st_size if log.exists() else 0
        if isinstance(step, Job) and step.marker is not None:
            step.marker.unlink(missing_ok=True)
        environment = {**step.environment, **_LOOPBACK_IS_DIRECT, STACK_MARK: str(self.state_dir)}
        process = launch(step.argv, environment, log, self.folder)
        self.started[step.name] = process
        begun = _Begun(process, time.monotonic(), log, min(log_start, log.stat().st_size))
        self._running[step.name] = begun
        if isinstance(step, Part):
            self._begun_parts[step.name] = begun
            self.state.parts[step.name] = _record(step, process, log)
            write_state(self.state_dir, self.state)

    def _advance(self) -> None:
        parts: Mapping[str, Part] = {part.name: part for part in self.plan.parts}
        jobs: Mapping[str, Job] = {job.name: job for job in self.plan.jobs}
        for name, begun in list(self._running.items()):
            if name in parts:
                self._probe(parts[name], begun)
            else:
                self._collect(jobs[name], begun)
            self.interruption.check()
        for name, begun in self._begun_parts.items():
            status = exit_status(begun.process)
            if status is not None:
                raise PartFailed(f"{name} ended with status {status}. {_last_lines(begun)}")
        if self._running:
            time.sleep(_POLL_SECONDS)

    def _probe(self, part: Part, begun: _Begun) -> None:
        if part.health.ready():
            self.state.parts[part.name] = self.state.parts[part.name].model_copy(update={"ready": True})
            write_state(self.state_dir, self.state)
            self._finish(part.name, begun, "ready")
        elif time.monotonic() - begun.at > self.timeout:
            raise PartFailed(f"{part.name} was not healthy within {self.timeout:g} s. {_last_lines(begun)}")

    def _collect(self, job: Job, begun: _Begun) -> None:
        status = exit_status(begun.process)
        if status is None:
            if time.monotonic() - begun.at > self.timeout:
                raise JobFailed(f"{job.name} did not end within {self.timeout:g} s. {_last_lines(begun)}")
            return
        if status != 0:
            raise JobFailed(f"{job.name} ended with status {status}. {_last_lines(begun)}")
        if job.marker is not None:
            job.marker.parent.mkdir(parents=True, exist_ok=True)
            job.marker.write_text(job.fingerprint())
        self.state.jobs[job.name] = job.fingerprint()
        write_state(self.state_dir, self.state)
        self._finish(job.name, begun, "done")
        for warning in _warnings(begun):
            self.report(f"    {warning}")

    def _finish(self, name: str, begun: _Begun, word: str) -> None:
        del self._running[name]
        self._ready.add(name)
        self.report(f"  {name:<16} {word:<5} {time.monotonic() - begun.at:5.1f} s")


def _record(part: Part, process: ProcessId, log: Path) -> PartRecord:
    return PartRecord(
        pid=process.pid,
        started=process.started,
        ports=dict(part.ports),
        url=part.url,
        log=str(log),
        tier=part.tier,
        stop_signal=part.stop_signal,
        fingerprint=part.fingerprint(),
    )


def _written(begun: _Begun) -> list[str]:
    with begun.log.open("rb") as file:
        file.seek(begun.log_start)
        return file.read().decode(errors="replace").splitlines()


def _warnings(begun: _Begun) -> list[str]:
    """The lines that a job which succeeded writes for the person who started it."""
    return [line for line in _written(begun) if line.startswith(WARNING)]


def _last_lines(begun: _Begun) -> str:
    lines = _written(begun)[-_LOG_LINES:]
    if not lines:
        return f"It wrote nothing to {begun.log}."
    return "\n".join([f"The end of {begun.log}:", *(f"  | {line}" for line in lines)])
