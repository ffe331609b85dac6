"""Parts of the desk's pages."""

from typing import TYPE_CHECKING

from shared import settings
from shared.errors import SettingsInvalid
from shared.wiring import common
from shared.wiring.part import part

if TYPE_CHECKING:
    from shared.cloud.desk_people import SupabasePeople
    from shared.cloud.supabase import SupabaseRpc
    from shared.web.desk.gate import Gate
    from shared.web.desk.rendering import Renderer
    from shared.web.desk.session import Sessions
    from shared.web.desk.visitor import Door


@part(common.database)
def people(database: "SupabaseRpc") -> "SupabasePeople":
    from shared.cloud.desk_people import SupabasePeople

    return SupabasePeople(database)


@part(settings.PageSettings)
def sessions(page: settings.PageSettings) -> "Sessions":
    from shared.web.desk.session import Sessions

    return Sessions(page.secret.get_secret_value(), page.session, page.door)


@part(settings.ShopSettings, at_start=True)
def renderer(shop: settings.ShopSettings) -> "Renderer":
    """Raises SettingsInvalid for a time zone that does not exist."""
    from zoneinfo import ZoneInfo

    from shared.web.desk.rendering import Renderer

    try:
        return Renderer(ZoneInfo(shop.time_zone))
    except (ValueError, KeyError, OSError) as error:
        raise SettingsInvalid(f"SHOP_TIME_ZONE is wrong: there is no zone {shop.time_zone!r}") from error


@part(settings.PageSettings, settings.StoreSettings, people, sessions, renderer, at_start=True)
def door(
    page: settings.PageSettings,
    store: settings.StoreSettings,
    people: "SupabasePeople",
    sessions: "Sessions",
    renderer: "Renderer",
) -> "Door":
    """Raises SettingsInvalid for a door without its setting, and for the laptop's in the cloud (K_SERVICE is set)."""
    if page.door == "iap":
        from shared.cloud.iap_keys import IapKeys
        from shared.web.desk.iap import IapDoor

        if page.iap_audience is None:
            raise SettingsInvalid("DESK_IAP_AUDIENCE is missing: DESK_DOOR is iap")
        return IapDoor(IapKeys(common.tls), page.iap_audience, renderer)
    if page.door == "supabase":
        from shared.cloud.mailed_codes import SupabaseCodes
        from shared.web.desk.code_door import CodeDoor

        if page.anon_key is None:
            raise SettingsInvalid("DESK_SUPABASE_ANON_KEY is missing: DESK_DOOR is supabase")
        codes = SupabaseCodes(store.url, page.anon_key, timeout=store.timeout, tls=common.tls)
        return CodeDoor(codes, people, sessions, renderer, _operators(page))
    from shared.web.desk.doors import DevelopmentDoor

    if settings.is_deployed():
        raise SettingsInvalid("DESK_DOOR is wrong: development lets everybody in, and this is no laptop")
    return DevelopmentDoor(page.development_person.casefold(), sessions, renderer)


@part(settings.PageSettings, door, people, sessions)
def gate(page: settings.PageSettings, door: "Door", people: "SupabasePeople", sessions: "Sessions") -> "Gate":
    from shared.web.desk.gate import Gate

    return Gate(door, people, sessions, _operators(page))


def _operators(page: settings.PageSettings) -> frozenset[str]:
    return frozenset(
        " ".join(name.split()).casefold() for name in (page.operators or "").split(",") if name.strip()
    )
