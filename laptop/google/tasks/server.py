"""The server's parts, put together."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from laptop.google.common import serving
from laptop.google.common.courier import Courier
from laptop.google.common.journal import Journal
from laptop.google.common.serving import Service
from laptop.google.tasks.books import Books
from laptop.google.tasks.control import control_app
from laptop.google.tasks.dispatcher import Dispatcher
from laptop.google.tasks.faults import Faults
from laptop.google.tasks.limits import Settings
from laptop.google.tasks.refusals import PRODUCT
from laptop.google.tasks.registry import Registry
from laptop.google.tasks.rpc import handlers
from laptop.google.tasks.service import CloudTasksService

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
