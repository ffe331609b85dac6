"""Finds the address of a function. A flag beats a variable; a function's own address beats the common one.

1. `--orchestrate-url`, `--workflow-url`, `--reconcile-orders-url`  used as they are
2. `--url`                                     with the function's name appended
3. `SWITCHYARD_ORCHESTRATE_URL`, ..._WORKFLOW_URL, ..._RECONCILE_ORDERS_URL  used as they are
4. `SWITCHYARD_URL`                            with the function's name appended
5. the running laptop cloud: its state.json has the addresses
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import httpx

from cli.failures import NotReached, WrongUsage
from cli.laptop_cloud import ADVICE, START_IT


class Function(StrEnum):
    ORCHESTRATE = "orchestrate"
    WORKFLOW = "workflow"
    RECONCILE_ORDERS = "reconcile-orders"

    @property
    def variable(self) -> str:
        return f"SWITCHYARD_{self.upper().replace('-', '_')}_URL"


@dataclass(frozen=True)
class Address:
    """`url` has no slash at its end; `advice` is for a person when there is no answer."""

    function: Function
    url: str
    advice: str

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.url).hostname in {"127.0.0.1", "::1", "localhost"}

    @property
    def is_private(self) -> bool:
        """True when a secret may be sent to this address."""
        return self.is_loopback or urlsplit(self.url).scheme == "https"


@dataclass(frozen=True)
class Given:
    """The addresses that the user gives: one base for all functions, and single functions' own."""

    base: str | None
    single: Mapping[Function, str | None]


def locate(
    function: Function,
    flags: Given,
    environment: Mapping[str, str],
    local: Callable[[], Mapping[str, str]],
) -> Address:
    """`local` gives the addresses of the laptop cloud's functions. Raises WrongUsage and NotReached."""
    candidates = (
        (flags.single.get(function), f"--{function}-url", ""),
        (flags.base, "--url", f"/{function}"),
        (environment.get(function.variable) or None, function.variable, ""),
        (environment.get("SWITCHYARD_URL") or None, "SWITCHYARD_URL", f"/{function}"),
    )
    for text, name, path in candidates:
        if text is not None:
            url = checked_url(text, name) + path
            address = Address(function, url, f"check {name} and the network")
            return Address(function, url, ADVICE) if address.is_loopback else address
    found = local().get(function)
    if found is None:
        raise NotReached(f"{function}: no laptop cloud is running here; {START_IT}")
    return Address(function, checked_url(found, "the laptop cloud's address"), ADVICE)


def checked_url(text: str, name: str) -> str:
    """Raises WrongUsage without repeating the text, which may hold a password."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise WrongUsage(f"{name}: this is not an address ({error})") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise WrongUsage(f"{name}: an address begins with https:// (or http://) and a host")
    if url.userinfo or url.query or url.fragment:
        raise WrongUsage(f"{name}: an address may not hold a user, query or fragment")
    return str(url).rstrip("/")
