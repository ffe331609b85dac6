"""Parts of the desk's pages."""

import os
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

    return Sessions(page.secret.get_secret_value(), page.session)


@part(settings.PageSettings, at_start=True)
def renderer(page: settings.PageSettings) -> "Renderer":
    """Raises SettingsInvalid for a time zone that does not exist."""
    from zoneinfo import ZoneInfo

    from shared.web.desk.rendering import Renderer

    try:
        return Renderer(ZoneInfo(page.zone))
    except (ValueError, KeyError, OSError) as error:
        raise SettingsInvalid(f"SHOP_TIME_ZONE is wrong: there is no time zone {page.zone!r}") from error


@part(settings.PageSettings, sessions, renderer, at_start=True)
def door(page: settings.PageSettings, sessions: "Sessions", renderer: "Renderer") -> "Door":
    """Raises SettingsInvalid for the laptop's door in the cloud, where K_SERVICE names the function."""
    from shared.web.desk.doors import DevelopmentDoor

    if page.door == "development":
        if os.environ.get("K_SERVICE"):
            raise SettingsInvalid("DESK_DOOR is wrong: development lets everybody in, and this is no laptop")
        return DevelopmentDoor(page.development_person.casefold(), sessions, renderer)
    raise SettingsInvalid(f"DESK_DOOR is wrong: {page.door} is not built yet")


@part(settings.PageSettings, door, people, sessions)
def gate(page: settings.PageSettings, door: "Door", people: "SupabasePeople", sessions: "Sessions") -> "Gate":
    from shared.web.desk.gate import Gate

    operators = {name.strip().casefold() for name in (page.operators or "").split(",") if name.strip()}
    return Gate(door, people, sessions, operators)
