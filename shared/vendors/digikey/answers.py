"""The shapes of DigiKey's answers, with the fields that are used.

The vendor's specification marks no field as required, so each is read separately: one that is missing, null or of
an unexpected kind is absent, and unknown fields are ignored. Any JSON object makes a model.
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic.alias_generators import to_pascal
from pydantic_core.core_schema import ValidationInfo

_LONGEST_TEXT = 10_000
_LARGEST = 10**12
_PLACES = 8


def _text(value: object) -> str | None:
    """Text without NUL and lone surrogates, which a database refuses; numbers as text; None for blank text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    clean = str(value).replace("\0", "").encode("utf-8", "replace").decode()
    return clean.strip()[:_LONGEST_TEXT] or None


def _number(value: object) -> object:
    """None for infinity and NaN, which no column takes, and for booleans, which Python counts as numbers."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _storable(amount: Decimal | None) -> Decimal | None:
    """Cuts digits below any price's precision, so that no exponent can overflow a column."""
    if amount is None or int(amount.as_tuple().exponent) >= -_PLACES:
        return amount
    return amount.quantize(Decimal(1).scaleb(-_PLACES))


def _objects(value: object) -> list[object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    read = (_text(item) for item in value) if isinstance(value, list) else ()
    return [text for text in read if text]


Text = Annotated[str | None, BeforeValidator(_text)]
Money = Annotated[
    Annotated[Decimal, Field(ge=0, le=_LARGEST)] | None, BeforeValidator(_number), AfterValidator(_storable)
]
Count = Annotated[Annotated[int, Field(ge=0, le=_LARGEST)] | None, BeforeValidator(_number)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_absent(cls, value: Any, read: Callable[[Any], Any], info: ValidationInfo) -> Any:  # noqa: ANN401  # any JSON
        try:
            return read(value)
        except ValidationError:
            return cls.model_fields[info.field_name or ""].get_default(
                call_default_factory=True, validated_data={}
            )


class Named(_Answer):
    """`{Id, Name}`: manufacturers, series, package types."""

    id: Text = None
    name: Text = None


class Description(_Answer):
    product_description: Text = None
    detailed_description: Text = None


class Status(_Answer):
    """The specification says `Status`; one public client reads `Text`."""

    status: Text = None
    text: Text = None


class PriceBreak(_Answer):
    break_quantity: Count = None
    unit_price: Money = None
    total_price: Money = None


class Variation(_Answer):
    """One packaging of a product, with its order number. The lower case `for` is the vendor's."""

    digi_key_product_number: Text = None
    package_type: Named = Named()
    standard_pricing: Annotated[tuple[PriceBreak, ...], BeforeValidator(_objects)] = ()
    my_pricing: Annotated[tuple[PriceBreak, ...], BeforeValidator(_objects)] = ()
    market_place: bool | None = None
    tariff_active: bool | None = None
    supplier: Named = Named()
    quantity_availablefor_package_type: Count = Field(default=None, alias="QuantityAvailableforPackageType")
    quantity_available: Count = None
    minimum_order_quantity: Count = None
    max_quantity_for_distribution: Count = None
    standard_package: Count = None
    digi_reel_fee: Money = None


class Parameter(_Answer):
    parameter_id: Text = None
    parameter_text: Text = None
    value_text: Text = None


class Category(_Answer):
    """A tree: the deepest child is the product's own category."""

    name: Text = None
    child_categories: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_objects)] = ()


class Classifications(_Answer):
    reach_status: Text = None
    rohs_status: Text = None
    moisture_sensitivity_level: Text = None
    export_control_class_number: Text = None
    htsus_code: Text = None


class ProductAnswer(_Answer):
    description: Description = Description()
    manufacturer: Named = Named()
    manufacturer_product_number: Text = None
    unit_price: Money = None
    product_url: Text = None
    datasheet_url: Text = None
    photo_url: Text = None
    primary_video_url: Text = None
    product_variations: Annotated[tuple[Variation, ...], BeforeValidator(_objects)] = ()
    quantity_available: Count = None
    product_status: Status = Status()
    back_order_not_allowed: bool | None = None
    normally_stocking: bool | None = None
    discontinued: bool | None = None
    end_of_life: bool | None = None
    ncnr: bool | None = None
    parameters: Annotated[tuple[Parameter, ...], BeforeValidator(_objects)] = ()
    base_product_number: Named = Named()
    category: Category = Category()
    date_last_buy_chance: Text = None
    manufacturer_lead_weeks: Text = None
    manufacturer_public_quantity: Count = None
    series: Named = Named()
    shipping_info: Text = None
    other_names: Texts = ()
    classifications: Classifications = Classifications()
    minimum_order_quantity: Count = None
    max_quantity_for_distribution: Count = None
    standard_package: Count = None


class Locale(_Answer):
    site: Text = None
    language: Text = None
    currency: Text = None


class DetailsAnswer(_Answer):
    """The answer of `productdetails`; a chosen search hit is saved in the same shape."""

    search_locale_used: Locale = Locale()
    product: ProductAnswer | None = None


class SearchAnswer(_Answer):
    """The answer of `search/keyword`; the hits stay raw, since one of them may be saved."""

    search_locale_used: dict[str, Any] | None = None
    exact_matches: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_objects)] = ()
    products: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_objects)] = ()
    products_count: Count = None


def is_search(answer: Mapping[str, Any]) -> bool:
    """Whether a search answered: without a hit its lists are there and empty."""
    return isinstance(answer.get("Products"), list) or isinstance(answer.get("ExactMatches"), list)


class TokenAnswer(BaseModel):
    """The 2-legged token answer; the token is required. Its lifetime is 599 s in the vendor's examples."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=8192, repr=False)]
    expires_in: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 599


class ErrorAnswer(BaseModel):
    """Either error shape: v4 problem details, or the older gateway's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: Text = None
    detail: Text = None
    error_message: Text = Field(default=None, alias="ErrorMessage")
    error_details: Text = Field(default=None, alias="ErrorDetails")
    error: Text = None
    error_description: Text = None
    errors: Any = None
    validation_errors: Any = Field(default=None, alias="ValidationErrors")
