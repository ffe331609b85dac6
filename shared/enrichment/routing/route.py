from enum import StrEnum


class Route(StrEnum):
    """The way in which a record is completed."""

    AUTOMATION = "automation"
    MANUAL = "manual"


class TaskPriority(StrEnum):
    """The urgency of a task: high comes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The sort key: 0 is the most urgent."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(TaskPriority)}
