"""Finds all that a function can import: from its module through ours, definition by definition.

A module that builds many things, each in a function with its own imports (`shared/wiring/`), counts only for the
functions that are used. Names that are built at run time are not found; our code has none.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """`import module` (`name` is None) or `from module import name`; `bound` is the name in the importing code."""

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True)
class References:
    """The imports of a piece of code, and the names and attributes of names that it reads."""

    imports: tuple[Import, ...]
    names: frozenset[str]
    attributes: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Source:
    name: str
    path: Path
    tree: ast.Module = field(repr=False)

    @classmethod
    def read(cls, name: str, path: Path) -> "Source":
        return cls(name, path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))

    @cached_property
    def definitions(self) -> Mapping[str, Definition]:
        return {node.name: node for node in self.tree.body if isinstance(node, Definition)}

    @cached_property
    def at_import(self) -> References:
        """The references of all code but functions' bodies: at import, decorators and defaults run, bodies do not."""
        return _references(_run_at_import(self.tree.body))

    def of(self, definition: str) -> References:
        """The references of the whole definition: of a class, with all its methods."""
        return _references([self.definitions[definition]])


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                yield from _called_at_import(decorator)
            yield from node.args.defaults
            yield from (default for default in node.args.kw_defaults if default)
        elif isinstance(node, ast.ClassDef):
            yield from (*node.decorator_list, *node.bases, *node.keywords)
            yield from _run_at_import(node.body)
        else:
            yield node


def _called_at_import(decorator: ast.expr) -> Iterator[ast.AST]:
    """An argument that is a bare name is not called yet: it belongs to the decorated definition (`shared/wiring`)."""
    if isinstance(decorator, ast.Call):
        yield decorator.func
        yield from (each for each in decorator.args if not isinstance(each, ast.Name | ast.Attribute))
        yield from decorator.keywords
    else:
        yield decorator


def _references(nodes: "Iterator[ast.AST] | list[Definition]") -> References:
    imports: list[Import] = []
    names: set[str] = set()
    attributes: set[tuple[str, str]] = set()
    left: list[ast.AST] = list(nodes)
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and _is_for_types(node.test):
            left.extend(node.orelse)
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.add((node.value.id, node.attr))
            continue
        imports.extend(_imports(node))
        if isinstance(node, ast.Name):
            names.add(node.id)
        left.extend(ast.iter_child_nodes(node))
    return References(tuple(imports), frozenset(names), frozenset(attributes))


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, None, alias.asname or alias.name.partition(".")[0])
    elif isinstance(node, ast.ImportFrom):
        if node.level or node.module is None or node.names[0].name == "*":
            raise ValueError(
                f"line {node.lineno}: relative and star imports are not followed; import names instead"
            )
        for alias in node.names:
            yield Import(node.module, alias.name, alias.asname or alias.name)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


OURS = ("functions", "shared")


@dataclass(frozen=True)
class Reach:
    """Paths are relative to the root; `foreign` are dotted names of everything else, the standard library included."""

    files: frozenset[Path]
    foreign: frozenset[str]


def reach(root: Path, module: str) -> Reach:
    """Raises FileNotFoundError when a module of ours is imported and does not exist."""
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
        """Follows what an import runs: the packages above first, then the module's top level."""
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
        """`bound`: name to the module of ours that it stands for."""
        for imported in references.imports:
            self._import(imported, bound)
        for name in references.names:
            if name in bound:
                self.all_of(bound[name])  # the module is passed on: any part of it may be used
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
    "shared/web/desk/rendering.py": "shared/web/desk/[at]*/*",
    "shared/fulfillment/slip.py": "shared/fulfillment/fonts/*",
    "shared/enrichment/routing/manufacturers.py": "shared/enrichment/routing/manufacturers.toml",
    "shared/enrichment/routing/policy_file.py": "shared/enrichment/routing/policies/*.yaml",
}
"""The data files that a module reads, as a pattern. A test compares it with the existing files."""


def data_files(root: Path, files: frozenset[Path]) -> frozenset[Path]:
    patterns = [pattern for module, pattern in DATA.items() if Path(module) in files]
    return frozenset(path.relative_to(root) for pattern in patterns for path in root.glob(pattern))
