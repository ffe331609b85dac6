"""Makes orders and threads of Mirakl's answers; pure. One that cannot be read becomes a Malformed, not an error."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from shared.fulfillment.ports import (
    Address,
    JsonObject,
    Malformed,
    MarketplaceOrder,
    Message,
    OrderLine,
    OrderPage,
    Participant,
    Thread,
    ThreadPage,
)
from shared.storable import storable_text
from shared.vendors.mirakl.answers import (
    AddressAnswer,
    LineAnswer,
    MessageAnswer,
    OrderAnswer,
    ParticipantAnswer,
    ThreadAnswer,
)

_NO_CURRENCY = "XXX"  # ISO 4217's code for none
_ORDER = "MMP_ORDER"
_LONGEST_IDENT = 200
_MOST_NAMED = 5  # fields in the text of a problem
_DEEPEST = 50  # levels of JSON that are kept of a malformed order, thread or message


def order_page(raw: Sequence[object], seen_at: datetime) -> OrderPage:
    """Makes a page of orders. `seen_at` replaces dates that the answer leaves out."""
    read = [order_from(each, seen_at) for each in raw]
    return OrderPage(
        orders=[each for each in read if isinstance(each, MarketplaceOrder)],
        problems=[each for each in read if isinstance(each, Malformed)],
    )


def order_from(raw: object, seen_at: datetime) -> MarketplaceOrder | Malformed:
    try:
        order = OrderAnswer.model_validate(raw)
    except ValidationError as wrong:
        return Malformed(_ident_in(raw, "order_id"), _problem(wrong), _raw(raw))
    created = order.created_date or order.last_updated_date or seen_at
    return MarketplaceOrder(
        order_id=order.order_id,
        commercial_id=order.commercial_id or order.order_id,
        state=order.order_state,
        created_at=created,
        updated_at=order.last_updated_date or created,
        currency=order.currency_iso_code or _NO_CURRENCY,
        total=order.total_price,
        lines=tuple(_line(line) for line in order.order_lines),
        address=_address(order.customer.shipping_address) if order.customer else None,
        ship_before=order.shipping_deadline,
        can_ship=order.can_shop_ship,
        carrier_code=order.shipping_carrier_code,
        carrier_name=order.shipping_company,
        tracking_number=order.shipping_tracking,
        fully_refunded=order.fully_refunded,
        shipping_type=order.shipping_type_code,
        deliver_by=order.delivery_date.latest if order.delivery_date else None,
        state_reason=order.order_state_reason_code,
    )


def _line(line: LineAnswer) -> OrderLine:
    return OrderLine(
        line_id=line.order_line_id,
        sku=line.offer_sku or "",
        quantity=line.quantity,
        title=line.product_title or "",
        price=line.price,
        state=line.order_line_state,
    )


def _address(given: AddressAnswer | None) -> Address | None:
    """None for an address whose fields are all blank, too."""
    if given is None or not any(given.model_dump().values()):
        return None
    return Address(
        name=" ".join(part for part in (given.firstname, given.lastname) if part),
        company=", ".join(part for part in (given.company, given.company_2) if part) or None,
        street_1=given.street_1 or "",
        street_2=given.street_2,
        city=given.city or "",
        state=given.state,
        postal_code=given.zip_code,
        country=given.country_iso_code or given.country or "",
        phone=given.phone or given.phone_secondary,
        additional_info=given.additional_info,
    )


def thread_page(raw: Sequence[object], seen_at: datetime) -> ThreadPage:
    threads: list[Thread] = []
    problems: list[Malformed] = []
    for each in raw:
        try:
            answer = ThreadAnswer.model_validate(each)
        except ValidationError as wrong:
            problems.append(Malformed(_ident_in(each, "id"), _problem(wrong), _raw(each)))
            continue
        messages, unread = _messages(answer, seen_at)
        problems += unread
        threads.append(_thread(answer, messages, seen_at))
    return ThreadPage(threads, problems)


def _thread(answer: ThreadAnswer, messages: Sequence[Message], seen_at: datetime) -> Thread:
    created = answer.date_created or answer.date_updated or seen_at
    return Thread(
        thread_id=answer.id,
        topic=(answer.topic.value if answer.topic else None) or "",
        created_at=created,
        updated_at=answer.date_updated or created,
        order_ids=tuple(entity.id for entity in answer.entities if entity.type == _ORDER and entity.id),
        messages=messages,
        reply_needed_since=answer.metadata.shop_reply_needed_since if answer.metadata else None,
        participants=_participants(answer.current_participants)
        or _participants(answer.authorized_participants),
    )


def _participants(given: Iterable[ParticipantAnswer]) -> tuple[Participant, ...]:
    return tuple(Participant(each.type, each.id) for each in given if each.type)


def _messages(thread: ThreadAnswer, seen_at: datetime) -> tuple[tuple[Message, ...], Sequence[Malformed]]:
    messages: list[Message] = []
    problems: list[Malformed] = []
    for each in thread.messages:
        try:
            answer = MessageAnswer.model_validate(each)
        except ValidationError as wrong:
            problem = f"a message of the thread: {_problem(wrong)}"
            problems.append(Malformed(_ident_in(each, "id"), problem, _raw(each), thread.id))
            continue
        sender = answer.sender
        messages.append(
            Message(
                message_id=answer.id,
                sender=(sender.display_name if sender else None) or "",
                sender_type=(sender.type if sender else None) or "",
                body=answer.body or "",
                sent_at=answer.date_created or thread.date_updated or seen_at,
                attachments=tuple(each.model_dump() for each in answer.attachments),
            )
        )
    return tuple(messages), problems


def _ident_in(raw: object, name: str) -> str | None:
    """The id of a malformed order, thread or message, if it is a text that can be shown."""
    ident: Any = raw.get(name) if isinstance(raw, dict) else None
    return ident if isinstance(ident, str) and ident.isprintable() and len(ident) <= _LONGEST_IDENT else None


def _raw(read: object) -> JsonObject:
    """The JSON as a database takes it: fractions as text, since a float would change them."""
    plain = _storable(read)
    return plain if isinstance(plain, dict) else {"value": plain}


def _storable(read: object, depth: int = 0) -> Any:  # noqa: ANN401  # any JSON
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(read, dict):
        return {storable_text(str(name)): _storable(each, depth + 1) for name, each in read.items()}
    if isinstance(read, list | tuple):
        return [_storable(each, depth + 1) for each in read]
    if isinstance(read, str | Decimal):
        return storable_text(str(read))
    return read


def _problem(wrong: ValidationError) -> str:
    """Names the fields and the kinds of error, not the values: those would be personal data."""
    errors = wrong.errors(include_input=False, include_context=False, include_url=False)
    named = _some(f"{'.'.join(map(str, error['loc'])) or 'entry'}: {error['type']}" for error in errors)
    return f"cannot be read ({named})"


def _some(texts: Iterable[str]) -> str:
    known = list(texts)
    more = [f"{len(known) - _MOST_NAMED} more"] if len(known) > _MOST_NAMED else []
    return ", ".join(known[:_MOST_NAMED] + more)
