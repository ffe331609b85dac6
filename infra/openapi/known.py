"""Ids that exist, for the path parameters of the calls: a random id is answered with 404 alone."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from infra.openapi.document import Json

MOST = 30
"""Ids of each kind."""

SHARE = 0.8
"""The part of the calls that uses them."""


def known_ids(document: Json, http: httpx.Client) -> Mapping[str, list[str]]:
    """Collection to ids, as the answers of the function's lists name them: `orders` for /orders/{id}/label."""
    collections = {path.split("/")[1] for path in document["paths"] if "/{id}" in path}
    found: dict[str, dict[str, None]] = {name: {} for name in sorted(collections)}
    for path, item in document["paths"].items():
        if "get" in item and "{" not in path:
            answer = http.get(path)
            if answer.status_code == httpx.codes.OK and "json" in answer.headers["Content-Type"]:
                for key, row in _rows(answer.json()):
                    name = key.replace("_", "-")
                    if name in found and (ident := _ident(name, row)):
                        found[name][ident] = None
    return {name: list(ids)[:MOST] for name, ids in found.items() if ids}


def configuration(ids: Mapping[str, list[str]]) -> str:
    """The part of a schemathesis.toml that gives each path parameter its ids."""
    lines = []
    for name, values in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}", ""]
    for name in ids:
        lines += [
            "[[operations]]",
            f'include-path-regex = "^/{name}/\\\\{{id\\\\}}"',
            f'parameters = {{ "path.id" = {{ dictionary = "{name}", probability = {SHARE} }} }}',
            "",
        ]
    return "\n".join(lines)


def _rows(content: Any, key: str = "") -> Iterator[tuple[str, Json]]:  # noqa: ANN401 - any JSON
    """Each object in a list, with the list's key."""
    if isinstance(content, list):
        for each in content:
            if isinstance(each, dict):
                yield key, each
            yield from _rows(each, key)
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from _rows(value, name)


def _ident(collection: str, row: Json) -> str | None:
    """`id`, else `order_id` of an order, else `vendor` of a vendor."""
    one = collection.replace("-", "_").removesuffix("es" if collection.endswith("ches") else "s")
    for name in ("id", f"{one}_id", one):
        if isinstance(value := row.get(name), str | int):
            return str(value)
    return None
