import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.laptop_cloud import PROGRAM
from infra.local.cloud import Cloud
from infra.local.errors import InputUnreadable
from infra.local.functions import PARTS, Line
from infra.local.settings import PORT_OFFSETS, ROOT, port_variable, read_local_settings
from laptop.supabase.postgres.place import place_for
from laptop.supervisor.plan import Plan
from laptop.supervisor.ports import resolve_ports
from laptop.supervisor.startup import Report
from laptop.supervisor.state import StackState
from laptop.supervisor.supervisor import Supervisor, silent

_DEFAULT_INPUTS: Mapping[str, Path] = {
    "intake": ROOT / "data" / "parts_intake.jsonl",
    "catalogue": ROOT / "data" / "parts_catalog.jsonl",
}


class LocalStack:
    """The laptop cloud as an object. As a context manager, it starts on entry and stops on exit.

    Ports that are not given are free ones, so any number of stacks, each with its own `state_dir`, can run at once.
    `environment` overrides the functions' local values. A stack that runs already keeps the ports, the intake and
    the catalogue that are not given, and the lines that it runs beside those that are asked for.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        ports: Mapping[str, int] | None = None,
        intake: Path | None = None,
        catalogue: Path | None = None,
        environment: Mapping[str, str] | None = None,
        report: Report = silent,
        lines: Collection[Line] = tuple(Line),
    ) -> None:
        self._lines = frozenset(lines)
        self._overrides = environment or {}
        self._environment = {**os.environ, **self._overrides}
        self._settings = settings = read_local_settings(self._environment)
        self._state_dir = Path(os.path.abspath(state_dir))  # noqa: PTH100 - resolve() would follow links
        self._ports = dict.fromkeys(PORT_OFFSETS, 0) | dict(ports or {})
        self._inputs = {"intake": intake, "catalogue": catalogue}
        self.supervisor = Supervisor(
            self._state_dir,
            ROOT,
            program=PROGRAM,
            port_variable=port_variable,
            start_timeout=settings.start_timeout,
            stop_timeout=settings.stop_timeout,
            report=report,
        )

    def start(self) -> list[str]:
        """Starts what does not run and returns its names."""
        return self.supervisor.start(self._plan(self._lines | self.running_lines()))

    def stop(self) -> list[str]:
        """Returns the names of what was running."""
        return self.supervisor.stop()

    def kill(self, name: str) -> None:
        """SIGKILL to one part."""
        self.supervisor.kill(name)

    def restart(self, name: str) -> None:
        """Stops one part if it runs, and starts it with the present settings; the others stay as they are."""
        self.supervisor.record(name)
        self.supervisor.restart(self._plan(self.running_lines()), name)

    def purge(self) -> list[str]:
        """Stops the stack and removes its data; returns the names of what was running."""
        stopped = self.stop()
        place_for(self._state_dir / "postgres").remove()
        self.supervisor.purge()
        return stopped

    def url(self, name: str) -> str:
        """The address of a function or another started part."""
        return self.supervisor.record(name).url

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the running functions. Code in this process reaches the same stand-ins with it."""
        return self.state.environment

    @property
    def state(self) -> StackState:
        return self.supervisor.state()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def running_lines(self) -> frozenset[Line]:
        """The lines of which all parts are there, dead or alive."""
        names = set(self.state.names)
        own = {"postgres"} if self._settings.database_url else set()
        return frozenset(line for line in Line if PARTS[line] - own <= names)

    def _plan(self, lines: frozenset[Line]) -> Plan:
        state = self.state
        cloud = Cloud(
            state_dir=self._state_dir,
            ports=resolve_ports(
                {name: port or state.ports.get(name, 0) for name, port in self._ports.items()}
            ),
            intake=self._input("intake", state),
            catalogue=self._input("catalogue", state),
            jwt_secret=_jwt_secret(self._state_dir),
            settings=self._settings,
            environment=self._environment,
            overrides=self._overrides,
            lines=lines,
        )
        return cloud.plan()

    def _input(self, kind: str, state: StackState) -> Path:
        path = Path(self._inputs[kind] or state.inputs.get(kind) or _DEFAULT_INPUTS[kind]).absolute()
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputUnreadable(f"The {kind} file {path} cannot be read: {error.strerror}.") from error
        return path


def _jwt_secret(state_dir: Path) -> str:
    """Made once for each state directory; only its owner can read it."""
    file = state_dir / "jwt-secret"
    if not file.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        draft = state_dir / f"jwt-secret.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        draft.replace(file)
    return file.read_text()
