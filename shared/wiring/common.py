"""What both enrichment and fulfillment are built with."""

from functools import cache
from typing import TYPE_CHECKING

from shared import settings
from shared.workflow_config import WorkflowConfig

if TYPE_CHECKING:
    from ssl import SSLContext


def require(*groups: type[settings.Settings]) -> None:
    """Raises SettingsInvalid unless these groups, the log's and the workflow's can be read from the environment."""
    for group in groups:
        group.from_environment()
    settings.LogSettings.from_environment()
    workflow_config()


@cache
def workflow_config() -> WorkflowConfig:
    import os

    return WorkflowConfig.from_environment(os.environ)


@cache
def tls() -> "SSLContext":
    import httpx

    return httpx.create_ssl_context()
