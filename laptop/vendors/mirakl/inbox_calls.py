"""M10 to M13, and OR43."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from laptop.vendors.mirakl.answers import error, invalid, over_the_limit
from laptop.vendors.mirakl.inbox import File, NewMessage, Search
from laptop.vendors.mirakl.market import Asked, Market
from laptop.vendors.mirakl.rendering import date_in, merged, shown_date

_MOST = 100
_LAST_MESSAGES = 100
_SHORTEST, _LONGEST = 3, 50_000  # characters of a reply
_MOST_MESSAGES = 1000  # in a thread
_SHOP = {"display_name": "Acme Parts", "id": "2044", "type": "SHOP"}
_OPERATOR = {"display_name": "Best Buy Canada", "type": "OPERATOR"}


def list_threads(market: Market, asked: Asked) -> Response:
    """Lists threads, the latest change first. With a page token other parameters are ignored."""
    token = asked.query.get("page_token")
    search = _search(asked.query) if token is None else Search.from_token(token)
    if search is None:
        return invalid("page_token", "is not one of ours")
    if isinstance(search, Response):
        return search
    threads, following = market.inbox.page(search)
    answer: dict[str, Any] = {"data": [_thread(market, row, search.with_messages) for row in threads]}
    if following:
        answer["next_page_token"] = following.token()
    return JSONResponse(answer)


def show_thread(market: Market, asked: Asked) -> Response:
    row = market.inbox.thread(asked.path["thread_id"])
    if row is None:
        return error(404, f"Thread with identifier '{asked.path['thread_id']}' not found")
    return JSONResponse(_thread(market, row, with_messages=True))


def reply(market: Market, asked: Asked) -> Response:
    """Adds a message of the shop. There is no idempotency key: a repeat adds another one."""
    thread_id = asked.path["thread_id"]
    row = market.inbox.thread(thread_id)
    if row is None:
        return error(404, f"Thread with identifier '{thread_id}' not found")
    message = _message_in(asked, "message_input")
    if isinstance(message, Response):
        return message
    recipients = message.get("to")
    buyer = _buyer(market, row["order_id"])
    people = [_participant(each, buyer) for each in recipients] if isinstance(recipients, list) else []
    if not people or None in people:
        return invalid("to", "must be participants of the thread")
    if len(market.inbox.messages(thread_id)) >= _MOST_MESSAGES:
        return error(400, f"The limit of {_MOST_MESSAGES} messages is exceeded for the thread")
    return _say(market, asked, thread_id, message["body"], [each for each in people if each])


def open_thread(market: Market, asked: Asked) -> Response:
    """Opens a thread about an order. There is no idempotency key: a repeat opens another one."""
    order_id = asked.path["order_id"]
    if market.orders.find(order_id) is None:
        return error(404, f"Order with identifier '{order_id}' not found")
    message = _message_in(asked, "thread_input")
    if isinstance(message, Response):
        return message
    known = {each["type"]: each for each in (_buyer(market, order_id), _OPERATOR)}
    kinds = message.get("to")
    if not isinstance(kinds, list) or not kinds or any(kind not in list(known) for kind in kinds):
        return invalid("to", "must be CUSTOMER or OPERATOR")
    topic = message.get("topic")
    value = topic.get("value") if isinstance(topic, dict) and topic.get("type") == "FREE_TEXT" else None
    if not isinstance(value, str) or not value.strip():
        return invalid("topic", "must be a free text")
    with market.database.transaction():
        thread_id = market.inbox.open(value, order_id, {}, asked.now, None)
        return _say(market, asked, thread_id, message["body"], [known[kind] for kind in kinds])


def _say(
    market: Market, asked: Asked, thread_id: str, body: str, people: Sequence[Mapping[str, str]]
) -> Response:
    files = [
        File(each.file_name, each.media_type, each.content) for each in asked.form() if each.name == "files"
    ]
    [message_id] = market.inbox.say(thread_id, [NewMessage("SHOP_USER", body, files, people)], asked.now)
    return JSONResponse({"message_id": message_id, "thread_id": thread_id}, 201)


def _message_in(asked: Asked, name: str) -> Mapping[str, Any] | Response:
    """The JSON object in this part of the form, whose body has an allowed length; else the refusal."""
    try:
        read = json.loads(next((part.content for part in asked.form() if part.name == name), b""))
    except ValueError:
        read = None
    if not isinstance(read, dict):
        return invalid(name, "must be a JSON object")
    body = read.get("body")
    if not isinstance(body, str) or not _SHORTEST <= len(body) <= _LONGEST:
        return invalid("body", f"must have {_SHORTEST} to {_LONGEST} characters")
    return read


def _participant(named: object, buyer: Mapping[str, str]) -> Mapping[str, str] | None:
    """The participant with this type and id; an operator is named without one."""
    if not isinstance(named, dict):
        return None
    return next(
        (
            each
            for each in (buyer, _OPERATOR)
            if all(named.get(key) == each.get(key) for key in ("type", "id"))
        ),
        None,
    )


def download(market: Market, asked: Asked) -> Response:
    file = market.inbox.attachment(asked.path["attachment_id"])
    if file is None:
        return error(404, f"Attachment with identifier '{asked.path['attachment_id']}' not found")
    shown_as = f"attachment; filename*=UTF-8''{quote(file.name)}"
    return Response(file.content, media_type=file.media_type, headers={"Content-Disposition": shown_as})


def _search(query: Mapping[str, str]) -> Search | Response:
    since = ""
    if "updated_since" in query:
        read = date_in(query["updated_since"])
        if read is None:
            return invalid("updated_since", "must be a date")
        since = read
    limit = query.get("limit", "50")
    if not (limit.isascii() and limit.isdigit() and int(limit[:9]) > 0):
        return invalid("limit", "must be a number above 0")
    if int(limit[:9]) > _MOST:
        return over_the_limit("limit", _MOST)
    entity_ids = None
    if "entity_id" in query:
        if "entity_type" not in query:
            return invalid("entity_type", "is mandatory with entity_id")
        entity_ids = tuple(query["entity_id"].split(","))
    with_messages = query.get("with_messages", "false").lower() == "true"
    return Search(since, with_messages, entity_ids, int(limit))


def _thread(market: Market, row: Mapping[str, Any], with_messages: bool) -> dict[str, Any]:  # noqa: FBT001  # a parameter of M11
    messages = market.inbox.messages(row["thread_id"])
    buyer = _buyer(market, row["order_id"])
    participants = [_SHOP, buyer]
    last = messages[-1] if messages else None
    waits = last is not None and last["sender_type"] == "CUSTOMER_USER"
    entities = (
        [{"id": row["order_id"], "label": row["order_id"], "type": "MMP_ORDER"}] if row["order_id"] else []
    )
    thread = {
        "id": row["thread_id"],
        "topic": {"type": "FREE_TEXT", "value": row["topic"]},
        "date_created": shown_date(row["created_at"]),
        "date_updated": shown_date(row["updated_at"]),
        "entities": entities,
        "authorized_participants": [*participants, _OPERATOR],
        "current_participants": participants,
        "metadata": {
            "last_message_date": shown_date(row["updated_at"]),
            "last_sender": _sender(last["sender_type"] if last else "CUSTOMER_USER", buyer),
            "shop_reply_needed_since": shown_date(last["sent_at"]) if last and waits else None,
            "total_count": len(messages),
        },
    }
    if with_messages:
        thread["messages"] = [_message(each, buyer) for each in messages[-_LAST_MESSAGES:]]
        thread["no_store_reply_needed"] = []
    read: dict[str, Any] = merged(thread, json.loads(row["overrides"]))
    return read


def _buyer(market: Market, order_id: str | None) -> dict[str, str]:
    order = market.orders.find(order_id) if order_id else None
    if order is None:
        return {"display_name": "A customer", "id": "c-0", "type": "CUSTOMER"}
    name = f"{order.details['firstname']} {order.details['lastname'][:1]}."
    return {"display_name": name, "id": f"c-{order.commercial_id}", "type": "CUSTOMER"}


def _sender(kind: str, buyer: Mapping[str, str]) -> dict[str, Any]:
    organization = {"CUSTOMER_USER": buyer, "SHOP_USER": _SHOP}.get(kind, _OPERATOR)
    return {
        "display_name": organization["display_name"],
        "organization_details": dict(organization),
        "type": kind,
    }


def _message(row: Mapping[str, Any], buyer: Mapping[str, str]) -> dict[str, Any]:
    by_buyer = row["sender_type"] == "CUSTOMER_USER"
    return {
        "id": row["message_id"],
        "body": row["body"],
        "date_created": shown_date(row["sent_at"]),
        "from": _sender(row["sender_type"], buyer),
        "to": json.loads(row["people"]) if row["people"] else [dict(_SHOP if by_buyer else buyer)],
        "attachments": json.loads(row["attachments"]),
    }
