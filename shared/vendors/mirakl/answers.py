"""The shapes of Mirakl's answers, with the fields that are used.

Ids, states and numbers must be right. Anything else may be null or absent, even if the vendor's description says
"required": its own examples hold nulls there. Unknown fields and new states are accepted.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from shared.storable import storable_text

_LARGEST = 10**12
_PLACES = 8


def _storable(value: object) -> object:
    """Text as a database takes it, without NUL and lone surrogates. Other values stay unchanged."""
    return storable_text(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    """Text that is not blank. Numbers become text, since a postal code or a phone could come as one."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    clean = _storable(value)
    return clean if isinstance(clean, str) and clean.strip() else None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


def _objects(value: object) -> object:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> object:
    """None for a boolean, which Python counts as a number."""
    return None if isinstance(value, bool) else value


def _whole(value: object) -> int | None:
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None
    )


def _moment(value: object) -> datetime | None:
    """The date in UTC, with or without milliseconds; None for anything else."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
        return read and (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _money(amount: Decimal) -> Decimal:
    """Cuts digits below any price's precision, so that no exponent can overflow a column."""
    if int(amount.as_tuple().exponent) >= -_PLACES:
        return amount
    return amount.quantize(Decimal(1).scaleb(-_PLACES))


def _ident(value: str) -> str:
    """An id must fit into a URL and into a comma-separated list."""
    is_plain = value.isprintable() and not any(sign in value for sign in ", ") and value.strip(".")
    if not is_plain:
        raise ValueError("not an id")
    return value


Ident = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_ident)]
State = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_storable)]
Text = Annotated[str | None, BeforeValidator(_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Money = Annotated[Decimal, BeforeValidator(_number), Field(ge=-_LARGEST, le=_LARGEST), AfterValidator(_money)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=0, le=_LARGEST)]
Flag = Annotated[bool, BeforeValidator(lambda value: value is True)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class AddressAnswer(_Answer):
    firstname: Text = None
    lastname: Text = None
    company: Text = None
    company_2: Text = None
    street_1: Text = None
    street_2: Text = None
    city: Text = None
    state: Text = None
    zip_code: Text = None
    country: Text = None
    country_iso_code: Text = None
    phone: Text = None
    phone_secondary: Text = None
    additional_info: Text = None


class CustomerAnswer(_Answer):
    shipping_address: Annotated[AddressAnswer | None, BeforeValidator(_object)] = None


class LineAnswer(_Answer):
    order_line_id: Ident
    offer_sku: Text = None
    product_title: Text = None
    quantity: Count
    price: Money
    order_line_state: Annotated[str, BeforeValidator(lambda value: _text(value) or "")] = ""


class DeliveryAnswer(_Answer):
    latest: Moment = None


class OrderAnswer(_Answer):
    """An order without lines cannot be accepted, so it is malformed."""

    order_id: Ident
    commercial_id: Text = None
    order_state: State
    order_state_reason_code: Text = None
    created_date: Moment = None
    last_updated_date: Moment = None
    currency_iso_code: Text = None
    total_price: Money
    shipping_type_code: Text = None
    shipping_deadline: Moment = None
    delivery_date: Annotated[DeliveryAnswer | None, BeforeValidator(_object)] = None
    can_shop_ship: Flag = False
    fully_refunded: Flag = False
    shipping_carrier_code: Text = None
    shipping_company: Text = None
    shipping_tracking: Text = None
    customer: Annotated[CustomerAnswer | None, BeforeValidator(_object)] = None
    order_lines: Annotated[tuple[LineAnswer, ...], Field(min_length=1)]


class SenderAnswer(_Answer):
    display_name: Text = None
    type: Text = None


class AttachmentAnswer(_Answer):
    """Without the file itself, which is M13's."""

    id: Text = None
    name: Text = None
    size: Annotated[int | None, BeforeValidator(_whole)] = None


class MessageAnswer(_Answer):
    id: Ident
    body: Annotated[str | None, BeforeValidator(_storable)] = None
    date_created: Moment = None
    sender: Annotated[SenderAnswer | None, BeforeValidator(_object)] = Field(default=None, alias="from")
    attachments: Annotated[tuple[AttachmentAnswer, ...], BeforeValidator(_objects)] = ()


class TopicAnswer(_Answer):
    value: Text = None


class EntityAnswer(_Answer):
    id: Text = None
    type: Text = None


class MetadataAnswer(_Answer):
    shop_reply_needed_since: Moment = None


class ParticipantAnswer(_Answer):
    id: Text = None
    type: Text = None


class ThreadAnswer(_Answer):
    """Messages stay raw: each is read separately."""

    id: Ident
    topic: Annotated[TopicAnswer | None, BeforeValidator(_object)] = None
    date_created: Moment = None
    date_updated: Moment = None
    entities: Annotated[tuple[EntityAnswer, ...], BeforeValidator(_objects)] = ()
    metadata: Annotated[MetadataAnswer | None, BeforeValidator(_object)] = None
    messages: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_objects)] = ()
    current_participants: Annotated[tuple[ParticipantAnswer, ...], BeforeValidator(_objects)] = ()
    authorized_participants: Annotated[tuple[ParticipantAnswer, ...], BeforeValidator(_objects)] = ()


class Orders(_Answer):
    """OR11. The orders stay raw: each is read separately."""

    orders: tuple[Any, ...]
    total_count: Count


class Threads(_Answer):
    """M11; the last page has no `next_page_token`."""

    data: tuple[Any, ...]
    next_page_token: Text = None


class OneThread(RootModel[dict[str, Any]]):
    """M10. The thread stays raw, as in M11."""


class PostedAnswer(_Answer):
    """M12 and OR43."""

    message_id: Ident
    thread_id: Text = None


class CarrierAnswer(_Answer):
    code: Ident
    label: Text = None
    standard_code: Text = None
    tracking_url: Text = None


class Carriers(_Answer):
    """SH21."""

    carriers: tuple[CarrierAnswer, ...]


class Shop(_Answer):
    """A01, with the fields that name the owner of the key."""

    shop_id: Count
    shop_name: Text = None
    shop_state: Text = None
    currency_iso_code: Text = None


class ErrorItem(_Answer):
    code: Text = None
    field: Text = None
    message: Text = None


class ErrorAnswer(_Answer):
    """Either error shape. The place of a 400's code is undocumented, so both places are read."""

    code: Text = None
    message: Text = None
    errors: Annotated[tuple[ErrorItem, ...], BeforeValidator(_objects)] = ()
