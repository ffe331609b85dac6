"""The functions, relations and role settings of the database, cached as in PostgREST's schema cache."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from laptop.supabase.rest.errors import AMBIGUOUS, NOT_FOUND, ApiError, connection_lost, not_imitated
from laptop.supabase.rest.pool import Pool

SCHEMA = "public"
_FUNCTIONS = Path(__file__).with_name("catalogue.sql").read_bytes()
_RELATIONS = b"""
select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f')
"""
_ROLE_SETTINGS = b"""
select rolname, rolconfig from pg_roles where rolconfig is not null and pg_has_role(current_user, oid, 'member')
"""


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    optional: bool
    variadic: bool


@dataclass(frozen=True)
class Function:
    name: str
    parameters: tuple[Parameter, ...]
    read_only: bool
    is_set: bool
    is_void: bool
    is_composite: bool
    statement_timeout: str | None = None

    def takes(self, names: Collection[str]) -> bool:
        known = {parameter.name for parameter in self.parameters}
        needed = {parameter.name for parameter in self.parameters if not parameter.optional}
        return needed <= set(names) <= known


@dataclass(frozen=True)
class Catalogue:
    functions: Mapping[str, Sequence[Function]]
    relations: frozenset[str]
    role_settings: Mapping[str, Mapping[str, str]]

    def function(self, name: str, arguments: Collection[str]) -> Function:
        overloads = self.functions.get(name, ())
        fitting = [function for function in overloads if function.takes(arguments)]
        if not fitting:
            if any([parameter.name for parameter in each.parameters] == [""] for each in overloads):
                raise not_imitated("a function with a single unnamed parameter")
            raise self._no_function(name, sorted(arguments), overloads)
        if len(fitting) > 1:
            raise _ambiguous(fitting)
        return fitting[0]

    def relation(self, name: str) -> str:
        if name not in self.relations:
            near = get_close_matches(name, self.relations, 1, 0.75)
            hint = f"Perhaps you meant the table '{SCHEMA}.{near[0]}'" if near else None
            message = f"Could not find the table '{SCHEMA}.{name}' in the schema cache"
            raise ApiError(NOT_FOUND, "PGRST205", message, hint=hint)
        return name

    def _no_function(self, name: str, arguments: Sequence[str], overloads: Sequence[Function]) -> ApiError:
        listed = ", ".join(arguments)
        wanted = f"({listed})" if arguments else " without parameters"
        plural = "parameters" if len(arguments) > 1 else "parameter"
        sought = f" with {plural} {listed}" if arguments else " without parameters"
        return ApiError(
            NOT_FOUND,
            "PGRST202",
            f"Could not find the function {SCHEMA}.{name}{wanted} in the schema cache",
            f"Searched for the function {SCHEMA}.{name}{sought} or with a single unnamed json/jsonb parameter,"
            " but no matches were found in the schema cache.",
            self._nearest(name, listed, overloads),
        )

    def _nearest(self, name: str, listed: str, overloads: Sequence[Function]) -> str | None:
        if overloads:
            offered = [", ".join(sorted(p.name for p in overload.parameters)) for overload in overloads]
            near = [f"{name}({parameters})" for parameters in get_close_matches(listed, offered, 1, 0.33)]
        else:
            near = get_close_matches(name, self.functions, 1, 0.75)
        return f"Perhaps you meant to call the function {SCHEMA}.{near[0]}" if near else None


def _ambiguous(fitting: Sequence[Function]) -> ApiError:
    shown = ", ".join(
        f"{SCHEMA}.{function.name}({', '.join(f'{p.name} => {p.type}' for p in function.parameters)})"
        for function in fitting
    )
    hint = "Try renaming the parameters or the function itself in the database so function overloading can be resolved"
    message = f"Could not choose the best candidate function between: {shown}"
    return ApiError(AMBIGUOUS, "PGRST203", message, hint=hint)


class CatalogueCache:
    """Reads again when a call names something unknown or no longer fits. Supabase reads after each DDL statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reading = asyncio.Lock()
        self._known: Catalogue | None = None

    async def current(self) -> Catalogue:
        if self._known is None:
            async with self._reading:
                if self._known is None:
                    self._known = await self._read()
        return self._known

    def forget(self) -> None:
        self._known = None

    async def function(self, name: str, arguments: Collection[str]) -> Function:
        try:
            return (await self.current()).function(name, arguments)
        except ApiError as unknown:
            if unknown.status != NOT_FOUND:
                raise
        self.forget()
        return (await self.current()).function(name, arguments)

    async def relation(self, name: str) -> str:
        if name not in (await self.current()).relations:
            self.forget()
        return (await self.current()).relation(name)

    async def _read(self) -> Catalogue:
        async with self._pool.connection() as connection:
            try:
                cursor = connection.cursor(row_factory=dict_row)
                functions = await (await cursor.execute(_FUNCTIONS)).fetchall()
                relations = await (await cursor.execute(_RELATIONS)).fetchall()
                settings = await (await cursor.execute(_ROLE_SETTINGS)).fetchall()
            except psycopg.Error as problem:
                raise connection_lost(problem) from problem
        by_name: dict[str, list[Function]] = {}
        for row in functions:
            by_name.setdefault(row["name"], []).append(_function(row))
        return Catalogue(
            by_name,
            frozenset(row["relname"] for row in relations),
            {row["rolname"]: dict(one.split("=", 1) for one in row["rolconfig"]) for row in settings},
        )


def _function(row: dict[str, Any]) -> Function:
    return Function(**{**row, "parameters": tuple(Parameter(**parameter) for parameter in row["parameters"])})
