"""What a function can come to import: followed from its module through ours, definition by definition.

A module of ours that builds many things, each by a function with imports of its own (`shared/wiring/`), leads only to
what the functions that are used build. Not seen: names made up at run time, which our code does not do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.package.source import Import, References, Source

OURS = ("functions", "shared")


@dataclass(frozen=True)
class Reach:
    """Paths are relative to the root; `foreign` are dotted names of everything else, the standard library included."""

    files: frozenset[Path]
    foreign: frozenset[str]


def reach(root: Path, module: str) -> Reach:
    """Raises FileNotFoundError for a module of ours that is imported and does not exist."""
    walk = _Walk(root)
    walk.all_of(module)
    return Reach(frozenset(walk.files), frozenset(walk.foreign))


class _Walk:
    def __init__(self, root: Path) -> None:
        self.files: set[Path] = set()
        self.foreign: set[str] = set()
        self._root = root
        self._sources: dict[str, Source] = {}
        self._bound: dict[str, dict[str, str]] = {}
        self._seen: set[tuple[str, str]] = set()

    def all_of(self, module: str) -> None:
        for definition in self._module(module).definitions:
            self._definition(module, definition)

    def _module(self, module: str) -> Source:
        """As importing it does: its packages first, then what its top level refers to."""
        if module in self._sources:
            return self._sources[module]
        package = module.rpartition(".")[0]
        if package:
            self._module(package)
        path = _file_of(self._root, module)
        if path is None:
            raise FileNotFoundError(f"{module} is imported, and is not below {self._root}")
        source = Source.read(module, self._root / path)
        self.files.add(path)
        self._sources[module], self._bound[module] = source, {}
        self._follow(source, source.at_import, self._bound[module])
        return source

    def _definition(self, module: str, name: str) -> None:
        source = self._module(module)
        if name in source.definitions and (module, name) not in self._seen:
            self._seen.add((module, name))
            self._follow(source, source.of(name), dict(self._bound[module]))

    def _follow(self, source: Source, references: References, bound: dict[str, str]) -> None:
        """`bound` leads from names to the modules of ours that they stand for."""
        for imported in references.imports:
            self._import(imported, bound)
        for name in references.names:
            if name in bound:
                self.all_of(bound[name])  # passed on as a whole: anything of it can be used
            self._definition(source.name, name)
        for name, attribute in references.attributes:
            if name in bound:
                self._member(bound[name], attribute)
            self._definition(source.name, name)

    def _import(self, imported: Import, bound: dict[str, str]) -> None:
        module, name = imported.module, imported.name
        if module.partition(".")[0] not in OURS:
            self.foreign.add(module if name is None else f"{module}.{name}")
        elif name is None:
            self._module(module)
            bound[imported.bound] = module if imported.bound != module.partition(".")[0] else imported.bound
        elif _file_of(self._root, f"{module}.{name}"):
            self._module(f"{module}.{name}")
            bound[imported.bound] = f"{module}.{name}"
        else:
            self._definition(module, name)

    def _member(self, module: str, name: str) -> None:
        if _file_of(self._root, f"{module}.{name}"):
            self.all_of(f"{module}.{name}")
        else:
            self._definition(module, name)


def _file_of(root: Path, module: str) -> Path | None:
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


DATA: Mapping[str, str] = {
    "shared/cloud/bigquery.py": "shared/cloud/*.sql",
    "shared/fulfillment/pipeline.py": "shared/pipeline.json",
    "shared/enrichment/routing/policy_file.py": "shared/enrichment/routing/policies/*.yaml",
}
"""What a module reads beside itself, as a pattern. A test holds it against the files that are there."""


def data_files(root: Path, files: frozenset[Path]) -> frozenset[Path]:
    patterns = [pattern for module, pattern in DATA.items() if Path(module) in files]
    return frozenset(path.relative_to(root) for pattern in patterns for path in root.glob(pattern))
