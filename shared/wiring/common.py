"""Parts of both enrichment and fulfillment."""

from typing import TYPE_CHECKING

from shared import settings
from shared.wiring.part import part

if TYPE_CHECKING:
    from ssl import SSLContext

    from shared.cloud.scheduler import CloudSchedulerJobs
    from shared.cloud.supabase import SupabaseRpc


@part()
def tls() -> "SSLContext":
    """Shared by all clients: each context costs 20 ms and more."""
    import httpx

    return httpx.create_ssl_context()


@part(settings.StoreSettings)
def database(store: settings.StoreSettings) -> "SupabaseRpc":
    from shared.cloud.supabase import SupabaseRpc

    return SupabaseRpc(store.url, store.key.get_secret_value(), timeout=store.timeout, tls=tls)


@part(settings.SchedulerSettings)
def schedule(scheduler: settings.SchedulerSettings) -> "CloudSchedulerJobs":
    from shared.cloud.scheduler import CloudSchedulerJobs, SchedulerAddress

    address = SchedulerAddress(scheduler.project, scheduler.location, scheduler.api_endpoint)
    return CloudSchedulerJobs(address, timeout=scheduler.timeout)
