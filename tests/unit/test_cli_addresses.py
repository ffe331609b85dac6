from collections.abc import Mapping

import pytest

from cli.addresses import Address, Function, Given, checked_url, locate
from cli.client import Client
from cli.failures import WrongUsage

NOTHING = Given(None, {})


def no_cloud() -> Mapping[str, str]:
    raise AssertionError("nobody asks for the laptop cloud")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an address begins with https://"),
        ("example.com", "an address begins with https://"),
        ("ftp://example.com", "an address begins with https://"),
        ("https://", "an address begins with https://"),
        ("https://ana:secret@example.com", "may not hold a user, query or fragment"),
        ("https://example.com?key=secret", "may not hold a user, query or fragment"),
        ("https://example.com#secret", "may not hold a user, query or fragment"),
        ("https://example.com:secret", "this is not an address"),
        ("https://exa\x00mple.com", "this is not an address"),
    ],
)
def test_a_wrong_address_is_refused_without_showing_its_secrets(text: str, message: str) -> None:
    with pytest.raises(WrongUsage, match="--url: ") as refusal:
        locate(Function.WORKFLOW, Given(text, {}), {}, no_cloud)

    assert message in str(refusal.value)


def test_an_empty_flag_is_no_address_and_an_empty_variable_is_none() -> None:
    with pytest.raises(WrongUsage):
        locate(Function.WORKFLOW, Given(None, {Function.WORKFLOW: ""}), {}, no_cloud)

    found = locate(
        Function.WORKFLOW,
        NOTHING,
        {"SWITCHYARD_URL": "", "SWITCHYARD_WORKFLOW_URL": ""},
        lambda: {"workflow": "http://127.0.0.1:1/"},
    )
    assert found.url == "http://127.0.0.1:1"


def test_the_functions_name_is_appended_to_a_region() -> None:
    region = "https://us-central1-p.cloudfunctions.net/"

    assert locate(Function.ORCHESTRATE, Given(region, {}), {}, no_cloud).url == f"{region}orchestrate"
    assert checked_url(f" {region} ", "--url") == region.rstrip("/")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://example.com", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:8080", True),
        ("http://example.com", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_a_token_goes_over_https_or_to_this_machine(url: str, private: bool) -> None:  # noqa: FBT001 - a table's column
    address = Address(Function.WORKFLOW, url, "")

    if private:
        with Client(address, "secret", notify=print) as client:
            assert client.address is address
    else:
        with pytest.raises(WrongUsage, match="over https only"):
            Client(address, "secret", notify=print)
        with Client(address, None, notify=print):
            pass
