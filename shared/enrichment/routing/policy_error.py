"""Error messages for policy files: the rule, the place in it, and what is allowed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.enrichment.routing.condition import NUMERIC_FEATURES, OPERATORS
from shared.enrichment.routing.features import SHARES

_PLAIN = {
    "missing": "is missing",
    "model_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "tuple_type": "expected a list",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "string_pattern_mismatch": "expected lower case letters, digits and underscores",
}
_JOINTS = ("when", "if", "not", "all", "any")


def sentences(error: ValidationError, content: Mapping[Any, Any]) -> Sequence[str]:
    """One sentence for each error, in the file's order, without repetition."""
    return tuple(dict.fromkeys(_sentence(found, content) for found in error.errors()))


def _sentence(found: ErrorDetails, content: Mapping[Any, Any]) -> str:
    place = found["loc"]
    message = _message(found)
    if found["type"] == "extra_forbidden":
        place = place[:-1]
    where = []
    if len(place) > 1 and place[0] == "rules":
        where.append(f"rule {_rule_name(content, place[1])}")
        place = place[2:]
    if place:
        where.append(".".join(str(step) for step in place))
    return ": ".join([*where, message])


def _message(found: ErrorDetails) -> str:
    kind = found["type"]
    if kind == "extra_forbidden":
        return _unknown(found["loc"])
    if kind in {"enum", "literal_error"}:
        return f"expected {found['ctx']['expected']}, got {found['input']!r}"
    return _PLAIN.get(kind, found["msg"].removeprefix("Value error, "))


def _unknown(place: tuple[int | str, ...]) -> str:
    *steps, key = place
    names = [step for step in steps if isinstance(step, str)]
    parent = names[-1] if names else ""
    if parent in (*NUMERIC_FEATURES, "forced"):
        known = OPERATORS if parent != "forced" else ("eq",)
        return f"unknown operator {key!r}; known are {', '.join(known)}"
    if parent == "confidence":
        return f"unknown feature {key!r}; known are {', '.join(SHARES)} and constant"
    if parent in _JOINTS:
        return f"unknown feature {key!r}; known are {', '.join(NUMERIC_FEATURES)}, forced, and all, any, not"
    return f"unknown key {key!r}"


def _rule_name(content: Mapping[Any, Any], index: int | str) -> str:
    rule = content["rules"][index]
    return repr(rule["name"]) if isinstance(rule, dict) and "name" in rule else f"number {int(index) + 1}"
