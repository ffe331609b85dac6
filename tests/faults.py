"""Faults that the stand-ins' control ports take: calls that are held while a test kills something."""

from typing import Any

Json = dict[str, Any]


def rpc(function: str) -> str:
    """The path of a SQL function at the REST server."""
    return f"/rest/v1/rpc/{function}"


def held(path: str, *, effect: str, method: str | None = None) -> Json:
    """Keeps the caller waiting, for an effect that never comes (`none`) or after it (`before`)."""
    fault: Json = {"kind": "timeout", "path": path, "seconds": 60, "effect": effect}
    return fault | ({"method": method} if method else {})


def held_before(path: str) -> Json:
    return held(path, effect="none")


def held_after(path: str) -> Json:
    return held(path, effect="before")
