"""What the functions check for `GET /health`. Each check raises, reads at most, and asks no vendor.

A function names the checks of what it uses; those are built and imported when it is first asked for its health.
"""

from shared import wiring

NOTHING_THERE = "health/nothing-there"
"""Never on the label shelf: to be told so takes the address, the key and the bucket."""


def record_tables() -> None:
    wiring.record_store().pending_manual_tasks(1, None)


def order_tables() -> None:
    from shared import order_wiring

    order_wiring.order_store().recent_stage_runs(1)


def automation_queue() -> None:
    wiring.automation_queue().check()


def dead_letter_queue() -> None:
    wiring.dead_letter_queue().check()


def source() -> None:
    wiring.record_source().check()


def policies() -> None:
    from shared.routing.policy_file import available_policies, load_policy

    for name in available_policies():
        load_policy(name)


def catalogue_settings() -> None:
    wiring.catalogue()


def marketplace_settings() -> None:
    from shared import order_wiring

    order_wiring.marketplace()


def label_settings() -> None:
    from shared import order_wiring

    order_wiring.label_purchase()


def label_shelf() -> None:
    from shared import order_wiring
    from shared.errors import NotFound

    try:
        order_wiring.label_shelf().get(NOTHING_THERE)
    except NotFound:
        return
