from dataclasses import replace
from decimal import Decimal

import pytest

from shared.errors import SettingsInvalid
from shared.vendors.canada_post.account import (
    JsonCredentials,
    Settlement,
    XmlCredentials,
)
from shared.vendors.canada_post.json_api import CanadaPostJson
from shared.vendors.canada_post.limits import complaint
from shared.vendors.canada_post.xml_api import CanadaPostXml
from tests.canada_post_support import ACCOUNT, DESTINATION, PARCEL, SENDER, label_request


def test_a_request_at_every_limit_is_sendable() -> None:
    line = "x" * 44
    to = replace(
        DESTINATION,
        name=line,
        company=line,
        phone="1" * 25,
        line_1=line,
        line_2=line,
        city="y" * 40,
        additional_info=line,
    )
    parcel = replace(PARCEL, weight=Decimal("999.999"), length=Decimal("999.9"))
    request = label_request("r" * 32, reference="f" * 35, service_code="S" * 32, options=("O" * 10,) * 20)
    assert complaint(replace(request, destination=to, parcel=parcel)) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"request_id": "r" * 33}, "request_id has 33 characters, at most 32 are allowed"),
        ({"request_id": ""}, "request_id is missing"),
        ({"request_id": "a b"}, "request_id must be printable ASCII without spaces"),
        ({"request_id": "é"}, "request_id must be printable ASCII without spaces"),
        ({"reference": "f" * 36}, "reference has 36 characters, at most 35 are allowed"),
        ({"reference": " "}, "reference is missing"),
        ({"service_code": "S" * 33}, "service_code has 33 characters, at most 32 are allowed"),
        ({"options": ("O" * 11,)}, "options has 11 characters, at most 10 are allowed"),
        ({"options": ("SO",) * 21}, "options has 21 entries, at most 20 are allowed"),
    ],
)
def test_a_complaint_about_a_request_names_field_and_limit(fields: dict[str, object], expected: str) -> None:
    assert complaint(replace(label_request(), **fields)) == expected  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": None}, "destination.name or company is missing"),
        ({"name": "n" * 45}, "destination.name or company has 45 characters, at most 44 are allowed"),
        ({"company": "n" * 45}, "destination.company has 45 characters, at most 44 are allowed"),
        ({"phone": "1" * 26}, "destination.phone has 26 characters, at most 25 are allowed"),
        ({"line_1": ""}, "destination.line_1 is missing"),
        ({"line_2": "l" * 45}, "destination.line_2 has 45 characters, at most 44 are allowed"),
        (
            {"additional_info": "l" * 45},
            "destination.additional_info has 45 characters, at most 44 are allowed",
        ),
        ({"city": "c" * 41}, "destination.city has 41 characters, at most 40 are allowed"),
        ({"city": "Mont\nreal"}, "destination.city holds characters that cannot be sent"),
        ({"line_1": "1 \ud800 St"}, "destination.line_1 holds characters that cannot be sent"),
        ({"province": "Ontario"}, "destination.province must be one of AB, BC, MB"),
        ({"postal_code": "K1A 0B1"}, "destination.postal_code must have the shape A1A1A1"),
        ({"postal_code": "k1a0b1"}, "destination.postal_code must have the shape A1A1A1"),
        ({"country": "US"}, "destination.country must be CA: other countries need customs data"),
    ],
)
def test_a_complaint_about_an_address_leaves_out_its_content(fields: dict[str, str], expected: str) -> None:
    found = complaint(label_request(destination=replace(DESTINATION, **fields)))
    assert found is not None
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"weight": "0"}, "parcel.weight must be more than 0 and at most 999.999"),
        ({"weight": "1000"}, "parcel.weight must be more than 0 and at most 999.999"),
        ({"weight": "NaN"}, "parcel.weight must be more than 0 and at most 999.999"),
        ({"weight": "1.0001"}, "parcel.weight has more than 3 decimals"),
        ({"length": "-1"}, "parcel.length must be more than 0 and at most 999.9"),
        ({"width": "Infinity"}, "parcel.width must be more than 0 and at most 999.9"),
        ({"height": "1.25"}, "parcel.height has more than 1 decimals"),
    ],
)
def test_a_parcel_beyond_a_limit_has_a_complaint(fields: dict[str, str], expected: str) -> None:
    measures = {name: Decimal(value) for name, value in fields.items()}
    assert complaint(label_request(parcel=replace(PARCEL, **measures))) == expected


# --- the account -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settlement", "payment"),
    [
        (Settlement("42708517", "2004381"), "Account"),
        (Settlement(), "CreditCard"),
        (Settlement("42708517", method="SupplierAccount"), "SupplierAccount"),
    ],
)
def test_the_contract_decides_who_pays(settlement: Settlement, payment: str) -> None:
    assert settlement.payment == payment


def test_one_business_mails_for_itself() -> None:
    assert ACCOUNT.on_behalf_of == ACCOUNT.mailed_by
    assert replace(ACCOUNT, mobo="7").on_behalf_of == "7"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mailed_by": "../x"}, "customer number must be 1 to 10 digits"),
        ({"mobo": "12345678901"}, "mailed-on-behalf-of number"),
        ({"settlement": Settlement("4270 8517")}, "contract id"),
        ({"settlement": Settlement("1", "x")}, "paid-by customer number"),
        ({"sender": replace(SENDER, company=None)}, "sender.company is missing"),
        ({"sender": replace(SENDER, phone="")}, "sender.phone is missing"),
        ({"sender": replace(SENDER, postal_code="H2B 1A0")}, "sender.postal_code must have the shape"),
    ],
)
def test_an_account_that_can_never_buy_stops_the_start(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsInvalid, match=expected):
        replace(ACCOUNT, **fields)  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    "address", ["http://soa.example", "soa.example", "https://user@soa.example", "https://h?q"]
)
def test_an_address_that_would_show_our_credentials_stops_the_start(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="Canada Post's address"):
        CanadaPostXml(XmlCredentials("user", "word"), ACCOUNT, base_url=address)
    with pytest.raises(SettingsInvalid, match="Canada Post's address"):
        CanadaPostJson(JsonCredentials("app", "secret"), ACCOUNT, base_url=address)


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "é"])
def test_credentials_that_no_header_can_carry_are_named_not_shown(bad: str) -> None:
    for build in (
        lambda: CanadaPostXml(XmlCredentials(bad, "s3cret"), ACCOUNT),
        lambda: CanadaPostXml(XmlCredentials("user", bad), ACCOUNT),
        lambda: CanadaPostJson(JsonCredentials(bad, "s3cret"), ACCOUNT),
        lambda: CanadaPostJson(JsonCredentials("app", bad), ACCOUNT),
    ):
        with pytest.raises(SettingsInvalid) as refused:
            build()
        assert "s3cret" not in str(refused.value)
        assert not bad or bad not in str(refused.value)


def test_secrets_stay_out_of_representations() -> None:
    assert "s3cret" not in repr(JsonCredentials("app", "s3cret")) + repr(XmlCredentials("user", "s3cret"))
