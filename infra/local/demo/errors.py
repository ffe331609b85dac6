from laptop.supervisor.errors import StackError


class DemoFailed(StackError):
    """Something did not end as it must; the message says what, and where the logs are."""
