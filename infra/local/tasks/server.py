"""The server's parts, put together."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.google import serving
from infra.local.google.courier import Courier
from infra.local.google.journal import Journal
from infra.local.google.serving import Service
from infra.local.tasks.books import Books
from infra.local.tasks.control import control_app
from infra.local.tasks.dispatcher import Dispatcher
from infra.local.tasks.faults import Faults
from infra.local.tasks.limits import Settings
from infra.local.tasks.refusals import PRODUCT
from infra.local.tasks.registry import Registry
from infra.local.tasks.rpc import handlers
from infra.local.tasks.service import CloudTasksService

SCHEMA = Path(__file__).with_name("schema.sql").read_text()


@dataclass(frozen=True)
class Options(serving.Options):
    settings: Settings = field(default_factory=Settings)


async def serve(options: Options) -> None:
    """Runs until SIGTERM or SIGINT. Raises PortTaken and DataFileUnusable."""

    @asynccontextmanager
    async def build(journal: Journal) -> AsyncIterator[Service]:
        registry = Registry(journal, options.settings, time.time)
        books, faults, courier = Books(journal), Faults(), Courier()
        await registry.load()
        await books.open()
        dispatcher = Dispatcher(registry, books, courier, faults)
        cloud_tasks = CloudTasksService(registry, dispatcher, faults)
        try:
            yield Service(
                handlers(cloud_tasks),
                control_app(registry, books, faults),
                (dispatcher.run, dispatcher.keep_house),
            )
        finally:
            await courier.close()

    await serving.serve(PRODUCT, options, SCHEMA, build)
