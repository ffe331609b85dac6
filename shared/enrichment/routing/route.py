from enum import StrEnum


class Route(StrEnum):
    """Who completes a record."""

    AUTOMATION = "automation"
    MANUAL = "manual"


class TaskPriority(StrEnum):
    """How urgent a task is: high comes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the most urgent, to sort by."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(TaskPriority)}
