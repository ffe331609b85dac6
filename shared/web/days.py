"""A time in whole days, as the reports ask for it."""

from datetime import date, timedelta
from typing import ClassVar

from shared.clock import system_clock
from shared.errors import FieldError, InvalidRequest
from shared.web.call import RequestModel

LONGEST_DAYS = 400


class Days(RequestModel):
    """`last` is by default today (UTC), `first` makes it `usual` days."""

    usual: ClassVar[int] = 90

    first: date | None = None
    last: date | None = None
    csv: bool = False

    def span(self) -> tuple[date, date]:
        """Raises InvalidRequest for a time that is too long, or ends before it begins."""
        last = self.last or system_clock().date()
        try:
            first = self.first or last - timedelta(days=self.usual - 1)
        except OverflowError:
            first = last
        if not 0 <= (last - first).days <= LONGEST_DAYS:
            detail = f"from first to last are 0 to {LONGEST_DAYS} days"
            raise InvalidRequest(detail, [FieldError("first", detail)])
        return first, last
