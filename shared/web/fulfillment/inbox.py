"""The endpoints of `workflow` about customers' messages. `sync-messages` sends the replies."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.errors import NotFound
from shared.fulfillment.carrier import LabelShelf
from shared.fulfillment.store import InboxReports
from shared.limits import LONGEST_NAME, MOST_LISTED
from shared.web.call import Answer, Attachment, Call, File, NoInput, RequestModel
from shared.web.fields import NO_NUL, Person
from shared.web.function import Route, Supply


class ThreadsRequest(RequestModel):
    """`unanswered` leaves the threads in which the shop's reply is awaited."""

    order: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)] | None = (
        None
    )
    unanswered: bool = False
    limit: int = Field(50, ge=1, le=MOST_LISTED)


class _Written(RequestModel):
    """`reply_id` is the caller's own: the same call again sends nothing more. `body` is plain text."""

    reply_id: UUID
    body: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=3, max_length=50_000, pattern=NO_NUL)
    ]
    by: Person


class ReplyRequest(_Written):
    to: Annotated[tuple[Literal["CUSTOMER", "OPERATOR"], ...], Field(min_length=1, max_length=2)] = (
        "CUSTOMER",
    )


class BuyerMessageRequest(_Written):
    """`topic` is that of the thread which is opened if the order has none."""

    topic: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)
    ]


def order_inbox(store: Supply, shelf: Supply) -> Sequence[Route]:
    """They return an InboxReports and a LabelShelf."""
    return (
        Route("GET", "/threads", ThreadsRequest, _threads, (store,)),
        Route("POST", "/threads/{id}/reply", ReplyRequest, _reply, (store,)),
        Route("POST", "/orders/{id}/message", BuyerMessageRequest, _to_buyer, (store,)),
        Route("GET", "/files/{id}", NoInput, _file, (store, shelf)),
    )


def _threads(request: ThreadsRequest, _call: Call, store: InboxReports) -> Answer:
    return Answer({"threads": store.threads(request.order, request.limit, unanswered=request.unanswered)})


def _reply(request: ReplyRequest, call: Call, store: InboxReports) -> Answer:
    thread_id = _ident(call)
    return Answer(store.write_reply(str(request.reply_id), thread_id, request.body, request.to, request.by))


def _to_buyer(request: BuyerMessageRequest, call: Call, store: InboxReports) -> Answer:
    reply_id, order_id = str(request.reply_id), _ident(call)
    return Answer(store.write_to_buyer(reply_id, order_id, request.topic, request.body, request.by))


def _file(_request: NoInput, call: Call, store: InboxReports, shelf: LabelShelf) -> Attachment:
    """The media type is not the sender's: a browser must show nothing that a customer sent."""
    found = store.message_file(_ident(call))
    if found["path"] is None:
        raise NotFound("the file is not fetched yet" if not found["problem"] else found["problem"])
    return File(shelf.get(found["path"]), "application/octet-stream", found["name"] or "file")


def _ident(call: Call) -> str:
    text = call.path["id"]
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise NotFound("nothing has such an id")
    return text
