"""`make seed-orders`: the demo's orders, put into a stack that runs."""

import time
from collections.abc import Callable

import httpx

from cli.screen import Screen
from infra.local.demo.backstage import PAYMENT_DELAYS, Backstage
from infra.local.demo.orders import ORDERS, THREADS, stage_in_words
from infra.local.demo.planted import PLANTED, disturb, plant
from infra.local.functions import STAGES
from infra.local.local_stack import LocalStack
from laptop.supervisor.errors import StackError

_NEEDED = ("mirakl", "canada-post", *STAGES)


def seed_orders(stack: LocalStack, screen: Screen, *, cycle: bool) -> int:
    """With `cycle`, fires each stage once, and does what buyer and marketplace do meanwhile. Returns the exit status.

    Every call adds as many orders. The demo's orders with names of their own, and the faults, come with the first one.
    """
    missing = [name for name in _NEEDED if name not in stack.state.parts]
    if missing:
        raise StackError(f"{missing[0]} does not run. `make up`, or `make up LINE=orders`, starts it.")
    try:
        with Backstage(stack) as backstage:
            first = _feed(backstage, screen)
            if cycle:
                _cycle(backstage, screen, disturb if first else _undisturbed)
    except httpx.HTTPError as error:
        raise StackError(f"{error}. `make status` shows what does not run.") from error
    if not cycle:
        screen.line(
            "The stages' jobs start paused. One cycle: .venv/bin/python -m infra.local scheduler --once"
        )
    screen.line("What needs a person: .venv/bin/python run_workflow.py orders --attention")
    return 0


def _feed(backstage: Backstage, screen: Screen) -> bool:
    """True when the orders with names of their own were not there before."""
    known = backstage.control("mirakl", "GET", "orders")["orders"]
    named = 0 if PLANTED.keys() & known.keys() else len(PLANTED)
    backstage.control("mirakl", "PUT", "delays", PAYMENT_DELAYS)
    if named:
        plant(backstage)
    backstage.control("mirakl", "POST", "orders", {"count": ORDERS - named, "seed": 7})
    backstage.control("mirakl", "POST", "threads", {"count": THREADS, "seed": 7})
    screen.line(
        f"{ORDERS} orders and {THREADS} message threads are new at the Mirakl sandbox, {len(known)} were there."
    )
    if named:
        screen.line(
            f"{named} of them are made to need a person; one label's answer will be lost, on purpose."
        )
    return bool(named)


def _undisturbed(_backstage: Backstage, _stage: str) -> None:
    """Buyers and marketplace do nothing meanwhile."""


def _cycle(backstage: Backstage, screen: Screen, after: Callable[[Backstage, str], None]) -> None:
    name = f"seed-{time.time():.0f}"
    for stage in STAGES:
        screen.line(f"  {stage:<16} {stage_in_words(backstage.fire(stage, {'cycle': name}))}")
        if stage == STAGES[0]:
            backstage.wait_for_payment()
        after(backstage, stage)
