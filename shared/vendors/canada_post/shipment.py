"""A shipment, and a request for prices, in the model that both APIs share; pure.

Names and their order are those of the XML API; the JSON API has the same names in camel case.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.fulfillment.carrier import LabelRequest, Parcel, Party
from shared.vendors.canada_post.account import Settlement, ShippingAccount

_GRAMS, _MILLIMETRES = Decimal("0.001"), Decimal("0.1")


def shipment_fields(request: LabelRequest, account: ShippingAccount) -> Mapping[str, Any]:
    """The fields as texts, flags, Decimals, nested mappings and one list, `options`.

    `transmit-shipment` makes the shipment final at once, so that no manifest is needed.
    """
    delivery = {
        "service-code": request.service_code,
        "sender": _sender(account.sender),
        "destination": _destination(request.destination),
        "options": [{"option-code": code} for code in request.options],
        "parcel-characteristics": _measures(request.parcel),
        "print-preferences": {"output-format": account.label_format, "encoding": "PDF"},
        "preferences": {
            "show-packing-instructions": False,
            "show-postage-rate": False,
            "show-insured-value": False,
        },
        "references": {"customer-ref-1": request.reference},
        "settlement-info": _settlement(account.settlement),
    }
    return {
        "customer-request-id": request.request_id,
        "transmit-shipment": True,
        "requested-shipping-point": account.sender.postal_code,
        "provide-pricing-info": True,
        "delivery-spec": _given(delivery),
    }


def scenario_fields(
    account: ShippingAccount, to: Party, parcel: Parcel, services: Sequence[str]
) -> Mapping[str, Any]:
    """A request for prices, by the contract if there is one."""
    return _given(
        {
            "customer-number": account.mailed_by,
            "contract-id": account.settlement.contract_id,
            "quote-type": "commercial",
            "parcel-characteristics": _measures(parcel),
            "services": list(services),
            "origin-postal-code": account.sender.postal_code,
            "destination": {"domestic": {"postal-code": to.postal_code}},
        }
    )


def _measures(parcel: Parcel) -> dict[str, Any]:
    return {
        "weight": parcel.weight.quantize(_GRAMS),
        "dimensions": {
            "length": parcel.length.quantize(_MILLIMETRES),
            "width": parcel.width.quantize(_MILLIMETRES),
            "height": parcel.height.quantize(_MILLIMETRES),
        },
    }


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without absent and empty ones; False stays."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _sender(party: Party) -> dict[str, Any]:
    return _given(
        {
            "name": party.name,
            "company": party.company,
            "contact-phone": party.phone,
            "address-details": _address(party),
        }
    )


def _destination(party: Party) -> dict[str, Any]:
    return _given(
        {
            "name": party.name,
            "company": party.company,
            "additional-address-info": party.additional_info,
            "client-voice-number": party.phone,
            "address-details": _address(party),
        }
    )


def _address(party: Party) -> dict[str, Any]:
    return _given(
        {
            "address-line-1": party.line_1,
            "address-line-2": party.line_2,
            "city": party.city,
            "prov-state": party.province,
            "country-code": party.country,
            "postal-zip-code": party.postal_code,
        }
    )


def _settlement(settlement: Settlement) -> dict[str, Any]:
    """Without a contract only the method may be named (seen in one public client)."""
    numbers = {"paid-by-customer": settlement.paid_by_customer, "contract-id": settlement.contract_id}
    charged = numbers if settlement.contract_id else {}
    return _given({**charged, "intended-method-of-payment": settlement.payment})
