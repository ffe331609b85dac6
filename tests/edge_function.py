"""A function with an endpoint for each case of the HTTP edge, loaded like a deployed one."""

from datetime import date
from typing import Any

from pydantic import AwareDatetime, Field

from shared import errors
from shared.web.call import Answer, Call, File, NoInput, RequestModel
from shared.web.function import Route, http_function

SECRET = "postgres://user:hunter2@db"


PAPER = b"%PDF-1.7 \xe2\xe3"
PAPER_NAME = 'label "Ltée" 김 50%\r\n.pdf'


class Thing(RequestModel):
    name: str = Field(max_length=5)
    count: int = Field(1, ge=1)
    inner: dict[str, list[int]] = Field(default_factory=dict)
    day: date | None = None


class Page(RequestModel):
    limit: int = Field(5, ge=1, le=9)
    whole: bool | None = None
    share: float = 1
    day: date | None = None
    since: AwareDatetime | None = None


RAISED: dict[str, Exception] = {
    "not_found": errors.NotFound("no such thing"),
    "conflict": errors.Conflict("claimed by Ada Lovelace"),
    "store_unavailable": errors.StoreUnavailable("the database is away", retry_after=2.2),
    "queue_unavailable": errors.QueueUnavailable("the queue is away", retry_after=0),
    "store_refused": errors.StoreRefused(f"finish: 23505: {SECRET}"),
    "settings_invalid": errors.SettingsInvalid(SECRET),
    "bug": ValueError(SECRET),
}


def echo(request: Thing, call: Call) -> Answer:
    return Answer({"name": request.name, "count": request.count, "id": call.correlation_id})


def page(request: Page, _call: Call) -> Answer:
    return Answer({"limit": request.limit} | request.model_dump(mode="json", exclude_unset=True))


def one(_request: NoInput, call: Call) -> Answer:
    return Answer({"id": call.path["id"]}, 201, {"X-Own": "yes"}, {"seen": call.path["id"]})


def file(_request: NoInput, _call: Call) -> File:
    return File(PAPER, "application/pdf", PAPER_NAME, logged={"pages": 1})


def fail(_request: NoInput, call: Call) -> Answer:
    raise RAISED[call.path["kind"]]


def refuse(_request: NoInput, _call: Call) -> Answer:
    return Answer({"outcome": "leased"}, 409)


ROUTES: list[Any] = [
    Route("POST", "/", Thing, echo),
    Route("GET", "/things", Page, page),
    Route("POST", "/things", Thing, echo),
    Route("GET", "/things/{id}", NoInput, one),
    Route("POST", "/things/again", Thing, echo),
    Route("GET", "/file", NoInput, file),
    Route("POST", "/fail/{kind}", NoInput, fail),
    Route("POST", "/refuse", NoInput, refuse),
]
edge = http_function("edge", ROUTES)
