import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from laptop.supervisor.health import Health


@dataclass(frozen=True)
class Part:
    """A process that runs as long as the stack does.

    `ports` maps the purpose of a port to its number. `after` names the parts and jobs that must be ready first.
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
        """Changes when the command or the environment changes."""
        return fingerprint(self.argv, self.environment)


@dataclass(frozen=True)
class Job:
    """A process that must end with exit status 0 before the stack is ready.

    It runs when a part in `after` was started in the same run, or when its fingerprint differs from that of its last
    success. With a `marker`, a file beside the data that the job writes, only the fingerprint in that file decides:
    the effect of such a job outlives the stack.
    """

    name: str
    argv: tuple[str, ...]
    after: frozenset[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    marker: Path | None = None

    def fingerprint(self) -> str:
        """Changes with `content`, and without a marker with the command too: with one, the ports do not matter."""
        return fingerprint(() if self.marker else self.argv, {"content": self.content})


@dataclass(frozen=True)
class Trial:
    """A command that a person can paste to see a function answer; None for pages, which a browser opens."""

    function: str
    url: str
    command: str | None


@dataclass(frozen=True)
class Plan:
    """All that one stack runs. `environment` is the functions' environment, `inputs` the files loaded."""

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
