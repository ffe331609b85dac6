"""The Product object for a catalogue row, with prices, stock and numbers made up from the part number alone."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from laptop.vendors.digikey.catalogue import Part
from laptop.vendors.digikey.numbers import digikey_numbers, draw, manufacturer_id

_STATUSES = ((0, "Active"), (0, "Active"), (0, "Active"), (1, "Obsolete"), (7, "Not For New Designs"))
_BREAKS = ((1, 100), (10, 82), (100, 55), (1000, 38))  # quantity, per cent of the price of one
_REEL = 3000
_LOCALE = ("X-DIGIKEY-Locale-Site", "X-DIGIKEY-Locale-Language", "X-DIGIKEY-Locale-Currency")
_LOCALE_DEFAULT = ("US", "en", "USD")


def locale(headers: Mapping[str, str]) -> dict[str, str]:
    """`SearchLocaleUsed`; `headers` has lower-case names."""
    used = [headers.get(name.lower()) or other for name, other in zip(_LOCALE, _LOCALE_DEFAULT, strict=True)]
    return dict(zip(("Site", "Language", "Currency"), used, strict=True))


def product(part: Part) -> dict[str, Any]:
    """The Product in v4's answers."""
    pn = part.pn
    price = Decimal(5 + draw(pn, "price", 2500)) / 100
    stock = draw(pn, "stock", 60_000)
    status_id, status = _STATUSES[draw(pn, "status", len(_STATUSES))]
    sold = not (status == "Obsolete" and draw(pn, "sold", 2))
    keywords = part.keywords or ""
    slug = f"{manufacturer_id(part.manufacturer)}/{draw(pn, 'page', 10**7)}"
    return {
        "Description": {
            "ProductDescription": keywords.upper()[:60],
            "DetailedDescription": f"{keywords} {part.category or ''}".strip(),
        },
        "Manufacturer": {"Id": manufacturer_id(part.manufacturer), "Name": part.manufacturer},
        "ManufacturerProductNumber": pn,
        "UnitPrice": float(price) if sold else 0.0,
        "ProductUrl": f"https://www.digikey.example/en/products/detail/{slug}",
        "DatasheetUrl": _datasheet(part),
        "PhotoUrl": f"https://mm.digikey.example/photos/{slug}.jpg" if draw(pn, "photo", 3) else None,
        "ProductVariations": _variations(part, price, stock, sold=sold),
        "QuantityAvailable": stock,
        "ProductStatus": {"Id": status_id, "Status": status},
        "BackOrderNotAllowed": False,
        "NormallyStocking": draw(pn, "stocking", 4) > 0,
        "Discontinued": status == "Obsolete",
        "EndOfLife": False,
        "Ncnr": False,
        "PrimaryVideoUrl": None,
        "Parameters": _parameters(part),
        "BaseProductNumber": {"Id": 0, "Name": pn[:6]} if draw(pn, "base", 2) else None,
        "Category": _category(part.category),
        "DateLastBuyChance": None,
        "ManufacturerLeadWeeks": str(4 + draw(pn, "lead", 40)) if draw(pn, "leads", 5) else None,
        "ManufacturerPublicQuantity": 0,
        "Series": {"Id": draw(pn[:4], "series", 5000), "Name": pn[:4]},
        "ShippingInfo": None,
        "OtherNames": [number.removesuffix("-ND") for number in digikey_numbers(pn, part.manufacturer)],
        "Classifications": {
            "ReachStatus": "REACH Unaffected",
            "RohsStatus": "ROHS3 Compliant",
            "MoistureSensitivityLevel": f"{1 + draw(pn, 'msl', 3)}",
            "ExportControlClassNumber": "EAR99",
            "HtsusCode": "8542.39.0001",
        },
    }


def _datasheet(part: Part) -> str | None:
    """Some addresses come without their scheme, as from the real service."""
    address = part.datasheet
    if address and draw(part.pn, "datasheet", 3) == 0:
        return "//" + address.split("://", 1)[-1]
    return address


def _variations(part: Part, price: Decimal, stock: int, *, sold: bool) -> list[dict[str, Any]]:
    """Reel, cut tape and Digi-Reel, and for some parts the offer of another seller, which is cheaper.

    A part that is sold no more has no price, as from the real service: breaks are missing, the price of one is 0.
    """
    cut_tape, reel, digi_reel, other = digikey_numbers(part.pn, part.manufacturer)
    listed = [
        _variation(reel, (1, "Tape & Reel (TR)"), price, stock - stock % _REEL, _REEL),
        _variation(digi_reel, (243, "Digi-Reel®"), price, stock, 1) | {"DigiReelFee": 7},
        _variation(cut_tape, (2, "Cut Tape (CT)"), price, stock, 1),
    ]
    if draw(part.pn, "marketplace", 8) == 0:
        seller = {
            "MarketPlace": True,
            "Supplier": {"Id": 1 + draw(part.pn, "seller", 500), "Name": "Another Seller"},
        }
        listed.insert(0, _variation(other, (3, "Bulk"), price / 2, 100, 1) | seller)
    return listed if sold else [variation | {"StandardPricing": []} for variation in listed]


def _variation(
    number: str, package: tuple[int, str], price: Decimal, stock: int, least: int
) -> dict[str, Any]:
    breaks = [(quantity, percent) for quantity, percent in _BREAKS if quantity >= least] or [(least, 30)]
    pricing = [
        {
            "BreakQuantity": quantity,
            "UnitPrice": float(price * percent / 100),
            "TotalPrice": float(price * percent * quantity / 100),
        }
        for quantity, percent in breaks
    ]
    return {
        "DigiKeyProductNumber": number,
        "PackageType": {"Id": package[0], "Name": package[1]},
        "StandardPricing": pricing,
        "MyPricing": [],
        "MarketPlace": False,
        "TariffActive": False,
        "Supplier": {"Id": 0, "Name": ""},
        "QuantityAvailableforPackageType": stock,
        "MaxQuantityForDistribution": 0,
        "MinimumOrderQuantity": least,
        "StandardPackage": least,
        "DigiReelFee": 0,
    }


def _parameters(part: Part) -> list[dict[str, Any]]:
    return [
        {
            "ParameterId": 1 + draw(name, "parameter", 3000),
            "ParameterText": "Package / Case" if name == "package" else name.replace("_", " ").title(),
            "ParameterType": "String",
            "ValueId": str(draw(str(value), "value", 500_000)),
            "ValueText": str(value),
        }
        for name, value in part.specs.items()
    ]


def _category(text: str | None) -> dict[str, Any]:
    """`A / B` as a tree with B as its leaf."""
    tree: list[dict[str, Any]] = []
    names = [name.strip() for name in (text or "Uncategorized").split(" / ")]
    for depth, name in reversed(list(enumerate(names))):
        parent = names[depth - 1] if depth else None
        tree = [
            {
                "CategoryId": 1 + draw(name, "category", 2000),
                "ParentId": 1 + draw(parent, "category", 2000) if parent else 0,
                "Name": name,
                "ProductCount": 1 + draw(name, "products", 100_000),
                "NewProductCount": 0,
                "ImageUrl": "",
                "SeoDescription": "",
                "ChildCategories": tree,
            }
        ]
    return tree[0]
