"""A route of the desk: signs of who asks, forms instead of JSON, and a page instead of a problem."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

import flask
from pydantic import ValidationError

from shared.errors import FieldError, Forbidden, InvalidRequest
from shared.web.call import Call, File, Page, RequestModel
from shared.web.desk.visitor import Role, Visitor
from shared.web.function import Reply, Route, Supply

if TYPE_CHECKING:
    from shared.web.desk.gate import Gate

T = TypeVar("T", bound=RequestModel)


@dataclass(frozen=True)
class Visit:
    """One request of a visitor. `token` goes into each form. `partial` asks for a part of a page only."""

    visitor: Visitor
    call: Call
    token: str
    path: str
    query: str
    partial: bool
    navigates: bool
    """Whether the person opened the page here; a prefetch or a link on another site takes nothing into work."""

    @property
    def person(self) -> str:
        return self.visitor.person

    @property
    def id(self) -> str:
        """The `{id}` of the path."""
        return self.call.path["id"]


@dataclass(frozen=True)
class PageRoute(Route):
    """`gate` returns the Gate. The handler is called with the request, the Visit, and what `supplies` return.

    `wrong` answers a form with wrong fields: it gets the FormWrong and the rest as the handler does. A POST is written
    to the log of the desk as `action`; its subject is the request's `subject`, else the path's id.
    """

    role: Role = Role.VIEWER
    gate: Supply = field(kw_only=True)
    action: str | None = None
    wrong: Callable[..., Reply] | None = None

    @property
    def parts(self) -> tuple[Supply, ...]:
        return (*self.supplies, self.gate)

    def answer(self, request: flask.Request, call: Call) -> Reply:
        gate: Gate = self.gate()
        visitor = gate.visitor(request)
        if not visitor.may(self.role):
            raise Forbidden(
                f"this needs the role {self.role.word}; {visitor.person} is a {visitor.role.word}"
            )
        if self.method == "POST":
            gate.sessions.check(request, visitor.person)
        visit = Visit(
            visitor,
            call,
            gate.sessions.token(visitor.person),
            request.path,
            request.query_string.decode("utf-8", "replace"),
            partial=request.headers.get("HX-Request-Type") == "partial",
            navigates=_navigates(request),
        )
        supplies = [supply() for supply in self.supplies]
        try:
            read = self.read(request)
        except FormWrong as wrong:
            if self.wrong is None:
                raise
            return self.wrong(wrong, visit, *supplies)
        reply = self.handler(read, visit, *supplies)
        if self.action and not (isinstance(reply, Page) and reply.status >= 400):  # noqa: PLR2004 - refused
            note = getattr(read, "note", None)
            subject = getattr(read, "subject", None) or call.path.get("id", "")
            gate.people.note_action(visitor.person, visitor.role.word, self.action, subject, note)
        return reply

    def read(self, request: flask.Request) -> RequestModel:
        if self.method == "GET":
            given = {name: values for name, values in request.args.to_dict(flat=False).items() if any(values)}
            return read_form(self.model, given)  # a filter form sends its empty fields too
        return read_form(self.model, request.form.to_dict(flat=False))


class FormWrong(InvalidRequest):
    """`given` is what was typed, so that the page can show it again."""

    def __init__(self, given: Mapping[str, Sequence[str]], fields: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in fields)[:2000], fields)
        self.given = given


def read_form(model: type[T], given: Mapping[str, Sequence[str]]) -> T:
    """Fields of a sequence type get all their values, the others the last. Empty ones count as missing.

    Raises FormWrong.
    """
    values: dict[str, Any] = {}
    for name, texts in given.items():
        info = model.model_fields.get(name)
        if name == "token":
            continue
        if info is not None and get_origin(info.annotation) in (tuple, list):
            values[name] = list(texts)
        elif texts and texts[-1].strip():
            values[name] = texts[-1]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = [
            FieldError(".".join(map(str, item["loc"])) or "(form)", _plain(item["type"], item["msg"]))
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise FormWrong(given, fields) from None


def _navigates(request: flask.Request) -> bool:
    headers = request.headers
    return (
        request.method != "HEAD"
        and "prefetch" not in headers.get("Sec-Purpose", headers.get("Purpose", ""))
        and headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    )


def _plain(kind: str, message: str) -> str:
    """Pydantic's words for programmers, in those of the page."""
    return "is needed" if kind == "missing" else message.removeprefix("Value error, ")


def moved(path: str, *, headers: Mapping[str, str] | None = None) -> Page:
    """Sends the browser to another page with GET, so that a reload does not send the form again."""
    return Page("", 303, {"Location": path, **(headers or {})})


def inline(file: File) -> Page:
    """A PDF that the browser shows."""
    headers = dict(file.headers)
    headers["Content-Disposition"] = headers["Content-Disposition"].replace("attachment", "inline", 1)
    return Page(file.content, headers=headers, media_type=file.media_type, logged=file.logged)
