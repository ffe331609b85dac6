"""Access to a sandbox: accounts, HTTP Basic and bearer tokens."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from laptop.vendors.common.database import Database, moment, stamp

TOKENS = """
    CREATE TABLE IF NOT EXISTS bearer_tokens (
        token TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at TEXT NOT NULL
    );
"""


@dataclass(frozen=True)
class Account:
    """The only account that is admitted; without name and secret, any is. `lifetime` of its tokens in seconds."""

    name: str | None = None
    secret: str | None = field(default=None, repr=False)
    lifetime: float = 3600.0

    def admits(self, name: str, secret: str) -> bool:
        return bool(name and secret) and self.name in (None, name) and self.secret in (None, secret)


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Name and secret in an Authorization header of the scheme Basic; None for any other."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, secret) if scheme.lower() == "basic" and colon else None


class Tokens:
    """The bearer tokens that a sandbox gave; they survive a restart. The database needs the schema `TOKENS`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, owner: str, lifetime: float, now: datetime) -> str:
        """A new token, good for `lifetime` seconds."""
        token = secrets.token_urlsafe(24)
        self._database.insert(
            "bearer_tokens",
            {"token": token, "owner": owner, "expires_at": stamp(now + timedelta(seconds=lifetime))},
        )
        return token

    def owner(self, token: str, now: datetime) -> str | None:
        """None for a token that is unknown or has expired."""
        rows = self._database.rows("SELECT owner, expires_at FROM bearer_tokens WHERE token = ?", token)
        return rows[0]["owner"] if rows and moment(rows[0]["expires_at"]) > now else None

    def revoke_all(self) -> None:
        self._database.rows("DELETE FROM bearer_tokens")
