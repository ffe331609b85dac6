"""docs/openapi.json describes every function as the code and docs/api.md do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from infra.openapi.document import document_of
from infra.openapi.page import InterfacePage, PageUnclear
from infra.openapi.written import FILE, described, written, written_of
from shared.web.call import Answer, Call, File, NoInput, Pdf, RequestModel
from shared.web.fields import Text
from shared.web.function import Route

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


class Words(RequestModel):
    word: Text
    count: int | None = None


def handle(_request: RequestModel, _call: Call) -> Answer:
    return Answer({})


def printed(_request: RequestModel, _call: Call) -> Answer | Pdf:
    return Answer({})


def unnamed(_request: RequestModel, _call: Call) -> File:
    return File(b"", "text/plain", "x")


PAGE = """
# The interface
## Every function

| status | code | when |
|---|---|---|
| 404 | `not_found` | there is no such thing |
| 422 | `invalid_request` | fields are wrong |

# Part

Of all of them: 409 while it rests.

## a-function

### GET /words/{id}

Counts all words: `{"total": 3, "words": [...], "next": ...}`. More of it.

| field | type | default | meaning |
|---|---|---|---|
| `word` | text | required | which |
| `count` | number | none | how many |

```sh
curl -sS 'http://127.0.0.1:8080/words/7?word=x&count=2'
```

### POST /words/{id}

Writes one.

| status | code | when |
|---|---|---|
| 422 | `misspelt` | it is no word |

```sh
curl -sS -X POST -d '{"word": "x"}' \\
  "$A_FUNCTION_URL/words/7"
```
"""


def made(page: str = PAGE, *routes: Route) -> dict[str, Any]:
    return document_of("a-function", routes, InterfacePage(page), "1.0", "http://here")


READ = Route("GET", "/words/{id}", Words, handle)
WRITE = Route("POST", "/words/{id}", Words, handle)


def test_the_file_matches_the_code_and_the_page() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "run `python -m infra.openapi`"


def test_it_is_an_openapi_document() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize("function", described())
def test_it_has_every_route_of_every_function(function: str) -> None:
    listed = {
        (method.upper(), path.removeprefix(f"/{function}") or "/")
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if path.split("/")[1] == function
    }
    assert listed == {(route.method, route.template) for route in described()[function]}
    validate(written_of(function, "http://127.0.0.1:8080"))


def test_every_operation_has_a_name_of_its_own_a_summary_and_described_fields() -> None:
    operations = [each for item in DOCUMENT["paths"].values() for each in item.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert len(each["summary"]) < 200, each["summary"]
        assert all(
            parameter["in"] == "path" or parameter["description"] for parameter in each["parameters"]
        ), each["operationId"]


def test_it_has_every_code_of_the_page() -> None:
    responses = DOCUMENT["components"]["responses"].values()
    schemas = [each["content"]["application/problem+json"]["schema"] for each in responses]
    codes = {code for schema in schemas for code in schema["allOf"][1]["properties"]["code"]["enum"]}
    table = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("### GET /health")[0]
    assert codes == set(re.findall(r"^\| [\dx, ]+ \| `(\w+)` \|", table, re.MULTILINE))


def test_a_query_is_described_by_its_model_the_page_and_the_call() -> None:
    operation = made(PAGE, READ)["paths"]["/words/{id}"]["get"]
    parameters = {each["name"]: each for each in operation["parameters"]}
    assert operation["summary"] == "Counts all words"
    assert parameters["id"]["example"] == "7"
    assert parameters["word"] == {
        "name": "word",
        "in": "query",
        "description": "which",
        "required": True,
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 10_000,
            "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$",
        },
        "example": "x",
    }
    assert parameters["count"]["schema"] == {"type": "integer"}
    assert parameters["count"]["example"] == 2
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["total", "words", "next"]
    assert schema["properties"] == {"total": {"type": "integer"}, "words": {"type": "array"}, "next": {}}


def test_problems_are_those_of_the_method_the_path_the_part_and_the_endpoint() -> None:
    paths = made(PAGE, READ, WRITE)["paths"]["/words/{id}"]
    assert set(paths["get"]["responses"]) == {"200", "400", "404", "405", "422", "500", "503"}
    assert set(paths["post"]["responses"]) == set(paths["get"]["responses"]) | {"409", "415"}
    own = paths["post"]["responses"]["422"]["content"]["application/problem+json"]["schema"]["allOf"][1]
    assert own["properties"]["code"]["enum"] == ["invalid_request", "misspelt", "request_refused"]


def test_an_answer_that_can_be_a_file_has_both_media_types() -> None:
    route = Route("GET", "/words/{id}", Words, printed)
    content = made(PAGE, route)["paths"]["/words/{id}"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["application/json", "application/pdf"]


@pytest.mark.parametrize(
    ("page", "route", "complaint"),
    [
        (PAGE, Route("GET", "/other", NoInput, handle), "docs/api.md has no heading `### GET /other`"),
        (PAGE, Route("GET", "/words/{id}", Words, unnamed), "the handler of a-function GET /words/{id}"),
        (PAGE.replace("Writes one.", ""), WRITE, "no sentence about a-function POST /words/{id}"),
        (PAGE.replace('"words": [...]', '"words": [x]'), READ, "what is not JSON"),
        (PAGE.replace("curl -sS '", "```\n\n```sh\ncurl -sS '"), READ, "2 calls of a-function GET"),
    ],
    ids=["no heading", "a file of no type", "no sentence", "no JSON", "no single call"],
)
def test_what_is_missing_is_named(page: str, route: Route, complaint: str) -> None:
    with pytest.raises(PageUnclear, match=re.escape(complaint)):
        made(page, route)
