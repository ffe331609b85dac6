from datetime import UTC, datetime


def moment(time: datetime | None) -> str:
    """In UTC, to the second."""
    return "-" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
