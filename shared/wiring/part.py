"""A part declares the settings and the other parts that it is built from. It is built once, when it is first used.

The declarations show, before anything is built, which environment variables a function could ever read.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Group(Protocol):
    """One group of settings: `shared.settings.Settings` or `WorkflowConfig`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self: ...

    @classmethod
    def variables(cls) -> tuple[str, ...]: ...


class Wired(Generic[T_co]):
    """A function that takes its arguments from `sources`, in their order, at every call."""

    def __init__(self, function: Callable[..., T_co], sources: "tuple[Source, ...]") -> None:
        self.function = function
        self.sources = sources

    def __call__(self) -> T_co:
        return self.function(
            *(each() if isinstance(each, Wired) else each.from_environment() for each in self.sources)
        )


class Part(Wired[T]):
    """Built once per process; threads share it."""

    def __init__(
        self, function: Callable[..., T], sources: "tuple[Source, ...]", *, at_start: bool = False
    ) -> None:
        super().__init__(function, sources)
        self.at_start = at_start
        self._lock = threading.Lock()
        self._built: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._built:
                self._built.append(super().__call__())
            return self._built[0]

    def forget(self) -> list[T]:
        """Makes the next call build again. Returns what was built, so that it can be closed."""
        with self._lock:
            built, self._built = self._built, []
        return built


Source = type[Group] | Wired[Any]


def part(*sources: Source, at_start: bool = False) -> Callable[[Callable[..., T]], Part[T]]:
    """`at_start` is for a plain value that checks settings: a function builds it when it starts."""
    return lambda function: Part(function, sources, at_start=at_start)


def check(function: Callable[..., None], *sources: Source) -> Wired[None]:
    """Makes a check of `GET /health`; `function` raises when a source cannot be used."""
    return Wired(function, sources)


def settings_of(used: Iterable[object]) -> tuple[type[Group], ...]:
    """The groups that the parts among `used` could ever read, without repetition."""
    return tuple(each for each in _reach(used) if not isinstance(each, Wired))


def require(used: Iterable[object]) -> None:
    """Raises SettingsInvalid for a wrong value that the parts among `used` could ever read."""
    used = tuple(used)
    for group in settings_of(used):
        group.from_environment()
    for each in _reach(used):
        if isinstance(each, Part) and each.at_start:
            each()


def _reach(used: Iterable[object]) -> Iterable[Source]:
    """The parts among `used`, and every source that they use, each once and before its own sources."""
    reached: dict[Source, None] = {}
    waiting: list[Source] = [each for each in used if isinstance(each, Wired)]
    waiting.reverse()
    while waiting:
        source = waiting.pop()
        if source not in reached:
            reached[source] = None
            if isinstance(source, Wired):
                waiting.extend(reversed(source.sources))
    return reached
