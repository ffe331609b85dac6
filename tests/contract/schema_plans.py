"""The query plans that Postgres chose."""

import json
from collections.abc import Iterator

import psycopg

from tests.contract.schema_rows import Json


class Plans:
    """The plans of every statement over a connection, also inside functions and constraints.

    `big` tables must not be read from end to end.
    """

    def __init__(self, connection: psycopg.Connection, mode: str, big: set[str]) -> None:
        self._big = big
        self._whole = dict[str, str](
            connection.execute(
                "select part.relname, whole.relname from pg_inherits inner join pg_class as part on part.oid = inhrelid"
                " inner join pg_class as whole on whole.oid = inhparent where whole.relkind = 'I'"
            ).fetchall()
        )
        self.found: list[Json] = []
        connection.execute("load 'auto_explain'")
        for setting, value in {
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "auto_explain.log_format": "json",
            "auto_explain.log_level": "notice",
            "plan_cache_mode": mode,
        }.items():
            connection.execute("select set_config(%s, %s, false)", (setting, value))
        connection.add_notice_handler(self._read)

    def _read(self, notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:\n" in text:
            self.found.append(json.loads(text.split("plan:\n", 1)[1]))

    def nodes(self) -> list[Json]:
        """The nodes of all plans, each with its statement's text."""
        return [
            node | {"statement": plan["Query Text"]} for plan in self.found for node in _below(plan["Plan"])
        ]

    def read_whole(self) -> list[tuple[str, str]]:
        return [
            (node["Relation Name"], node["statement"])
            for node in self.nodes()
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in self._big
        ]

    def indexes(self) -> set[str]:
        """The indexes of all look-ups, also those for `on conflict`; for a partition's, the whole table's."""
        nodes = self.nodes()
        names: set[str] = {node["Index Name"] for node in nodes if "Index Name" in node}
        looked_up = {self._whole.get(name, name) for name in names}
        return looked_up.union(*(node.get("Conflict Arbiter Indexes", ()) for node in nodes))


def _below(node: Json) -> Iterator[Json]:
    yield node
    for inner in node.get("Plans", []):
        yield from _below(inner)
