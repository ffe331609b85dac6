"""A time in whole days, as the reports ask for it."""

from datetime import UTC, date, datetime, timedelta

from shared.errors import FieldError, InvalidRequest
from shared.web.call import RequestModel

DEFAULT_DAYS = 90
LONGEST_DAYS = 400


class Days(RequestModel):
    """`last` is by default today (UTC), `first` makes it 90 days."""

    first: date | None = None
    last: date | None = None
    csv: bool = False

    def span(self) -> tuple[date, date]:
        """Raises InvalidRequest for a time that is too long, or ends before it begins."""
        last = self.last or datetime.now(UTC).date()
        try:
            first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        except OverflowError:
            first = last
        if not 0 <= (last - first).days <= LONGEST_DAYS:
            detail = f"from first to last are 0 to {LONGEST_DAYS} days"
            raise InvalidRequest(detail, [FieldError("first", detail)])
        return first, last
