"""The composition root of enrichment."""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from shared import settings
from shared.clock import system_clock
from shared.wiring import common

if TYPE_CHECKING:
    from uuid import UUID

    from shared.cloud.bigquery import BigQuerySource
    from shared.cloud.record_store import SupabaseRecordStore
    from shared.cloud.tasks import CloudTasksQueue
    from shared.enrichment.automate import Reply, Worker
    from shared.enrichment.orchestrate import Orchestrator
    from shared.enrichment.sweep import Sweeper
    from shared.vendors.digikey.client import DigiKeyCatalogue


@cache
def record_store() -> "SupabaseRecordStore":
    from shared.cloud.record_store import StoreTimes, SupabaseRecordStore
    from shared.cloud.supabase import SupabaseRpc

    store = settings.StoreSettings.from_environment()
    sweep = settings.SweepSettings.from_environment()
    review = settings.DeskSettings.from_environment()
    times = StoreTimes(
        lease=settings.DeliverySettings.from_environment().lease,
        grace=sweep.grace,
        patience=sweep.patience,
        claim=review.claim,
        due_high=review.due_high,
        due_medium=review.due_medium,
        due_low=review.due_low,
    )
    rpc = SupabaseRpc(store.url, store.key.get_secret_value(), timeout=store.timeout, tls=common.tls)
    return SupabaseRecordStore(rpc, times, max_attempts=common.workflow_config().automation_retry_attempts)


@cache
def automation_queue() -> "CloudTasksQueue":
    queue = settings.QueueSettings.from_environment()
    return _queue(queue, queue.automation_queue, queue.automate_url)


@cache
def dead_letter_queue() -> "CloudTasksQueue":
    queue = settings.QueueSettings.from_environment()
    return _queue(queue, queue.dead_letter_queue, queue.fallback_url)


def _queue(queue: settings.QueueSettings, name: str, target_url: str) -> "CloudTasksQueue":
    from shared.cloud.tasks import CloudTasksQueue, QueueAddress

    address = QueueAddress(
        project=queue.project,
        location=queue.location,
        queue=name,
        target_url=target_url,
        service_account=queue.service_account,
        api_endpoint=queue.api_endpoint,
    )
    return CloudTasksQueue(address, timeout=queue.timeout)


@cache
def catalogue() -> "DigiKeyCatalogue":
    from shared.vendors.digikey.account import DigiKeyCredentials, DigiKeyLocale
    from shared.vendors.digikey.client import DigiKeyBounds, DigiKeyCatalogue

    vendor = settings.CatalogueSettings.from_environment()
    return DigiKeyCatalogue(
        DigiKeyCredentials(vendor.client_id, vendor.client_secret.get_secret_value()),
        base_url=vendor.base_url,
        locale=DigiKeyLocale(vendor.site, vendor.language, vendor.currency),
        bounds=DigiKeyBounds(read=vendor.timeout, total=vendor.timeout),
        tls=common.tls(),
    )


@cache
def record_source() -> "BigQuerySource":
    from shared.cloud.bigquery import BigQuerySource

    source = settings.SourceSettings.from_environment()
    return BigQuerySource(
        source.table,
        project=source.project,
        ledger_table=source.ledger_table,
        location=source.location,
        api_endpoint=source.api_endpoint,
        timeout=source.timeout,
    )


@cache
def orchestrator() -> "Orchestrator":
    from shared.enrichment.orchestrate import Orchestrator

    return Orchestrator(
        source=record_source(),
        store=record_store(),
        queue=automation_queue(),
        config=common.workflow_config(),
        clock=system_clock,
        reprocess_after=timedelta(days=settings.ReprocessSettings.from_environment().after_days),
    )


@cache
def worker() -> "Worker":
    from shared.enrichment.automate import Worker

    return Worker(
        record_store(), catalogue(), automation_queue(), dead_letter_queue(), common.workflow_config()
    )


def deliver(task_id: "UUID", number: int, *, last: bool, queue_task: str) -> "Reply":
    """One delivery to the worker, whose import a mere health check need not pay for."""
    from shared.enrichment.automate import Delivery

    return worker().work(Delivery(task_id, number, last, queue_task))


@cache
def sweeper() -> "Sweeper":
    from shared.enrichment.sweep import Sweeper

    return Sweeper(record_store(), automation_queue(), common.workflow_config())
