import pytest

from shared.errors import SettingsInvalid
from shared.vendors.transport import checked_address


@pytest.mark.parametrize(
    ("address", "checked"),
    [
        ("https://api.digikey.com/", ("https://api.digikey.com", False)),
        ("http://127.0.0.1:8080", ("http://127.0.0.1:8080", True)),
        ("http://localhost:1/dk/", ("http://localhost:1/dk", True)),
        ("http://[::1]:1", ("http://[::1]:1", True)),
    ],
)
def test_an_address_is_https_or_this_machine(address: str, checked: tuple[str, bool]) -> None:
    assert checked_address("DigiKey", address) == checked


@pytest.mark.parametrize(
    "address",
    [
        "",
        "api.digikey.com",
        "http://api.digikey.com",
        "ftp://localhost",
        "https://",
        "https://me:word@host",
        "https://host?q",
        "https://host#f",
        "https://host:port",
        "https://[broken",
    ],
)
def test_another_address_stops_the_start(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="DigiKey's address"):
        checked_address("DigiKey", address)
