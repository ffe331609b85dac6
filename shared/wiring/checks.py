"""What the functions check for `GET /health`. Each check raises, reads at most, and asks no vendor.

A function names the checks of what it uses; those are built and imported when it is first asked for its health.
"""

from shared.wiring import enrichment

NOTHING_THERE = "health/nothing-there"
"""Never on the label shelf: to be told so takes the address, the key and the bucket."""


def record_tables() -> None:
    enrichment.record_store().pending_manual_tasks(1, None)


def order_tables() -> None:
    from shared.wiring import fulfillment

    fulfillment.order_store().recent_stage_runs(1)


def automation_queue() -> None:
    enrichment.automation_queue().check()


def dead_letter_queue() -> None:
    enrichment.dead_letter_queue().check()


def source() -> None:
    enrichment.record_source().check()


def policies() -> None:
    from shared.enrichment.routing.policy_file import available_policies, load_policy

    for name in available_policies():
        load_policy(name)


def catalogue_settings() -> None:
    enrichment.catalogue()


def marketplace_settings() -> None:
    from shared.wiring import fulfillment

    fulfillment.marketplace()


def label_settings() -> None:
    from shared.wiring import fulfillment

    fulfillment.label_purchase()


def label_shelf() -> None:
    from shared.errors import NotFound
    from shared.wiring import fulfillment

    try:
        fulfillment.label_shelf().get(NOTHING_THERE)
    except NotFound:
        return
