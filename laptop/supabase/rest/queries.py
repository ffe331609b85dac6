"""Turns requests into SQL as PostgREST writes it. Names are quoted, values are parameters."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from psycopg.sql import SQL, Composable, Identifier, Literal

from laptop.supabase.rest.catalogue import SCHEMA, Function
from laptop.supabase.rest.errors import BAD_REQUEST, ApiError, not_imitated

_OPERATORS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_IS = {"null": "null", "not_null": "not null", "true": "true", "false": "false", "unknown": "unknown"}
_PLAIN_NAME = re.compile(r"[^\W\d][\w$ ]*")
_ORDER = re.compile(r"(?P<column>[^.]+)(?:\.(?P<way>asc|desc))?(?:\.nulls(?P<nulls>first|last))?")
_IN_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*))\s*(?:,|$)')
_RESERVED = frozenset({"select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict"})
_NOTHING = SQL("")
_CHECK_OWN_ANSWER = SQL(", ({})").format(SQL(Path(__file__).with_name("own_answer.sql").read_text().rstrip()))


@dataclass(frozen=True)
class Query:
    """Returns one row: the number of rows in the result, the body as JSON text, and what is not for the caller."""

    sql: str
    values: tuple[str, ...]
    read_only: bool
    counts_rows: bool
    first_row: int = 0
    statement_timeout: str | None = None


def call(function: Function, given: Collection[str], payload: str) -> Query:
    """Casts the payload's values to the declared types of the parameters."""
    sql = _call(function, frozenset(given))
    return Query(
        sql,
        (payload,),
        read_only=function.read_only,
        counts_rows=function.is_set,
        statement_timeout=function.statement_timeout,
    )


@lru_cache(maxsize=256)
def _call(function: Function, given: frozenset[str]) -> str:
    parameters = [parameter for parameter in function.parameters if parameter.name in given]
    columns = SQL(", ").join(SQL("{} {}").format(Identifier(p.name), _type(p.type)) for p in parameters)
    arguments = SQL(", ").join(
        SQL("{}{} := pgrst_args.{}").format(
            SQL("variadic " if p.variadic else ""), Identifier(p.name), Identifier(p.name)
        )
        for p in parameters
    )
    source: Composable = SQL("(select %s::json) as pgrst_args")
    if parameters:
        source = SQL("(select * from json_to_record(%s::json) as _({})) as pgrst_args").format(columns)
    called = SQL("{}({})").format(Identifier(SCHEMA, function.name), arguments)
    if function.is_composite:
        rows = SQL("select pgrst_call.* from {}, lateral {} as pgrst_call").format(source, called)
        row = SQL("_postgrest_t")
    else:
        rows = SQL("select {} as pgrst_scalar from {}").format(called, source)
        row = SQL("_postgrest_t.pgrst_scalar")
    if function.is_void:
        return _answer(rows, SQL("''"), _CHECK_OWN_ANSWER)
    body = "coalesce(json_agg({}), '[]')" if function.is_set else "coalesce(json_agg({})->0, 'null')"
    return _answer(rows, SQL(body).format(row), _CHECK_OWN_ANSWER)


def read(relation: str, parameters: Sequence[tuple[str, str]], *, single: bool = False) -> Query:
    """`parameters` are those of the URL, in its order."""
    table = Identifier(SCHEMA, relation)
    conditions: list[Composable] = []
    values: list[str] = []
    for name, value in parameters:
        if name not in _RESERVED:
            condition, operands = _condition(SQL("{}.{}").format(table, _column(name)), value)
            conditions.append(condition)
            values.extend(operands)
    plain = {name: value for name, value in parameters if name in _RESERVED}
    if unknown := plain.keys() - {"select", "order", "limit", "offset"}:
        raise not_imitated(f"the query parameter {min(unknown)}")
    rows = SQL("select {} from {}{}{}{}").format(
        _selection(plain.get("select", "*"), table),
        table,
        SQL(" where ") + SQL(" and ").join(conditions) if conditions else SQL(""),
        _ordering(plain.get("order", ""), table),
        _window(plain),
    )
    body = (
        "coalesce(json_agg(_postgrest_t)->0, 'null')" if single else "coalesce(json_agg(_postgrest_t), '[]')"
    )
    return Query(
        _answer(rows, SQL(body)),
        tuple(values),
        read_only=True,
        counts_rows=True,
        first_row=int(plain.get("offset", 0)),
    )


def _answer(rows: Composable, body: Composable, then: Composable = _NOTHING) -> str:
    outer = SQL("with pgrst_source as ({}) select count(*), ({})::text{} from pgrst_source as _postgrest_t")
    return outer.format(rows, body, then).as_string()


def _type(name: str) -> SQL:
    """Takes the name from Postgres's format_type, which has quoted it where needed."""
    return SQL(name.replace("%", "%%"))


def _column(name: str) -> Identifier:
    if not _PLAIN_NAME.fullmatch(name):
        raise not_imitated(f"{name!r} as a column")
    return Identifier(name)


def _condition(column: Composable, text: str) -> tuple[Composable, Sequence[str]]:
    operator, _, operand = text.partition(".")
    if operator in _OPERATORS:
        return SQL("{} " + _OPERATORS[operator] + " %s").format(column), (operand,)
    if operator == "is" and operand in _IS:
        return SQL("{} is " + _IS[operand]).format(column), ()
    if operator == "in" and operand.startswith("(") and operand.endswith(")"):
        items = _items(operand[1:-1])
        marks = SQL(", ").join([SQL("%s")] * len(items)) if items else SQL("null")
        return SQL("{} in ({})").format(column, marks), items
    raise not_imitated(f"the filter {text!r}")


def _items(text: str) -> list[str]:
    found = []
    position = 0
    while position < len(text):
        item = _IN_ITEM.match(text, position)
        if item is None:
            raise ApiError(
                BAD_REQUEST, "PGRST100", f'"failed to parse filter (in.({text}))"', "unexpected quote"
            )
        quoted, plain = item.groups()
        found.append(plain.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = item.end()
    return found


def _selection(text: str, table: Identifier) -> Composable:
    columns = [column.strip() for column in text.split(",")]
    return SQL(", ").join(
        SQL("{}.*").format(table) if column == "*" else SQL("{}.{}").format(table, _column(column))
        for column in columns
    )


def _ordering(text: str, table: Identifier) -> Composable:
    if not text:
        return SQL("")
    terms = []
    for term in text.split(","):
        parts = _ORDER.fullmatch(term)
        if parts is None:
            raise ApiError(
                BAD_REQUEST, "PGRST100", f'"failed to parse order ({text})"', f"unexpected {term!r}"
            )
        way = "desc" if parts["way"] == "desc" else "asc"
        nulls = f" nulls {parts['nulls']}" if parts["nulls"] else ""
        terms.append(SQL("{}.{} " + way + nulls).format(table, _column(parts["column"])))
    return SQL(" order by ") + SQL(", ").join(terms)


def _window(plain: dict[str, str]) -> Composable:
    window: list[Composable] = []
    for name in ("limit", "offset"):
        if name in plain:
            if not plain[name].isdecimal():
                raise ApiError(
                    BAD_REQUEST, "PGRST100", f'"failed to parse {name} ({plain[name]})"', "not a number"
                )
            window.append(SQL(f" {name} " + "{}").format(Literal(int(plain[name]))))
    return SQL("").join(window)
