"""A right environment for every function."""

from infra.local.functions import function_environment
from infra.local.settings import PORT_OFFSETS
from shared.settings import Settings

SECRET = "hunter2" * 5
COMPLETE = {
    name: SECRET if name.endswith(("_KEY", "_SECRET", "_PASSWORD")) else value
    for name, value in function_environment(PORT_OFFSETS, "-" * 32, {}, {}).items()
}
"""Every required variable, and some others."""


def minimal(group: type[Settings]) -> dict[str, str]:
    """The variables that the group requires."""
    fields = group.model_fields.values()
    return {str(field.alias): COMPLETE[str(field.alias)] for field in fields if field.is_required()}
