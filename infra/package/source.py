"""One module of ours, read but not run: what importing it does, and what each of its definitions refers to."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """`import module` (`name` is None) or `from module import name`; `bound` is what it is called afterwards."""

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True)
class References:
    """What a piece of code imports, and the names and attributes of names that it reads."""

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
        """Of everything but the insides of functions: their decorators and defaults run, their bodies do not."""
        return _references(_run_at_import(self.tree.body))

    def of(self, definition: str) -> References:
        """Of the whole definition, a class with all of its methods."""
        return _references([self.definitions[definition]])


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, Function):
            yield from node.decorator_list
            yield from node.args.defaults
            yield from (default for default in node.args.kw_defaults if default)
        elif isinstance(node, ast.ClassDef):
            yield from (*node.decorator_list, *node.bases, *node.keywords)
            yield from _run_at_import(node.body)
        else:
            yield node


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
                f"line {node.lineno}: relative and star imports are not followed; name what is meant"
            )
        for alias in node.names:
            yield Import(node.module, alias.name, alias.asname or alias.name)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
