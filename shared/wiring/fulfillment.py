"""Parts of fulfillment."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from shared import settings
from shared.clock import system_clock
from shared.errors import SettingsInvalid
from shared.wiring import common
from shared.wiring.part import part

if TYPE_CHECKING:
    from shared.cloud.order_board import SupabaseOrderBoard
    from shared.cloud.order_insight import SupabaseOrderInsight
    from shared.cloud.order_store import SupabaseOrderStore
    from shared.cloud.storage import SupabaseLabelShelf
    from shared.cloud.supabase import SupabaseRpc
    from shared.fulfillment.accept import Acceptance
    from shared.fulfillment.carrier import Carrier, Carriers, Party
    from shared.fulfillment.label import LabelPurchase
    from shared.fulfillment.messages import MessageSync
    from shared.fulfillment.parcels import ParcelSize
    from shared.fulfillment.reconcile import OutsideCheck
    from shared.fulfillment.request import LabelTerms
    from shared.fulfillment.sequence import StageRunner
    from shared.fulfillment.shop import Shop
    from shared.fulfillment.track import TrackingUpdate
    from shared.vendors.canada_post.account import ShippingAccount
    from shared.vendors.mirakl.client import MiraklMarketplace


@part(common.database)
def order_store(database: "SupabaseRpc") -> "SupabaseOrderStore":
    from shared.cloud.order_store import SupabaseOrderStore

    return SupabaseOrderStore(database)


@part(common.database)
def order_board(database: "SupabaseRpc") -> "SupabaseOrderBoard":
    from shared.cloud.order_board import SupabaseOrderBoard

    return SupabaseOrderBoard(database)


@part(settings.ShopSettings)
def shop(given: settings.ShopSettings) -> "Shop":
    from shared.fulfillment.shop import Shop

    return Shop(given.time_zone, given.refund_approval)


@part(common.database)
def order_insight(database: "SupabaseRpc") -> "SupabaseOrderInsight":
    from shared.cloud.order_insight import SupabaseOrderInsight

    return SupabaseOrderInsight(database)


@part(order_store)
def stage_runner(store: "SupabaseOrderStore") -> "StageRunner":
    from shared.fulfillment.pipeline import load_pipeline
    from shared.fulfillment.sequence import StageRunner

    return StageRunner(store, load_pipeline(), system_clock)


@part(settings.MarketplaceSettings)
def marketplace(vendor: settings.MarketplaceSettings) -> "MiraklMarketplace":
    from shared.fulfillment.sequence import LONGEST_WAIT
    from shared.vendors.mirakl.client import READS, MiraklBounds, MiraklMarketplace

    return MiraklMarketplace(
        vendor.api_key.get_secret_value(),
        base_url=vendor.base_url,
        shop_id=vendor.shop_id,
        bounds=MiraklBounds(
            read=vendor.timeout, total=vendor.timeout, retries=replace(READS, longest_pause=LONGEST_WAIT)
        ),
        tls=common.tls(),
    )


@part(settings.SenderSettings, at_start=True)
def sender_fields(given: settings.SenderSettings) -> Mapping[str, Any]:
    """Raises SettingsInvalid for a sender that is not a JSON object with the fields of one."""
    fields = ("company", "phone", "line_1", "city", "province", "postal_code", "name", "line_2")
    try:
        read = json.loads(given.sender)
        return dict.fromkeys(fields) | {name: str(read[name]) for name in read if name in fields}
    except (ValueError, TypeError) as error:
        raise SettingsInvalid(
            f"CANADA_POST_SENDER is not a JSON object with {', '.join(fields[:6])}"
        ) from error


@part(sender_fields)
def sender(fields: Mapping[str, Any]) -> "Party":
    from shared.fulfillment.carrier import Party

    return Party(**fields)


@part(settings.CarrierSettings, sender, at_start=True)
def shipping_account(vendor: settings.CarrierSettings, sender: "Party") -> "ShippingAccount":
    """Raises SettingsInvalid for a sender that the carrier would never take."""
    from shared.vendors.canada_post.account import Settlement, ShippingAccount

    try:
        return ShippingAccount(
            mailed_by=vendor.customer_number,
            sender=sender,
            settlement=Settlement(vendor.contract_id, vendor.paid_by),
            label_format=vendor.label_format,
            email=vendor.email,
        )
    except SettingsInvalid as error:
        raise SettingsInvalid(f"CANADA_POST_SENDER is wrong: {error.detail}") from error


def _carrier(
    backend: str,
    user: str,
    secret: str,
    base_url: str | None,
    vendor: settings.CarrierSettings,
    account: "ShippingAccount",
) -> "Carrier":
    from shared.vendors.canada_post.account import JsonCredentials, XmlCredentials
    from shared.vendors.canada_post.json_api import JSON_ADDRESS, CanadaPostJson
    from shared.vendors.canada_post.transport import CanadaPostBounds
    from shared.vendors.canada_post.xml_api import XML_ADDRESS, CanadaPostXml

    bounds = CanadaPostBounds(apart=vendor.apart)
    if backend == "json":
        return CanadaPostJson(
            JsonCredentials(user, secret),
            account,
            base_url=base_url or JSON_ADDRESS,
            bounds=bounds,
            tls=common.tls(),
            lookup_404=vendor.lookup_404,
        )
    return CanadaPostXml(
        XmlCredentials(user, secret),
        account,
        base_url=base_url or XML_ADDRESS,
        bounds=bounds,
        tls=common.tls(),
        lookup_404=vendor.lookup_404,
    )


@part(settings.CarrierSettings, settings.OtherApiSettings, shipping_account)
def carriers(
    vendor: settings.CarrierSettings, other: settings.OtherApiSettings, account: "ShippingAccount"
) -> "Carriers":
    """The API that labels are bought at, and the other one while labels of it are open.

    Raises SettingsInvalid for half of the other one's credentials.
    """
    from shared.fulfillment.carrier import Carriers

    current = _carrier(
        vendor.backend, vendor.user, vendor.password.get_secret_value(), vendor.base_url, vendor, account
    )
    if (other.user is None) != (other.password is None):
        raise SettingsInvalid(
            "CANADA_POST_OTHER_API_USER and CANADA_POST_OTHER_API_PASSWORD are given together or not at all"
        )
    if other.user is None or other.password is None:
        return Carriers(current)
    backend = "xml" if vendor.backend == "json" else "json"
    secret = other.password.get_secret_value()
    return Carriers(current, (_carrier(backend, other.user, secret, other.base_url, vendor, account),))


@part(settings.StoreSettings, settings.ShelfSettings)
def label_shelf(store: settings.StoreSettings, shelf: settings.ShelfSettings) -> "SupabaseLabelShelf":
    from shared.cloud.storage import SupabaseLabelShelf

    return SupabaseLabelShelf(
        store.url,
        store.key.get_secret_value(),
        bucket=shelf.bucket,
        timeout=store.timeout,
        tls=common.tls,
    )


@part(settings.ParcelSettings, at_start=True)
def default_size(vendor: settings.ParcelSettings) -> "ParcelSize":
    """Raises SettingsInvalid for a size that no parcel may have."""
    from pydantic import ValidationError

    from shared.fulfillment.parcels import ParcelSize

    length, width, height = (Decimal(side) for side in vendor.parcel_size.split("x"))
    try:
        return ParcelSize(weight=vendor.parcel_weight, length=length, width=width, height=height)
    except ValidationError as error:
        wrong = error.errors()[0]
        variable = "PARCEL_WEIGHT_KG" if wrong["loc"] == ("weight",) else "PARCEL_SIZE_CM"
        raise SettingsInvalid(f"{variable} is wrong: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}") from None


@part(marketplace, order_store, default_size, settings.ParcelSettings)
def acceptance(
    marketplace: "MiraklMarketplace",
    store: "SupabaseOrderStore",
    size: "ParcelSize",
    parcels: settings.ParcelSettings,
) -> "Acceptance":
    from shared.fulfillment.accept import Acceptance

    return Acceptance(marketplace, store, size, time.sleep, parcels.most_parcels)


@part(settings.ServiceSettings, settings.ParcelSettings, default_size, at_start=True)
def label_terms(
    service: settings.ServiceSettings, parcels: settings.ParcelSettings, size: "ParcelSize"
) -> "LabelTerms":
    """Raises SettingsInvalid for services that are no JSON object of texts."""
    from shared.fulfillment.request import LabelTerms

    try:
        services = json.loads(service.by_shipping_type)
    except ValueError:
        services = None
    if not isinstance(services, dict) or not all(isinstance(each, str) for each in services.values()):
        raise SettingsInvalid('CANADA_POST_SERVICES is not a JSON object such as {"EXPRESS": "DOM.XP"}')
    return LabelTerms(
        service_code=service.service_code,
        options=[option.strip() for option in service.options.split(",") if option.strip()],
        default_size=size,
        services=services,
        most_parcels=parcels.most_parcels,
        candidates=[each.strip() for each in (service.candidates or "").split(",") if each.strip()],
    )


@part(marketplace, carriers, order_store, label_shelf, label_terms)
def label_purchase(
    marketplace: "MiraklMarketplace",
    carriers: "Carriers",
    store: "SupabaseOrderStore",
    shelf: "SupabaseLabelShelf",
    terms: "LabelTerms",
) -> "LabelPurchase":
    from shared.fulfillment.label import LabelPurchase
    from shared.fulfillment.shelving import Shelving

    shelving = Shelving(carriers, store, shelf, time.sleep)
    return LabelPurchase(marketplace, carriers, store, shelving, terms, system_clock, time.sleep)


@part(marketplace, order_store, settings.TrackingSettings, settings.ShippingSettings)
def tracking_update(
    marketplace: "MiraklMarketplace",
    store: "SupabaseOrderStore",
    tracking: settings.TrackingSettings,
    shipping: settings.ShippingSettings,
) -> "TrackingUpdate":
    from shared.fulfillment.track import TrackingUpdate

    code = tracking.carrier_code
    return TrackingUpdate(
        marketplace,
        store,
        None if code == "none" else code,
        waits_for_scan=shipping.push == "after_scan",
    )


@part(marketplace, order_store, label_shelf)
def message_sync(
    marketplace: "MiraklMarketplace", store: "SupabaseOrderStore", shelf: "SupabaseLabelShelf"
) -> "MessageSync":
    from shared.fulfillment.messages import MessageSync

    return MessageSync(marketplace, store, shelf, system_clock)


@part(
    marketplace,
    carriers,
    order_store,
    label_shelf,
    settings.ShippingSettings,
    settings.RetentionSettings,
)
def outside_check(
    marketplace: "MiraklMarketplace",
    carriers: "Carriers",
    store: "SupabaseOrderStore",
    shelf: "SupabaseLabelShelf",
    shipping: settings.ShippingSettings,
    retention: settings.RetentionSettings,
) -> "OutsideCheck":
    from shared.fulfillment.reconcile import CheckTerms, OutsideCheck

    terms = CheckTerms(looks_for_scans=shipping.push == "after_scan", keep_for=timedelta(days=retention.days))
    return OutsideCheck(marketplace, carriers, store, shelf, terms, system_clock)
