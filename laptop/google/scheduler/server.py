"""The server's parts, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from laptop.google.common import serving
from laptop.google.common.courier import Courier
from laptop.google.common.journal import Journal
from laptop.google.common.serving import Service
from laptop.google.scheduler.books import Books
from laptop.google.scheduler.clock import Clock
from laptop.google.scheduler.control import Control
from laptop.google.scheduler.dispatcher import Dispatcher
from laptop.google.scheduler.faults import Faults
from laptop.google.scheduler.limits import Settings
from laptop.google.scheduler.refusals import PRODUCT
from laptop.google.scheduler.registry import Registry
from laptop.google.scheduler.rpc import handlers
from laptop.google.scheduler.service import CloudSchedulerService
from laptop.google.scheduler.timekeeper import Timekeeper

SCHEMA = Path(__file__).with_name("schema.sql").read_text()
_ANSWER_BYTES = 4_096
"""So much of each answer is kept in the books."""


@dataclass(frozen=True)
class Options(serving.Options):
    settings: Settings = field(default_factory=Settings)


async def serve(options: Options) -> None:
    """Runs until SIGTERM or SIGINT. Raises PortTaken and DataFileUnusable."""

    @asynccontextmanager
    async def build(journal: Journal) -> AsyncIterator[Service]:
        registry = Registry(journal, options.settings, Clock())
        books, faults = Books(journal), Faults()
        courier = Courier(follow_redirects=True, keep=_ANSWER_BYTES)
        await registry.load()
        await books.open()
        dispatcher = Dispatcher(registry, books, courier, faults)
        timekeeper = Timekeeper(registry, dispatcher)
        try:
            yield Service(
                handlers(CloudSchedulerService(registry, dispatcher)),
                Control(registry, books, faults, timekeeper).app(),
                (dispatcher.run,),
            )
        finally:
            await courier.close()

    await serving.serve(PRODUCT, options, SCHEMA, build)
