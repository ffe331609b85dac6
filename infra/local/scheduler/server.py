"""The server's parts, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.google import serving
from infra.local.google.courier import Courier
from infra.local.google.journal import Journal
from infra.local.google.serving import Service
from infra.local.scheduler.books import Books
from infra.local.scheduler.clock import Clock
from infra.local.scheduler.control import Control
from infra.local.scheduler.dispatcher import Dispatcher
from infra.local.scheduler.faults import Faults
from infra.local.scheduler.limits import Settings
from infra.local.scheduler.refusals import PRODUCT
from infra.local.scheduler.registry import Registry
from infra.local.scheduler.rpc import handlers
from infra.local.scheduler.service import CloudSchedulerService
from infra.local.scheduler.timekeeper import Timekeeper

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
