"""The pinned distributions that a function installs: those that it imports, and all that these need."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from itertools import accumulate
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUNTIMES = ("3.11", "3.12", "3.13", "3.14")
"""Pythons that an archive may be deployed on. A pin keeps its marker, so each Python installs only what it needs."""

ALWAYS = ("functions-framework",)
"""No function imports it: it runs them."""


class RequirementsUnclear(Exception):
    """The virtual environment differs from the pins, or no pin has an imported module."""


@dataclass(frozen=True)
class Pins:
    """The pins of requirements.txt. The metadata of the installed packages shows which needs which."""

    lines: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> "Pins":
        """Raises RequirementsUnclear for a pin that is not installed in the same version."""
        lines: dict[str, str] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                pinned = Requirement(line)
                lines[canonicalize_name(pinned.name)] = line
                _refuse_other_version(pinned)
        return cls(lines)

    def closure(self, foreign: Iterable[str]) -> Sequence[str]:
        """Sorted requirement lines for imported dotted names. Raises RequirementsUnclear for one that no pin has."""
        owners = {self._owner(name) for name in foreign}
        left = [(name, "") for name in (*ALWAYS, *(owner for owner in owners if owner))]
        seen: set[tuple[str, str]] = set()
        while left:
            item = left.pop()
            if item not in seen:
                seen.add(item)
                left.extend(self._needs(*item))
        return sorted(self.lines[name] for name in {name for name, _ in seen})

    def _needs(self, name: str, extra: str) -> Iterator[tuple[str, str]]:
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            canonical = canonicalize_name(needed.name)
            if canonical in self.lines and _applies(needed.marker, extra):
                yield canonical, ""
                yield from ((canonical, extra) for extra in needed.extras)

    def _owner(self, dotted: str) -> str | None:
        """The distribution; None for the standard library. The longest prefix counts: many share `google`."""
        prefixes = list(accumulate(dotted.split("."), lambda before, part: f"{before}.{part}"))
        for prefix in reversed(prefixes):
            if prefix in self._modules:
                return self._modules[prefix]
        if prefixes[0] in sys.stdlib_module_names:
            return None
        raise RequirementsUnclear(f"{dotted} is imported, and nothing in requirements.txt holds it")

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """Dotted module to pinned distribution."""
        found = {}
        for name in self.lines:
            for file in _files(name):
                module = re.sub(r"(/__init__)?(\.[^/]*)?\.(py|so|pyd)$", "", file)
                if module != file:
                    found[module.replace("/", ".")] = name
        return found


def _files(name: str) -> list[str]:
    try:
        return [str(file) for file in metadata.files(name) or ()]
    except metadata.PackageNotFoundError:  # a pin for another system
        return []


def _refuse_other_version(pinned: Requirement) -> None:
    try:
        installed = metadata.version(pinned.name)
    except metadata.PackageNotFoundError:
        if _applies(pinned.marker, ""):
            raise RequirementsUnclear(f"{pinned} is not installed here; run `make venv`") from None
        return
    if not pinned.specifier.contains(installed, prereleases=True):
        raise RequirementsUnclear(f"{pinned} is pinned, and {installed} installed here; run `make venv`")


def _applies(marker: Marker | None, extra: str) -> bool:
    """True when the marker holds on Linux for a Python that we deploy on."""
    linux = {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": extra,
    }
    pythons = ({"python_version": version, "python_full_version": f"{version}.0"} for version in RUNTIMES)
    return marker is None or any(marker.evaluate({**linux, **python}) for python in pythons)
