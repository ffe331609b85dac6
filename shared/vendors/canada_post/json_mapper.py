"""Writes requests and reads answers of the JSON API (Shipping 8.0.0, as public clients use it); pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from shared.fulfillment.carrier import LabelRequest, Parcel, Party
from shared.vendors.canada_post.account import ShippingAccount
from shared.vendors.canada_post.answers import (
    Complaint,
    Details,
    ErrorReport,
    Price,
    Quote,
    SearchHits,
    Shipment,
    TokenAnswer,
    TrackingSummary,
    links_of,
    quotes_of,
    read_fields,
    storable,
)
from shared.vendors.canada_post.shipment import scenario_fields, shipment_fields

LANGUAGE = {"Accept-Language": "en-CA"}


class JsonDialect:
    """See Dialect in `outcomes`."""

    name = "canada_post_json"
    root = "/shipping/"
    search_field = "request-id"
    read_headers: Mapping[str, str] = {"Accept": "application/json", **LANGUAGE}
    write_headers: Mapping[str, str] = {**read_headers, "Content-Type": "application/json"}
    rates_path = "/rating/v1/prices"
    rates_headers = write_headers
    tracking_headers = read_headers
    does_500_refuse = False

    def shipments_path(self, account: ShippingAccount) -> str:
        return f"/shipping/v1/{account.mailed_by}/{account.on_behalf_of}/shipments"

    def day_query(self, day: date, limit: int) -> str:
        return f"no-manifest=true&date={day:%Y%m%d}&limit={limit}"

    def tracking_path(self, tracking_number: str) -> str:
        return f"/tracking/v1/pins/{quote(tracking_number, safe='')}/summaries"

    def create_body(self, request: LabelRequest, account: ShippingAccount) -> bytes:
        fields = {**shipment_fields(request, account), "provide-receipt-info": True}
        return json.dumps(_camel(fields), ensure_ascii=False).encode()

    def refund_body(self, email: str) -> str:
        """The field is named as in the XML API: no public client shows it."""
        return json.dumps({"email": email})

    def rates_body(
        self, account: ShippingAccount, to: Party, parcel: Parcel, services: Sequence[str]
    ) -> bytes:
        return json.dumps(_camel(scenario_fields(account, to, parcel, services))).encode()

    def read_shipment(self, body: bytes) -> Shipment | None:
        return read_fields(Shipment, _json(body))

    def read_price(self, body: bytes) -> Price | None:
        return read_fields(Price, _json(body))

    def read_details(self, body: bytes) -> Details | None:
        return read_fields(Details, _json(body))

    def read_ticket(self, body: bytes) -> str | None:
        read = _json(body)
        return _code(read.get("serviceTicketId")) if isinstance(read, dict) else None

    def read_rates(self, body: bytes) -> Sequence[Quote] | None:
        """Reads an array. Only one public client shows it, so one within an object is read too."""
        read = _json(body)
        return quotes_of(read.get("priceQuotes") if isinstance(read, dict) else read)

    def read_tracking(self, body: bytes) -> TrackingSummary | None:
        """Reads the first summary. No public client shows its place: it is found alone, in an array or an object."""
        read = _json(body)
        for _ in range(3):
            if isinstance(read, list):
                read = read[0] if read else None
            elif isinstance(read, dict):
                inner = [read[name] for name in ("pinSummary", "pinSummaries", "summaries") if name in read]
                read = inner[0] if inner else read
        summary = read_fields(TrackingSummary, read)
        return summary if summary and (summary.pin or summary.event_description) else None

    def read_search(self, body: bytes) -> SearchHits | None:
        """Reads an array of links, which is empty if nothing was found."""
        read = _json(body)
        if not isinstance(read, list):
            return None
        links = links_of(read)
        return SearchHits(links) if len(links) == len(read) else None

    def read_errors(self, body: bytes) -> ErrorReport:
        """Reads any of the three shapes: the API's, the gateway's, the older documentation's."""
        read = _json(body)
        if not isinstance(read, dict):
            return ErrorReport(is_readable=False)
        if "httpCode" in read or "httpMessage" in read:
            texts = _texts(read.get("httpMessage"), read.get("moreInformation"))
            return ErrorReport((Complaint(_code(read.get("httpCode")), texts),), is_gateways=True)
        listed = [
            *_complaints(read.get("errors"), "errorCode", "message"),
            *_complaints(read.get("messages"), "code", "description"),
        ]
        if not listed and (whole := _texts(read.get("title"), read.get("detail"))):
            listed = [Complaint(None, whole)]
        return ErrorReport(tuple(listed), is_readable=bool(listed) or "messages" in read or "errors" in read)


def read_token(body: bytes) -> TokenAnswer | None:
    try:
        return TokenAnswer.model_validate(_json(body))
    except ValidationError:
        return None


def _json(body: bytes) -> object:
    """The body with exact numbers; None if it is not JSON or holds NaN, infinity or a number that is too large."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _camel(value: Any) -> Any:  # noqa: ANN401  # any of the request's fields
    """Decimals become floats, which hold a weight or a length exactly enough; money is never sent."""
    if isinstance(value, Mapping):
        return {
            re.sub(r"-(\w)", lambda m: m[1].upper(), name): _camel(field) for name, field in value.items()
        }
    if isinstance(value, list):
        return [_camel(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def _complaints(given: object, code: str, text: str) -> Sequence[Complaint]:
    if not isinstance(given, list):
        return ()
    return [
        Complaint(_code(one.get(code) or one.get("code")), _texts(one.get(text)))
        for one in given
        if isinstance(one, dict)
    ]


def _code(value: object) -> str | None:
    return (storable(str(value)) or None) if isinstance(value, str | int) else None


def _texts(*values: object) -> str:
    return ": ".join(text for value in values if isinstance(value, str) and (text := storable(value)))
