"""The Product object for a catalogue row, with prices, stock and numbers made up from the part number alone."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from laptop.vendors.digikey.catalogue import Part

_STATUSES = ((0, "Active"), (0, "Active"), (0, "Active"), (1, "Obsolete"), (7, "Not For New Designs"))
_BREAKS = ((1, 100), (10, 82), (100, 55), (1000, 38))  # quantity, per cent of the price of one
_REEL = 3000
_LOCALE = ("X-DIGIKEY-Locale-Site", "X-DIGIKEY-Locale-Language", "X-DIGIKEY-Locale-Currency")
_LOCALE_DEFAULT = ("US", "en", "USD")


def locale(headers: Mapping[str, str]) -> dict[str, str]:
    """`SearchLocaleUsed`; `headers` has lower-case names."""
    used = [headers.get(name.lower()) or other for name, other in zip(_LOCALE, _LOCALE_DEFAULT, strict=True)]
    return dict(zip(("Site", "Language", "Currency"), used, strict=True))


def _draw(subject: str, what: str, below: int) -> int:
    """A number that is always the same for the same subject."""
    digest = hashlib.blake2b(f"{what}\n{subject}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


def manufacturer_id(name: str) -> int:
    return 1 + _draw(name.casefold(), "manufacturer", 9000)


def digikey_numbers(part: Part) -> tuple[str, str]:
    """The order numbers of cut tape and reel."""
    stem = f"{manufacturer_id(part.manufacturer)}-{10_000 + _draw(part.pn + part.manufacturer, 'number', 80_000)}"
    return f"{stem}-1-ND", f"{stem}-2-ND"


def product(part: Part) -> dict[str, Any]:
    """The Product in v4's answers."""
    pn = part.pn
    price = Decimal(5 + _draw(pn, "price", 2500)) / 100
    stock = _draw(pn, "stock", 60_000)
    status_id, status = _STATUSES[_draw(pn, "status", len(_STATUSES))]
    cut_tape, reel = digikey_numbers(part)
    keywords = part.keywords or ""
    slug = f"{manufacturer_id(part.manufacturer)}/{_draw(pn, 'page', 10**7)}"
    return {
        "Description": {
            "ProductDescription": keywords.upper()[:60],
            "DetailedDescription": f"{keywords} {part.category or ''}".strip(),
        },
        "Manufacturer": {"Id": manufacturer_id(part.manufacturer), "Name": part.manufacturer},
        "ManufacturerProductNumber": pn,
        "UnitPrice": float(price),
        "ProductUrl": f"https://www.digikey.example/en/products/detail/{slug}",
        "DatasheetUrl": _datasheet(part),
        "PhotoUrl": f"https://mm.digikey.example/photos/{slug}.jpg" if _draw(pn, "photo", 3) else None,
        "ProductVariations": [
            _variation(cut_tape, (2, "Cut Tape (CT)"), price, stock, 1),
            _variation(reel, (1, "Tape & Reel (TR)"), price, stock - stock % _REEL, _REEL),
        ],
        "QuantityAvailable": stock,
        "ProductStatus": {"Id": status_id, "Status": status},
        "BackOrderNotAllowed": False,
        "NormallyStocking": _draw(pn, "stocking", 4) > 0,
        "Discontinued": status == "Obsolete",
        "EndOfLife": False,
        "Ncnr": False,
        "PrimaryVideoUrl": None,
        "Parameters": _parameters(part),
        "BaseProductNumber": {"Id": 0, "Name": pn[:6]} if _draw(pn, "base", 2) else None,
        "Category": _category(part.category),
        "DateLastBuyChance": None,
        "ManufacturerLeadWeeks": str(4 + _draw(pn, "lead", 40)) if _draw(pn, "leads", 5) else None,
        "ManufacturerPublicQuantity": 0,
        "Series": {"Id": _draw(pn[:4], "series", 5000), "Name": pn[:4]},
        "ShippingInfo": None,
        "OtherNames": [cut_tape.removesuffix("-ND"), reel.removesuffix("-ND")],
        "Classifications": {
            "ReachStatus": "REACH Unaffected",
            "RohsStatus": "ROHS3 Compliant",
            "MoistureSensitivityLevel": f"{1 + _draw(pn, 'msl', 3)}",
            "ExportControlClassNumber": "EAR99",
            "HtsusCode": "8542.39.0001",
        },
    }


def _datasheet(part: Part) -> str | None:
    """Some addresses come without their scheme, as from the real service."""
    address = part.datasheet
    if address and _draw(part.pn, "datasheet", 3) == 0:
        return "//" + address.split("://", 1)[-1]
    return address


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
            "ParameterId": 1 + _draw(name, "parameter", 3000),
            "ParameterText": "Package / Case" if name == "package" else name.replace("_", " ").title(),
            "ParameterType": "String",
            "ValueId": str(_draw(str(value), "value", 500_000)),
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
                "CategoryId": 1 + _draw(name, "category", 2000),
                "ParentId": 1 + _draw(parent, "category", 2000) if parent else 0,
                "Name": name,
                "ProductCount": 1 + _draw(name, "products", 100_000),
                "NewProductCount": 0,
                "ImageUrl": "",
                "SeoDescription": "",
                "ChildCategories": tree,
            }
        ]
    return tree[0]
