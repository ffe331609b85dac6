"""Clients of the marketplace whose pauses take no time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.clock import Clock, system_clock
from shared.vendors.mirakl.client import MiraklBounds, MiraklMarketplace
from tests.laptop.vendors.sandboxes import SHOP_KEY


def ignore(_seconds: float) -> None:
    """A pause that takes no time."""


@dataclass
class Pauses:
    """Collects the pauses instead of waiting; `then` is called with each of them."""

    seconds: list[float] = field(default_factory=list)
    then: Callable[[float], None] = ignore

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then(seconds)


def marketplace(
    url: str,
    *,
    key: str = SHOP_KEY,
    shop_id: int | None = None,
    bounds: MiraklBounds | None = None,
    pause: Callable[[float], None] = ignore,
    clock: Clock = system_clock,
) -> MiraklMarketplace:
    return MiraklMarketplace(key, base_url=url, shop_id=shop_id, bounds=bounds, pause=pause, clock=clock)
