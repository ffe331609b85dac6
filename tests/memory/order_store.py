"""The store of fulfillment without a database: the promises of the SQL functions, for one caller at a time."""

from tests.memory.order_outside import InMemoryOutside


class InMemoryOrderStore(InMemoryOutside):
    """Implements StageStore, LabelStore, MessageStore, InboxReports and OutsideStore of `shared.fulfillment`."""
