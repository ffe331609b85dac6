"""The composition root of the order line: clients built once per process, when first asked for."""

import json
import time
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from shared import settings
from shared.clock import system_clock
from shared.errors import SettingsInvalid
from shared.wiring import common

if TYPE_CHECKING:
    from shared.cloud.order_store import SupabaseOrderStore
    from shared.cloud.storage import SupabaseLabelShelf
    from shared.fulfillment.accept import Acceptance
    from shared.fulfillment.label import LabelPurchase
    from shared.fulfillment.messages import MessageSync
    from shared.fulfillment.ports import Carrier, Party
    from shared.fulfillment.sequence import StageRunner
    from shared.fulfillment.track import TrackingUpdate
    from shared.vendors.mirakl.client import MiraklMarketplace


@cache
def order_store() -> "SupabaseOrderStore":
    from shared.cloud.order_store import SupabaseOrderStore
    from shared.cloud.supabase import SupabaseRpc

    store = settings.StoreSettings.from_environment()
    return SupabaseOrderStore(
        SupabaseRpc(store.url, store.key.get_secret_value(), timeout=store.timeout, tls=common.tls)
    )


@cache
def stage_runner() -> "StageRunner":
    from shared.fulfillment.pipeline import load_pipeline
    from shared.fulfillment.sequence import StageRunner

    return StageRunner(order_store(), load_pipeline(), system_clock)


@cache
def marketplace() -> "MiraklMarketplace":
    from shared.fulfillment.sequence import LONGEST_WAIT
    from shared.vendors.mirakl.client import READS, MiraklBounds, MiraklMarketplace

    vendor = settings.MarketplaceSettings.from_environment()
    return MiraklMarketplace(
        vendor.api_key.get_secret_value(),
        base_url=vendor.base_url,
        shop_id=vendor.shop_id,
        bounds=MiraklBounds(
            read=vendor.timeout, total=vendor.timeout, retries=replace(READS, longest_pause=LONGEST_WAIT)
        ),
        tls=common.tls(),
    )


@cache
def carrier() -> "Carrier":
    """Raises SettingsInvalid for an account that the carrier would never take."""
    from shared.vendors.canada_post.account import (
        JsonCredentials,
        Settlement,
        ShippingAccount,
        XmlCredentials,
    )
    from shared.vendors.canada_post.json_api import JSON_ADDRESS, CanadaPostJson
    from shared.vendors.canada_post.transport import CanadaPostBounds
    from shared.vendors.canada_post.xml_api import XML_ADDRESS, CanadaPostXml

    vendor = settings.CarrierSettings.from_environment()
    account = ShippingAccount(
        mailed_by=vendor.customer_number,
        sender=_sender(vendor.sender),
        settlement=Settlement(vendor.contract_id, vendor.paid_by),
        label_format=vendor.label_format,
        email=vendor.email,
    )
    secret = vendor.password.get_secret_value()
    bounds = CanadaPostBounds(apart=vendor.apart)
    if vendor.backend == "json":
        return CanadaPostJson(
            JsonCredentials(vendor.user, secret),
            account,
            base_url=vendor.base_url or JSON_ADDRESS,
            bounds=bounds,
            tls=common.tls(),
        )
    return CanadaPostXml(
        XmlCredentials(vendor.user, secret),
        account,
        base_url=vendor.base_url or XML_ADDRESS,
        bounds=bounds,
        tls=common.tls(),
    )


def _sender(text: str) -> "Party":
    from shared.fulfillment.ports import Party

    fields = ("company", "phone", "line_1", "city", "province", "postal_code", "name", "line_2")
    try:
        told = json.loads(text)
        return Party(**dict.fromkeys(fields) | {name: str(told[name]) for name in told if name in fields})
    except (ValueError, TypeError) as error:
        raise SettingsInvalid(f"CANADA_POST_SENDER is no JSON object with {', '.join(fields[:6])}") from error


@cache
def label_shelf() -> "SupabaseLabelShelf":
    from shared.cloud.storage import SupabaseLabelShelf

    store = settings.StoreSettings.from_environment()
    bucket = settings.ShelfSettings.from_environment().bucket
    return SupabaseLabelShelf(
        store.url, store.key.get_secret_value(), bucket=bucket, timeout=store.timeout, tls=common.tls
    )


@cache
def acceptance() -> "Acceptance":
    from shared.fulfillment.accept import Acceptance

    return Acceptance(marketplace(), order_store(), time.sleep)


@cache
def label_purchase() -> "LabelPurchase":
    from shared.fulfillment.label import LabelPurchase, LabelTerms
    from shared.fulfillment.parcels import ParcelSize

    vendor = settings.CarrierSettings.from_environment()
    length, width, height = (Decimal(side) for side in vendor.parcel_size.split("x"))
    terms = LabelTerms(
        service_code=vendor.service_code,
        options=[option.strip() for option in vendor.options.split(",") if option.strip()],
        default_size=ParcelSize(weight=vendor.parcel_weight, length=length, width=width, height=height),
    )
    return LabelPurchase(
        marketplace(), carrier(), order_store(), label_shelf(), terms, system_clock, time.sleep
    )


@cache
def tracking_update() -> "TrackingUpdate":
    from shared.fulfillment.track import TrackingUpdate

    code = settings.TrackingSettings.from_environment().carrier_code
    return TrackingUpdate(marketplace(), order_store(), None if code == "none" else code)


@cache
def message_sync() -> "MessageSync":
    from shared.fulfillment.messages import MessageSync

    return MessageSync(marketplace(), order_store(), system_clock)
