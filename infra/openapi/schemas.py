"""JSON schemas of requests, from their models, and of answers, from what docs/api.md shows of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from infra.openapi.page import Section
from shared.web.call import RequestModel
from shared.web.fields import NO_NUL

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class _Exact(GenerateJsonSchema):
    """Pydantic's schema of a text leaves out that the spaces around it do not count."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        written = super().str_schema(schema)
        shortest = schema.get("min_length", 0)
        if schema.get("strip_whitespace") and shortest and written.get("pattern", NO_NUL) == NO_NUL:
            mark = r"[^\x00\s]"
            within = rf"[^\x00]{{{shortest - 2},}}{mark}" if shortest > 1 else ""
            written["pattern"] = rf"^[^\x00]*{mark}{within}[^\x00]*$"
        return written

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Pydantic's lets any key in when the keys have a pattern."""
        written = super().dict_schema(schema)
        if "keys_schema" in schema and "values_schema" in schema:
            written.pop("patternProperties", None)
            written["propertyNames"] = self.generate_inner(schema["keys_schema"])
            written["additionalProperties"] = self.generate_inner(schema["values_schema"])
        return written

    def field_title_should_be_set(self, _schema: Any) -> bool:  # noqa: ANN401 - pydantic's
        return False


class BodySchemas:
    """The schemas of all bodies; equal names of different models are told apart."""

    def __init__(self, models: Sequence[type[RequestModel]]) -> None:
        wanted: list[tuple[Any, Any]] = [(model, "validation") for model in dict.fromkeys(models)]
        references, definitions = models_json_schema(
            wanted, ref_template=COMPONENTS + "{model}", schema_generator=_Exact
        )
        self._references = {model: reference["$ref"] for (model, _), reference in references.items()}
        self.components: Json = definitions.get("$defs", {})
        for component in self.components.values():
            component.pop("title", None)

    def reference(self, model: type[RequestModel]) -> str:
        return str(self._references[model])

    def describe(self, model: type[RequestModel], meanings: Mapping[str, str]) -> None:
        """Gives the model's fields the descriptions of docs/api.md. Fields of the same model mean the same."""
        for field, meaning in meanings.items():
            if (found := self._property(self._references[model], field)) is not None and meaning:
                found.setdefault("description", meaning)

    def _property(self, reference: str, field: str) -> Json | None:
        name, _, rest = field.partition(".")
        component = self.components[reference.removeprefix(COMPONENTS)]
        found: Json | None = component.get("properties", {}).get(name)
        if found is None or not rest:
            return found
        inner = next((each["$ref"] for each in [found, *found.get("anyOf", [])] if "$ref" in each), None)
        return self._property(inner, rest) if inner else None


def query_parameters(model: type[RequestModel], meanings: Mapping[str, str]) -> list[Json]:
    schema = model.model_json_schema(schema_generator=_Exact)
    whole = _inlined(schema, schema.get("$defs", {}))
    return [
        _parameter(name, found, meanings.get(name, ""), required=name in whole.get("required", []))
        for name, found in whole.get("properties", {}).items()
    ]


def _inlined(schema: Any, definitions: Json) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {key: value for key, value in target.items() if key != "title"} | schema
    return {
        key: _inlined(value, definitions) for key, value in schema.items() if key not in ("$ref", "$defs")
    }


def _parameter(name: str, schema: Json, meaning: str, *, required: bool) -> Json:
    """A query holds no null: a parameter is left out instead."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    inner = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(kinds) == 1:
        inner = kinds[0] | inner
    elif kinds:
        inner["anyOf"] = kinds
    if inner.get("default", 0) is None:
        del inner["default"]
    described = {"description": meaning} if meaning else {}
    return {"name": name, "in": "query", **described, "required": required, "schema": inner}


def answer_schema(section: Section) -> Json:
    """An object with the keys that the page names. A key is required if the page shows that each answer has it."""
    shown: dict[str, list[object]] = {key: [None] for key in section.keys}
    for answer in section.answers:
        for key, value in answer.items():
            shown.setdefault(key, []).append(value)
    properties = {key: _of(values) for key, values in shown.items()}
    schema: Json = {"type": "object"}
    if properties:
        schema["properties"] = properties
    if section.certain:
        schema["required"] = list(section.answers[0])
    return schema


def _of(values: Sequence[object]) -> Json:
    """The page shows one value of many: a text or an object can be null as well, and a null can be anything."""
    if any(value is None for value in values):
        return {}
    kinds = list(dict.fromkeys(_TYPES[type(value)] for value in values))
    if {"string", "object"} & set(kinds):
        kinds.append("null")
    return {"type": kinds[0] if len(kinds) == 1 else kinds}
