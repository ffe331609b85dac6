"""Customers' messages by thread, and the shop's replies. `sync-messages` sends them."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.fulfillment.store import InboxReports
from shared.web.call import Page, RequestModel
from shared.web.desk.rendering import Renderer
from shared.web.desk.route import FormWrong, PageRoute, Visit, moved
from shared.web.desk.visitor import Role
from shared.web.fields import NO_NUL, Name
from shared.web.function import Route, Supply

SHOWN = 20


class MessagesQuery(RequestModel):
    unanswered: bool = False
    order: Name | None = None


class ReplyForm(RequestModel):
    """`reply_id` was made with the page: the form sent twice is one reply."""

    reply_id: uuid.UUID
    body: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=3, max_length=50_000, pattern=NO_NUL)
    ]
    to: Annotated[tuple[Literal["CUSTOMER", "OPERATOR"], ...], Field(min_length=1, max_length=2)] = (
        "CUSTOMER",
    )
    order: Name | None = None


def message_pages(gate: Supply, renderer: Supply, store: Supply) -> Sequence[Route]:
    """`store` returns an InboxReports."""
    supplies = (store, renderer)
    operator = Role.OPERATOR
    return (
        PageRoute("GET", "/messages", MessagesQuery, _messages, supplies, role=operator, gate=gate),
        PageRoute(
            "POST",
            "/messages/{id}/reply",
            ReplyForm,
            _reply,
            supplies,
            role=operator,
            gate=gate,
            action="reply",
            wrong=_reply_wrong,
        ),
    )


def _messages(request: MessagesQuery, visit: Visit, store: InboxReports, renderer: Renderer) -> Page:
    return _shown(request, visit, store, renderer)


def _reply(request: ReplyForm, visit: Visit, store: InboxReports, _renderer: Renderer) -> Page:
    store.write_reply(str(request.reply_id), visit.id, request.body, request.to, visit.person)
    return moved(f"/messages?order={request.order}" if request.order else "/messages")


def _reply_wrong(wrong: FormWrong, visit: Visit, store: InboxReports, renderer: Renderer) -> Page:
    return _shown(MessagesQuery(), visit, store, renderer, wrong=wrong)


def _shown(
    request: MessagesQuery,
    visit: Visit,
    store: InboxReports,
    renderer: Renderer,
    *,
    wrong: FormWrong | None = None,
) -> Page:
    threads = store.threads(request.order, SHOWN, unanswered=request.unanswered)
    return renderer.page(
        "messages.html",
        visit,
        status=wrong.status if wrong else 200,
        threads=threads,
        filter=request,
        typed={name: values[-1] for name, values in wrong.given.items()} if wrong else {},
        errors={each.field: each.message for each in wrong.fields} if wrong else {},
        wrong_thread=visit.id if wrong else None,
        shown=SHOWN,
    )
