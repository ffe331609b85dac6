"""The state file of a running stack: by it, other commands and later ones find its processes."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from laptop.supervisor.errors import StateUnreadable
from laptop.supervisor.process import ProcessId


class PartRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    pid: int
    started: float
    ports: dict[str, int]
    url: str
    log: str
    tier: int
    stop_signal: str
    fingerprint: str
    ready: bool = False
    """True once it was healthy. False: an interrupted start left it behind."""

    @property
    def process(self) -> ProcessId:
        return ProcessId(self.pid, self.started)


class TrialRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    function: str
    url: str
    command: str | None


class StackState(BaseModel):
    """The document in `state.json`. `jobs` maps each finished job to its fingerprint, `inputs` a kind to its file.

    `names` are the parts that the stack should have, `parts` those that were started, `ports` the ports of all.
    """

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    names: list[str] = Field(default_factory=list)
    parts: dict[str, PartRecord] = Field(default_factory=dict)
    ports: dict[str, int] = Field(default_factory=dict)
    jobs: dict[str, str] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    trials: list[TrialRecord] = Field(default_factory=list)


def state_folder(root: Path, environment: Mapping[str, str]) -> Path:
    """The folder of a stack's state: LOCAL_STATE_DIR, by default `.local`; relative to the project's root."""
    return root / (environment.get("LOCAL_STATE_DIR") or ".local")


def state_file(state_dir: Path) -> Path:
    return state_dir / "state.json"


def read_state(state_dir: Path, program: str) -> StackState:
    """An empty state when there is no file. `program` is the stack's command line, for the message of an error."""
    file = state_file(state_dir)
    try:
        return StackState.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return StackState()
    except ValidationError as error:
        raise StateUnreadable(
            f"{file} cannot be read ({error.error_count()} errors, the first: {error.errors()[0]['msg']}). "
            f"`{program} down` stops the processes that it described and removes it."
        ) from error


def write_state(state_dir: Path, state: StackState) -> None:
    """Replaces the whole file. Only its owner can read it, as it holds the local service key."""
    state_dir.mkdir(parents=True, exist_ok=True)
    draft = state_dir / f"state.json.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(state.model_dump_json(indent=2))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(state_file(state_dir))


def remove_state(state_dir: Path) -> None:
    state_file(state_dir).unlink(missing_ok=True)
