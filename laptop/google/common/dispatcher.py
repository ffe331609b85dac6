"""The loop that sends what is due, whatever it is."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Generic

from laptop.google.common.calls import Call, Caller, Outcome
from laptop.google.common.faults import F, SeededFaults

LONGEST_WAIT = 60.0


class Dispatcher(ABC, Generic[F]):
    def __init__(self, caller: Caller, faults: SeededFaults[F]) -> None:
        self._caller = caller
        self._faults = faults
        self._wake = asyncio.Event()
        self._sending: asyncio.TaskGroup | None = None

    def wake(self) -> None:
        """Has the loop look again: a task or job was created, an answer came, the time was set."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled. Requests that are then in flight are due again at the next start.

        A bug in a delivery ends the server, because a task that waits for ever without notice would be worse.
        """
        async with asyncio.TaskGroup() as self._sending:
            while True:
                self._wake.clear()
                wait = self.send_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    @abstractmethod
    def send_due(self) -> float:
        """Starts all requests that may start now; returns the seconds until more may."""

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        assert self._sending, "only `run` sends"
        self._sending.create_task(sending)

    async def _make(self, call: Call, deadline: float, scope: str) -> Outcome:
        """`deadline` in seconds; a latency fault counts towards it."""
        latency = self._faults.draw("latency", scope)
        if latency:
            await asyncio.sleep(min(latency.seconds, deadline))
            deadline -= latency.seconds
        return await self._caller.make(call, max(deadline, 0))
