"""Every environment variable that a deployed function reads: typed, described, and grouped by what needs it.

The `WORKFLOW_*` variables stand in `shared/workflow_config.py`. The parts in `shared/wiring` declare which groups they
read. A value that is missing or wrong stops the start of each function that could read it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from shared.errors import SettingsInvalid


@dataclass(frozen=True)
class Allowed:
    """A type's range, in the words of docs/configuration.md."""

    words: str


def _url(text: str) -> str:
    try:
        urlsplit(text).port  # noqa: B018 - reading it checks it
    except ValueError:  # its message repeats the value
        raise ValueError("its port is not a number up to 65535") from None
    return text


def _vendor_url(text: str) -> str:
    """Raises ValueError for an address that would show credentials to the network."""
    parts = urlsplit(text)
    local = parts.hostname == "localhost" or re.fullmatch(r"127(\.\d+){3}|::1", parts.hostname or "")
    if parts.scheme != "https" and not local:
        raise ValueError("http is for this machine only; use https")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address of a vendor must hold no credentials, query or fragment")
    return text


def _secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()):
        raise ValueError("a secret is printable ASCII without spaces")
    return secret


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 32:  # noqa: PLR2004 - as many as the words below say
        raise ValueError("it is too short to keep a signature safe")
    return secret


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), Allowed("a text")]
Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[\x21-\x7e]+$"),
    Allowed("printable ASCII without spaces"),
]
"""Can be sent in a header."""

Url = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/]+(/\S*)?$"),
    AfterValidator(_url),
    Allowed("an http or https address"),
]
VendorUrl = Annotated[
    Url, AfterValidator(_vendor_url), Allowed("an https address; http for this machine only")
]
Table = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+$"),
    Allowed("project.dataset.table"),
]
Digits = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{1,10}$"), Allowed("1 to 10 digits")
]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[float, Field(gt=0, le=31_536_000)]
"""In seconds, up to a year."""
Secret = Annotated[SecretStr, AfterValidator(_secret), Allowed("a secret")]
LongSecret = Annotated[Secret, AfterValidator(_long), Allowed("a secret of 32 characters or more")]


def is_deployed() -> bool:
    """Cloud Run names the service in K_SERVICE; nothing else does."""
    return bool(os.environ.get("K_SERVICE"))


class Settings(BaseModel):
    """One group. Each field's alias is its environment variable."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        defer_build=True,  # a function spends time only on the groups that it reads
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Raises SettingsInvalid naming every variable that is missing or wrong. An empty value counts as missing."""
        given = os.environ if environment is None else environment
        try:
            return cls.model_validate_strings(
                {name: given[name] for name in cls.variables() if given.get(name)}
            )
        except ValidationError as error:
            raise SettingsInvalid(
                "; ".join(_problem(cls, item["loc"][0], item["msg"]) for item in error.errors())
            ) from None

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        return tuple(info.alias or name for name, info in cls.model_fields.items())

    def shown(self) -> dict[str, str]:
        """Variables and their values for people; secrets are masked."""
        return {
            info.alias or name: "********"
            if isinstance(value := getattr(self, name), SecretStr)
            else str(value)
            for name, info in type(self).model_fields.items()
        }


def _problem(group: type[Settings], variable: object, message: str) -> str:
    described = {info.alias: info.description for info in group.model_fields.values()}
    if message == "Field required":
        return f"{variable} is missing: {described.get(str(variable))}"
    message = message.removeprefix("Value error, ")
    return f"{variable} is wrong ({message[:1].lower() + message[1:]}): {described.get(str(variable))}"


class StoreSettings(Settings):
    url: Url = Field(
        alias="SUPABASE_URL", description="address of the Supabase project, such as https://abc.supabase.co"
    )
    key: Secret = Field(alias="SUPABASE_SERVICE_ROLE_KEY", description="its service role key")
    timeout: Seconds = Field(
        10, alias="SUPABASE_TIMEOUT_SECONDS", description="longest wait for one database call"
    )


class SourceSettings(Settings):
    project: Text = Field(alias="GOOGLE_CLOUD_PROJECT", description="the Google Cloud project")
    table: Table = Field(alias="BIGQUERY_TABLE", description="the parts table")
    ledger_table: Table | None = Field(
        None,
        alias="BIGQUERY_LEDGER_TABLE",
        description="the table of rows that were taken, created on first use; else `<BIGQUERY_TABLE>_ledger`",
    )
    location: Text | None = Field(
        None, alias="BIGQUERY_LOCATION", description="location of the dataset, such as US"
    )
    timeout: Seconds = Field(
        60, alias="BIGQUERY_TIMEOUT_SECONDS", description="longest wait for one BigQuery call"
    )
    api_endpoint: Url | None = Field(
        None, alias="BIGQUERY_API_ENDPOINT", description="only for a local BigQuery"
    )


class QueueSettings(Settings):
    project: Text = Field(alias="GOOGLE_CLOUD_PROJECT", description="the Google Cloud project")
    location: Text = Field(
        alias="TASKS_LOCATION", description="region of the queues, such as northamerica-northeast1"
    )
    automation_queue: Text = Field(
        "automation", alias="AUTOMATION_QUEUE", description="queue of the automation tasks"
    )
    dead_letter_queue: Text = Field(
        "dead-letter", alias="DEAD_LETTER_QUEUE", description="queue of the dead letters"
    )
    automate_url: Url = Field(alias="AUTOMATE_URL", description="address of the function `automate`")
    fallback_url: Url = Field(alias="FALLBACK_URL", description="address of the function `fallback`")
    service_account: Text | None = Field(
        None,
        alias="TASKS_SERVICE_ACCOUNT",
        description="e-mail of the identity that Cloud Tasks calls the functions with",
    )
    timeout: Seconds = Field(
        10, alias="TASKS_TIMEOUT_SECONDS", description="longest wait for one Cloud Tasks call"
    )
    api_endpoint: Text | None = Field(
        None, alias="TASKS_API_ENDPOINT", description="host:port, only for a local Cloud Tasks"
    )


class SchedulerSettings(Settings):
    project: Text = Field(alias="GOOGLE_CLOUD_PROJECT", description="the Google Cloud project")
    location: Text = Field(
        alias="SCHEDULER_LOCATION", description="region of the jobs, such as northamerica-northeast1"
    )
    timeout: Seconds = Field(
        10, alias="SCHEDULER_TIMEOUT_SECONDS", description="longest wait for one Cloud Scheduler call"
    )
    api_endpoint: Text | None = Field(
        None, alias="SCHEDULER_API_ENDPOINT", description="host:port, only for a local Cloud Scheduler"
    )


class DeliverySettings(Settings):
    max_attempts: int = Field(
        10,
        alias="QUEUE_MAX_ATTEMPTS",
        ge=1,
        le=100,
        description="deliveries of one queue task; the queue's max_attempts",
    )
    lease: Seconds = Field(
        120,
        alias="AUTOMATION_LEASE_SECONDS",
        description="how long one delivery holds a record; longer than it may work",
    )


class BreakerSettings(Settings):
    pause: Seconds = Field(
        30,
        alias="VENDOR_PAUSE_SECONDS",
        description="first wait when a vendor fails record after record; failed probes double it, up to 30 times this",
    )
    account_pause: Seconds = Field(
        300,
        alias="VENDOR_ACCOUNT_PAUSE_SECONDS",
        description="first wait when a vendor refuses our credentials; failed probes double it, up to 6 times this",
    )


class ReliabilitySettings(Settings):
    half_life_days: float = Field(
        90,
        alias="RELIABILITY_HALF_LIFE_DAYS",
        ge=1,
        le=3650,
        description="days after which a finished task counts half for its manufacturer's reliability",
    )


class SweepSettings(Settings):
    grace: Seconds = Field(
        120,
        alias="SWEEP_GRACE_SECONDS",
        description="how long a task may wait to be enqueued before the sweep enqueues it",
    )
    patience: Seconds = Field(
        1800,
        alias="SWEEP_PATIENCE_SECONDS",
        description="how long an enqueued task may show no progress before the sweep asks the queue",
    )
    limit: int = Field(
        100_000,
        alias="SWEEP_LIMIT",
        ge=1,
        le=1_000_000,
        description="tasks of each kind (failed, never enqueued, silent) that one sweep looks at",
    )
    budget: Seconds = Field(
        200,
        alias="SWEEP_SECONDS",
        description="how long one sweep begins further work; some 60 s less than the timeout of `fallback`",
    )


class CatalogueSettings(Settings):
    base_url: VendorUrl = Field(
        "https://api.digikey.com", alias="DIGIKEY_API_BASE", description="DigiKey's API"
    )
    client_id: Word = Field(alias="DIGIKEY_CLIENT_ID", description="DigiKey's client id")
    client_secret: Secret = Field(alias="DIGIKEY_CLIENT_SECRET", description="DigiKey's client secret")
    site: Word = Field("CA", alias="DIGIKEY_LOCALE_SITE", description="DigiKey's site, such as CA or US")
    language: Word = Field("en", alias="DIGIKEY_LOCALE_LANGUAGE", description="language of the texts")
    currency: Word = Field("CAD", alias="DIGIKEY_LOCALE_CURRENCY", description="currency of the prices")
    timeout: Seconds = Field(
        15, alias="DIGIKEY_TIMEOUT_SECONDS", description="longest wait for one DigiKey call"
    )


class DeskSettings(Settings):
    claim: Seconds = Field(
        3600, alias="MANUAL_CLAIM_SECONDS", description="how long a claim of a manual task holds"
    )
    undo: Seconds = Field(
        900,
        alias="MANUAL_UNDO_SECONDS",
        description="how long the person who ended a manual task may take that back",
    )
    due_high: Days = Field(
        86_400, alias="MANUAL_DUE_SECONDS_HIGH", description="time to finish a manual task of high priority"
    )
    due_medium: Days = Field(
        259_200,
        alias="MANUAL_DUE_SECONDS_MEDIUM",
        description="time to finish a manual task of medium priority",
    )
    due_low: Days = Field(
        604_800,
        alias="MANUAL_DUE_SECONDS_LOW",
        description="time to finish a manual task of low priority",
    )


class ReprocessSettings(Settings):
    after_days: int = Field(
        30,
        alias="REPROCESS_AFTER_DAYS",
        ge=0,
        le=3650,
        description="days until an unchanged record that automation completed may be taken again",
    )
    share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2,
        alias="REPROCESS_SHARE",
        description="share of a day's tasks for records that were taken before, as long as others wait",
    )


class MarketplaceSettings(Settings):
    base_url: VendorUrl = Field(
        "https://marketplace.bestbuy.ca", alias="MIRAKL_API_BASE", description="the marketplace"
    )
    api_key: Secret = Field(alias="BEST_BUY_API_KEY", description="the seller's API key at the marketplace")
    shop_id: int | None = Field(
        None, alias="MIRAKL_SHOP_ID", ge=1, le=10**15, description="only for a user with several shops"
    )
    timeout: Seconds = Field(
        30, alias="MIRAKL_TIMEOUT_SECONDS", description="longest wait for one marketplace call"
    )


class TrackingSettings(Settings):
    carrier_code: Text = Field(
        "CPCL",
        alias="MIRAKL_CARRIER_CODE",
        description="the marketplace's code of the carrier (SH21); `none` names the carrier instead",
    )


class ShippingSettings(Settings):
    push: Literal["at_once", "after_scan"] = Field(
        "at_once",
        alias="TRACKING_PUSH",
        description="when an order is shipped at the marketplace: at once, or when the carrier has scanned it",
    )


class RetentionSettings(Settings):
    days: int = Field(
        365,
        alias="PERSONAL_DATA_DAYS",
        ge=30,
        le=3650,
        description="days after an order's end until its names, addresses, messages and labels are removed",
    )


class ShopSettings(Settings):
    time_zone: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$"),
        Allowed("a time zone such as America/Toronto"),
    ] = Field("America/Toronto", alias="SHOP_TIME_ZONE", description="whose days the shop means")
    refund_approval: int = Field(
        5000,
        alias="REFUND_APPROVAL_CENTS",
        ge=0,
        le=10_000_000,
        description="price of needless labels, in cents, from which a second person must approve their undoing",
    )


class SenderSettings(Settings):
    sender: Text = Field(
        alias="CANADA_POST_SENDER",
        description="JSON: company, phone, line_1, city, province, postal_code, and optionally name and line_2",
    )


class CarrierSettings(Settings):
    backend: Literal["json", "xml"] = Field(
        "json",
        alias="CANADA_POST_BACKEND",
        description="which of Canada Post's APIs: json, or the legacy xml",
    )
    base_url: VendorUrl | None = Field(
        None, alias="CANADA_POST_API_BASE", description="address of the API, if not the usual one"
    )
    user: Word = Field(alias="CANADA_POST_API_USER", description="client id (json) or API user (xml)")
    password: Secret = Field(
        alias="CANADA_POST_API_PASSWORD", description="client secret (json) or password (xml)"
    )
    customer_number: Digits = Field(
        alias="CANADA_POST_CUSTOMER_NUMBER", description="number of the customer who sends"
    )
    contract_id: Digits | None = Field(
        None, alias="CANADA_POST_CONTRACT_ID", description="contract number; without it a card is charged"
    )
    paid_by: Digits | None = Field(
        None,
        alias="CANADA_POST_PAID_BY_CUSTOMER",
        description="customer number that pays, if it is another one",
    )
    email: Text | None = Field(
        None, alias="CANADA_POST_EMAIL", description="e-mail address in prepared refund requests"
    )
    apart: float = Field(
        0.25,
        alias="CANADA_POST_CALLS_APART_SECONDS",
        ge=0,
        le=60,
        description="minimum time between two calls",
    )
    label_format: Literal["4x6", "8.5x11"] = Field(
        "4x6", alias="CANADA_POST_LABEL_FORMAT", description="format of the PDF"
    )
    lookup_404: Literal["unclear", "none"] = Field(
        "unclear",
        alias="CANADA_POST_LOOKUP_404",
        description="what a look-up's 404 without an error code means: nothing, or that no label was sold (none)",
    )


class OtherApiSettings(Settings):
    """The carrier's API that was left: labels that were asked for there are looked up and fetched there."""

    base_url: VendorUrl | None = Field(
        None, alias="CANADA_POST_OTHER_API_BASE", description="its address, if not the usual one"
    )
    user: Word | None = Field(
        None,
        alias="CANADA_POST_OTHER_API_USER",
        description="credentials of the carrier's other API, after a change of CANADA_POST_BACKEND",
    )
    password: Secret | None = Field(
        None, alias="CANADA_POST_OTHER_API_PASSWORD", description="the other API's client secret or password"
    )


class ServiceSettings(Settings):
    service_code: Text = Field(
        "DOM.EP", alias="CANADA_POST_SERVICE_CODE", description="code of the service that is bought"
    )
    options: Text = Field("DC", alias="CANADA_POST_OPTIONS", description="option codes, separated by commas")
    by_shipping_type: Text = Field(
        "{}",
        alias="CANADA_POST_SERVICES",
        description='services by the buyer\'s shipping type, as JSON: {"EXPRESS": "DOM.XP"}; else the one above',
    )

    candidates: Text | None = Field(
        None,
        alias="CANADA_POST_CHEAPEST_OF",
        description="service codes, separated by commas: the cheapest that delivers in time is bought",
    )


class ParcelSettings(Settings):
    parcel_weight: Decimal = Field(
        Decimal("1.0"),
        alias="PARCEL_WEIGHT_KG",
        gt=0,
        le=30,
        description="weight of a piece that is not in parcel_sizes",
    )
    parcel_size: Annotated[
        str,
        StringConstraints(pattern=r"^\d+(\.\d)?x\d+(\.\d)?x\d+(\.\d)?$"),
        Allowed("three numbers above 0 to 200, as 30x20x10"),
    ] = Field("30x20x10", alias="PARCEL_SIZE_CM", description="length x width x height of such a piece")

    most_parcels: int = Field(
        1,
        alias="PARCELS_MOST",
        ge=1,
        le=20,
        description="parcels that an order may be distributed over, when one cannot carry it; a person may say more",
    )


class ShelfSettings(Settings):
    bucket: Text = Field(
        "labels", alias="LABEL_BUCKET", description="Supabase Storage bucket of the label PDFs"
    )


class PageSettings(Settings):
    """How people get in to the function `desk`."""

    door: Literal["iap", "supabase", "development"] = Field(
        alias="DESK_DOOR",
        description="how people prove who they are: iap, supabase (a code by e-mail), or development (a laptop's)",
    )
    secret: LongSecret = Field(alias="DESK_SECRET", description="signs the desk's cookies and forms")
    session: Seconds = Field(
        43_200, alias="DESK_SESSION_SECONDS", description="how long somebody stays signed in"
    )
    operators: Text | None = Field(
        None,
        alias="DESK_OPERATORS",
        description="people, separated by commas, who are operators whatever the table of roles says",
    )
    development_person: Text = Field(
        "operator", alias="DESK_DEVELOPMENT_PERSON", description="who everybody is at the door `development`"
    )
    iap_audience: Word | None = Field(
        None,
        alias="DESK_IAP_AUDIENCE",
        description="door `iap`: the audience of IAP's tokens, /projects/NUMBER/locations/REGION/services/desk",
    )
    anon_key: Word | None = Field(
        None,
        alias="DESK_SUPABASE_ANON_KEY",
        description="door `supabase`: the project's anon (publishable) key, which is not secret",
    )


class LogSettings(Settings):
    level: Annotated[
        str,
        StringConstraints(to_upper=True, pattern=r"(?i)^(DEBUG|INFO|WARNING|ERROR)$"),
        Allowed("DEBUG, INFO, WARNING or ERROR"),
    ] = Field("INFO", alias="LOG_LEVEL", description="least severity that is logged")


GROUPS: tuple[type[Settings], ...] = (
    StoreSettings,
    SourceSettings,
    QueueSettings,
    SchedulerSettings,
    DeliverySettings,
    BreakerSettings,
    ReliabilitySettings,
    SweepSettings,
    CatalogueSettings,
    DeskSettings,
    ReprocessSettings,
    MarketplaceSettings,
    TrackingSettings,
    ShippingSettings,
    RetentionSettings,
    ShopSettings,
    SenderSettings,
    CarrierSettings,
    OtherApiSettings,
    ServiceSettings,
    ParcelSettings,
    ShelfSettings,
    PageSettings,
    LogSettings,
)
