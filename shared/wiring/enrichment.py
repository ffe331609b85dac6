"""Parts of enrichment."""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared import settings
from shared.clock import system_clock
from shared.wiring import common
from shared.wiring.part import part
from shared.workflow_config import WorkflowConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from shared.cloud.bigquery import BigQuerySource
    from shared.cloud.record_insight import SupabaseRecordInsight
    from shared.cloud.record_jobs import SupabaseJobStore
    from shared.cloud.record_store import SupabaseRecordStore
    from shared.cloud.record_work import SupabaseRecordWork
    from shared.cloud.supabase import SupabaseRpc
    from shared.cloud.tasks import CloudTasksQueue
    from shared.enrichment.automate import Worker
    from shared.enrichment.jobs import JobDriver
    from shared.enrichment.orchestrate import Orchestrator
    from shared.enrichment.ports import JsonObject
    from shared.enrichment.sweep import Sweeper
    from shared.vendors.digikey.client import DigiKeyCatalogue


@part(
    common.database,
    settings.DeliverySettings,
    settings.SweepSettings,
    settings.DeskSettings,
    settings.BreakerSettings,
    settings.ReliabilitySettings,
    WorkflowConfig,
)
def record_store(
    database: "SupabaseRpc",
    delivery: settings.DeliverySettings,
    sweep: settings.SweepSettings,
    desk: settings.DeskSettings,
    breaker: settings.BreakerSettings,
    reliability: settings.ReliabilitySettings,
    config: WorkflowConfig,
) -> "SupabaseRecordStore":
    from shared.cloud.record_desk import StoreTimes
    from shared.cloud.record_store import SupabaseRecordStore

    times = StoreTimes(
        lease=delivery.lease,
        grace=sweep.grace,
        patience=sweep.patience,
        claim=desk.claim,
        due_high=desk.due_high,
        due_medium=desk.due_medium,
        due_low=desk.due_low,
        vendor_pause=breaker.pause,
        account_pause=breaker.account_pause,
        half_life_days=reliability.half_life_days,
        undo=desk.undo,
    )
    return SupabaseRecordStore(database, times, max_attempts=config.automation_retry_attempts)


@part(common.database, settings.DeskSettings)
def record_work(database: "SupabaseRpc", desk: settings.DeskSettings) -> "SupabaseRecordWork":
    from shared.cloud.record_work import SupabaseRecordWork

    return SupabaseRecordWork(database, claim=desk.claim)


@part(common.database)
def record_insight(database: "SupabaseRpc") -> "SupabaseRecordInsight":
    from shared.cloud.record_insight import SupabaseRecordInsight

    return SupabaseRecordInsight(database)


@part(settings.QueueSettings)
def automation_queue(queue: settings.QueueSettings) -> "CloudTasksQueue":
    return _queue(queue, queue.automation_queue, queue.automate_url)


@part(settings.QueueSettings)
def dead_letter_queue(queue: settings.QueueSettings) -> "CloudTasksQueue":
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


@part(settings.CatalogueSettings)
def catalogue(vendor: settings.CatalogueSettings) -> "DigiKeyCatalogue":
    from shared.vendors.digikey.account import DigiKeyCredentials, DigiKeyLocale
    from shared.vendors.digikey.client import DigiKeyBounds, DigiKeyCatalogue

    return DigiKeyCatalogue(
        DigiKeyCredentials(vendor.client_id, vendor.client_secret.get_secret_value()),
        base_url=vendor.base_url,
        locale=DigiKeyLocale(vendor.site, vendor.language, vendor.currency),
        bounds=DigiKeyBounds(read=vendor.timeout, total=vendor.timeout),
        tls=common.tls(),
    )


@part()
def offers() -> "Callable[[JsonObject | None, str], list[dict[str, Any]]]":
    """Reads what the vendor's last answer about a part offers to a person."""
    from shared.vendors.digikey.offers import offers

    return offers


@part(settings.SourceSettings)
def record_source(source: settings.SourceSettings) -> "BigQuerySource":
    from shared.cloud.bigquery import BigQuerySource

    return BigQuerySource(
        source.table,
        project=source.project,
        ledger_table=source.ledger_table or f"{source.table}_ledger",
        location=source.location,
        api_endpoint=source.api_endpoint,
        timeout=source.timeout,
    )


@part(record_source, record_store, automation_queue, WorkflowConfig, settings.ReprocessSettings)
def orchestrator(
    source: "BigQuerySource",
    store: "SupabaseRecordStore",
    queue: "CloudTasksQueue",
    config: WorkflowConfig,
    reprocess: settings.ReprocessSettings,
) -> "Orchestrator":
    from shared.enrichment.orchestrate import Orchestrator, Reprocessing

    reprocessing = Reprocessing(timedelta(days=reprocess.after_days), reprocess.share)
    return Orchestrator(source, store, queue, config, system_clock, reprocessing)


@part(record_store, catalogue, automation_queue, dead_letter_queue, WorkflowConfig)
def worker(
    store: "SupabaseRecordStore",
    catalogue: "DigiKeyCatalogue",
    queue: "CloudTasksQueue",
    dead_letters: "CloudTasksQueue",
    config: WorkflowConfig,
) -> "Worker":
    from shared.enrichment.automate import Worker

    return Worker(store, catalogue, queue, dead_letters, config)


@part(settings.DeliverySettings)
def max_deliveries(delivery: settings.DeliverySettings) -> int:
    return delivery.max_attempts


@part(record_store, automation_queue, WorkflowConfig, settings.SweepSettings)
def sweeper(
    store: "SupabaseRecordStore",
    queue: "CloudTasksQueue",
    config: WorkflowConfig,
    sweep: settings.SweepSettings,
) -> "Sweeper":
    from shared.enrichment.sweep import Sweeper

    return Sweeper(store, queue, config, system_clock, timedelta(seconds=sweep.budget))


@part(settings.SweepSettings)
def sweep_limit(sweep: settings.SweepSettings) -> int:
    return sweep.limit


@part(WorkflowConfig)
def daily_limit(config: WorkflowConfig) -> int:
    return config.max_daily_tasks


@part(common.database, WorkflowConfig)
def job_store(database: "SupabaseRpc", config: WorkflowConfig) -> "SupabaseJobStore":
    from shared.cloud.record_jobs import SupabaseJobStore

    return SupabaseJobStore(database, daily_limit=config.max_daily_tasks)


@part(job_store)
def job_driver(store: "SupabaseJobStore") -> "JobDriver":
    from shared.enrichment.jobs import JobDriver

    return JobDriver(store, system_clock)
