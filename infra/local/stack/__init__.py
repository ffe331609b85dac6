"""The supervisor of the laptop cloud: starts, watches and stops the processes that stand in for the cloud."""

from infra.local.stack.errors import StackError
from infra.local.stack.local_stack import LocalStack

__all__ = ["LocalStack", "StackError"]
