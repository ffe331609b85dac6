"""V01, A01 and SH21: the platform's version, the shop, and its registered carriers."""

from starlette.responses import JSONResponse, Response

from laptop.vendors.mirakl.market import Asked, Market

_CANADA_POST = "https://www.canadapost-postescanada.ca/track-reperage/en#/resultList?searchFor={trackingId}"
CARRIERS = {
    "CPCL": {
        "code": "CPCL",
        "label": "Canada Post",
        "standard_code": "canada-post",
        "tracking_url": _CANADA_POST,
    },
    "PRLA": {
        "code": "PRLA",
        "label": "Purolator",
        "standard_code": "purolator",
        "tracking_url": "https://www.purolator.example/track?pin={trackingId}",
    },
    "UPSN": {
        "code": "UPSN",
        "label": "UPS",
        "standard_code": "ups",
        "tracking_url": "https://www.ups.example/track?tracknum={trackingId}",
    },
}
_SINCE = "2024-03-01T14:00:00Z"
_SHOP = {
    "shop_id": 2044,
    "shop_name": "Acme Parts",
    "shop_state": "OPEN",
    "applicable_taxes": [],
    "billing_info": None,
    "channels": ["BBY_CA"],
    "contact_informations": {
        "city": "Toronto",
        "country": "CAN",
        "email": "shop@acme.example",
        "lastname": "Parts",
        "street1": "1 Example Street",
    },
    "currency_iso_code": "CAD",
    "date_created": _SINCE,
    "last_updated_date": _SINCE,
    "default_billing_information": {
        "default_language": "en_CA",
        "id": "1",
        "registration_address": {
            "city": "Toronto",
            "country_iso_code": "CAN",
            "street_1": "1 Example Street",
        },
    },
    "domains": ["PRODUCT"],
    "evaluations_count": 0,
    "free_shipping": False,
    "is_professional": True,
    "offers_count": 8,
    "payment_details": {"paid_balance": 0, "payable_balance": 0, "pending_balance": 0},
    "payment_method_mandatory": False,
    "premium": False,
    "pro_details": None,
    "shipping": {"lead_time_to_ship": 2},
    "shipping_types": ["STD"],
    "shipping_zones": ["CA"],
    "shop_additional_fields": [],
}


def version(_market: Market, _asked: Asked) -> Response:
    return JSONResponse({"version": "3.500.0"})


def account(market: Market, _asked: Asked) -> Response:
    return JSONResponse(_SHOP | {"orders_count": sum(market.orders.counts().values())})


def carriers(_market: Market, _asked: Asked) -> Response:
    return JSONResponse({"carriers": list(CARRIERS.values())})
