import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from laptop.supervisor.health import Health


@dataclass(frozen=True)
class Part:
    """A process that runs as long as the stack does.

    `ports` maps what a port is for to its number. `after` names the parts and jobs that must be ready first.
    Parts of the highest `tier` stop first, those of one tier together.
    """

    name: str
    argv: tuple[str, ...]
    ports: Mapping[str, int]
    health: Health
    after: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    tier: int = 0
    stop_signal: str = "SIGTERM"
    url: str = ""

    def fingerprint(self) -> str:
        """Changes when the part would be started differently."""
        return fingerprint(self.argv, self.environment)


@dataclass(frozen=True)
class Job:
    """A process that must end with exit status 0 before the stack is ready.

    It runs when a part it comes `after` was started in the same run, or when its fingerprint is not the one of the
    last success. With a `marker`, a file beside the data that the job writes, only the fingerprint kept there decides:
    such a job's effect outlives the stack.
    """

    name: str
    argv: tuple[str, ...]
    after: frozenset[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    marker: Path | None = None

    def fingerprint(self) -> str:
        """Changes with `content`, and with the command unless a marker stands for an effect that ports do not alter."""
        return fingerprint(() if self.marker else self.argv, {"content": self.content})


@dataclass(frozen=True)
class Trial:
    """One command that a person can paste to see a function answer."""

    function: str
    url: str
    command: str


@dataclass(frozen=True)
class Plan:
    """Everything that one stack runs. `environment` is what the functions see, `inputs` the files loaded."""

    parts: tuple[Part, ...]
    jobs: tuple[Job, ...] = ()
    trials: tuple[Trial, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


def fingerprint(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    text = json.dumps([argv, sorted(environment.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(*paths: Path) -> str:
    """Digest of the files' names and contents, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
