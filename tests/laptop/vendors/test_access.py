from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from laptop.vendors.common.access import TOKENS, Tokens, basic_credentials
from laptop.vendors.common.database import Database
from tests.laptop.vendors.sandboxes import NOON


def test_a_token_is_good_until_its_lifetime_is_over_or_all_are_revoked(tmp_path: Path) -> None:
    with Database(tmp_path / "tokens.sqlite3", TOKENS) as database:
        tokens = Tokens(database)
        token = tokens.give("app", 60, NOON)
        times = (NOON, NOON + timedelta(seconds=59), NOON + timedelta(seconds=60))
        assert [tokens.owner(token, now) for now in times] == ["app", "app", None]
        assert tokens.owner("another", NOON) is None
        tokens.revoke_all()
        assert tokens.owner(token, NOON) is None


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        (f"Basic {b64encode(b'app:a:b').decode()}", ("app", "a:b")),
        (f"basic {b64encode(b'app:').decode()}", ("app", "")),
        (f"Basic {b64encode(b'app').decode()}", None),
        (f"Bearer {b64encode(b'app:secret').decode()}", None),
        (f"Basic {b64encode(bytes([255, 58])).decode()}", None),
        ("Basic ???", None),
        ("Basic \u00e9", None),
        ("", None),
    ],
)
def test_basic_credentials_are_read_or_refused(header: str, credentials: tuple[str, str] | None) -> None:
    assert basic_credentials(header) == credentials
