import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from laptop.supervisor.errors import PortsTaken, StackError, StateUnreadable, UnknownPart
from laptop.supervisor.interruption import deferred_signals
from laptop.supervisor.lock import stack_lock
from laptop.supervisor.plan import Part, Plan
from laptop.supervisor.ports import taken_ports
from laptop.supervisor.process import (
    ProcessId,
    is_alive,
    kill_all,
    kill_left_behind,
    kill_strays,
    send,
    wait_until_gone,
)
from laptop.supervisor.startup import Report, Startup
from laptop.supervisor.state import (
    PartRecord,
    StackState,
    TrialRecord,
    read_state,
    remove_state,
    write_state,
)


def silent(_line: str) -> None:
    """Reports nothing."""


class Supervisor:
    """Starts one plan's processes, and stops the processes that the state directory names.

    `program` is the command line that a person types for this stack, such as `python -m infra.local`.
    """

    def __init__(
        self,
        state_dir: Path,
        folder: Path,
        *,
        program: str,
        port_variable: Callable[[str], str],
        start_timeout: float = 60,
        stop_timeout: float = 10,
        report: Report = silent,
    ) -> None:
        self.state_dir = state_dir
        self._folder = folder
        self._program = program
        self._port_variable = port_variable
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._report = report

    def start(self, plan: Plan, only: Collection[str] | None = None) -> list[str]:
        """Starts what is missing and returns its names. After an error nothing that this call started is left.

        With `only`, the other parts stay as they are, dead or alive.
        """
        with stack_lock(self.state_dir, "up"), deferred_signals() as interruption:
            state = read_state(self.state_dir, self._program)
            self._clear_strays(state)
            asked = [part for part in plan.parts if only is None or part.name in only]
            missing = self._missing(asked, state)
            self._check_ports([part for part in asked if part.name in missing])
            state.names = [part.name for part in plan.parts]
            state.ports = {name: port for part in plan.parts for name, port in part.ports.items()}
            state.environment = dict(plan.environment)
            state.inputs = dict(plan.inputs)
            state.trials = [TrialRecord(**vars(trial)) for trial in plan.trials]
            startup = Startup(
                plan,
                self.state_dir,
                self._folder,
                state,
                missing,
                self._start_timeout,
                self._report,
                interruption,
            )
            try:
                startup.run()
                state.parts = _in_plan_order(plan, state.parts)
                write_state(self.state_dir, state)
                interruption.check()
            except BaseException:
                self._undo(state, startup.started)
                raise
            return [part.name for part in plan.parts if part.name in missing]

    def stop(self, names: Iterable[str] | None = None) -> list[str]:
        """Stops all parts, or those named, in order, gracefully and then not; returns what was running."""
        with stack_lock(self.state_dir, "down"), deferred_signals():
            try:
                state = read_state(self.state_dir, self._program)
            except StateUnreadable:
                state = StackState()
            records = {
                name: record for name, record in state.parts.items() if names is None or name in set(names)
            }
            stopped = self._stop(records)
            for name in records:
                del state.parts[name]
            if names is None:
                stopped += [f"stray {name}" for name in kill_strays(str(self.state_dir))]
            if state.parts:
                write_state(self.state_dir, state)
            else:
                remove_state(self.state_dir)
            return stopped

    def restart(self, plan: Plan, name: str) -> None:
        self.stop([name])
        self.start(plan, only=[name])

    def kill(self, name: str) -> None:
        """Sends SIGKILL. The record stays, so the part then shows as dead."""
        kill_all([self.record(name).process])

    def purge(self) -> None:
        """Removes all files of a stopped stack."""
        shutil.rmtree(self.state_dir, ignore_errors=True)
        if self.state_dir.exists():
            raise StackError(f"{self.state_dir} could not be removed as a whole.")

    def state(self) -> StackState:
        return read_state(self.state_dir, self._program)

    def record(self, name: str) -> PartRecord:
        parts = self.state().parts
        if name not in parts:
            known = ", ".join(parts) or "none: the stack is not running"
            raise UnknownPart(f"No part is called {name!r}. There are: {known}.")
        return parts[name]

    def _missing(self, asked: Iterable[Part], state: StackState) -> frozenset[str]:
        """The parts to start: never started, dead, or without an answer, which are stopped here first."""
        missing = set()
        for part in asked:
            record = state.parts.get(part.name)
            if record is None:
                missing.add(part.name)
            elif not is_alive(record.process):
                self._report(f"{part.name} has died (its log: {record.log}); it is started again.")
                missing.add(part.name)
            elif not (record.ready and part.health.ready()):
                self._report(
                    f"{part.name} (pid {record.pid}) does not answer; it is stopped and started again."
                )
                self._stop({part.name: record})
                missing.add(part.name)
            elif record.fingerprint != part.fingerprint():
                self._report(
                    f"{part.name} keeps the settings it was started with. "
                    f"The present ones differ; to use them, `{self._program} restart {part.name}`."
                )
        return frozenset(missing)

    def _check_ports(self, parts: Iterable[Part]) -> None:
        purposes = {port: (part.name, name) for part in parts for name, port in part.ports.items()}
        taken = taken_ports(purposes)
        if taken:
            lines = []
            for each in taken:
                part, port_name = purposes[each.port]
                holder = each.holder or "a program that the system does not name"
                setting = self._port_variable(port_name)
                lines.append(f"  {each.port}, for {part}, is held by {holder}; {setting} sets another port")
            raise PortsTaken("\n".join(["Nothing was started: ports are taken.", *lines]))

    def _clear_strays(self, state: StackState) -> None:
        """Kills the processes that a killed start left without a record."""
        if not any(is_alive(record.process) for record in state.parts.values()):
            for stray in kill_strays(str(self.state_dir)):
                self._report(f"Ended {stray}, left behind by an earlier start.")

    def _stop(self, records: Mapping[str, PartRecord]) -> list[str]:
        alive = {name: record for name, record in records.items() if is_alive(record.process)}
        for tier in sorted({record.tier for record in alive.values()}, reverse=True):
            group = {name: record for name, record in alive.items() if record.tier == tier}
            for record in group.values():
                send(record.process, record.stop_signal)
            processes = {record.process: name for name, record in group.items()}
            stubborn = wait_until_gone(processes, self._stop_timeout)
            for process in stubborn:
                self._report(
                    f"{processes[process]} did not stop within {self._stop_timeout:g} s; it is killed."
                )
            kill_all(stubborn)
            kill_left_behind(processes)
        return list(alive)

    def _undo(self, state: StackState, started: Mapping[str, ProcessId]) -> None:
        """Holds back signals meanwhile, so that nothing is left half stopped."""
        with deferred_signals():
            self._report("Stopping what was started.")
            jobs = [process for name, process in started.items() if name not in state.parts]
            kill_all(jobs)
            self._stop({name: record for name, record in state.parts.items() if name in started})
            for name in started:
                state.parts.pop(name, None)
            self._clear_strays(state)
            if state.parts:
                write_state(self.state_dir, state)
            else:
                remove_state(self.state_dir)


def _in_plan_order(plan: Plan, records: Mapping[str, PartRecord]) -> dict[str, PartRecord]:
    """Parts that the plan no longer has come last."""
    return {part.name: records[part.name] for part in plan.parts if part.name in records} | dict(records)
