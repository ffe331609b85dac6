from laptop.supervisor.errors import StackError


class InputUnreadable(StackError):
    """An intake or catalogue file cannot be read, or holds nothing that can be used."""


class DemoFailed(StackError):
    """Something in the demo did not end as it must; the message says what, and where the logs are."""
