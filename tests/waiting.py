"""Waiting for a condition, and for nothing else."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found]) -> Found:
    """Returns the first truthy answer. The test's own time limit is the bound."""
    while not (found := condition()):
        time.sleep(0.01)
    return found
