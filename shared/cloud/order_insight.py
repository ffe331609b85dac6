"""Fulfillment's SQL functions of insight, and the log of what people did with the schedule."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from shared.cloud.order_reports import SupabaseCalls
from shared.fulfillment.store import Json
from shared.schedule import Change


class SupabaseOrderInsight(SupabaseCalls):
    """Implements OrderInsight of `shared.fulfillment`, and ScheduleLog."""

    def postage_by_day(self, first: date, last: date) -> Json:
        return self._call(
            "order_insight", p_series="postage", p_first=first.isoformat(), p_last=last.isoformat()
        )

    def now(self, stages: Sequence[str], zone: str = "UTC") -> Json:
        return self._call("fulfillment_now", p_stages=list(stages), p_zone=zone)

    def roll_up(self, seconds: float) -> Json:
        """Sums up days of postage for so long. Returns the number of days that are not summed up yet."""
        return {"postage_days_behind": self._call("roll_up_postage", p_seconds=seconds)["days_not_summed_up"]}

    def note_schedule_change(self, job: str, change: Change, by: str, note: str) -> Json:
        return self._call("note_schedule_change", p_job=job, p_change=change, p_by=by, p_note=note)

    def last_schedule_changes(self) -> dict[str, Json]:
        changes: dict[str, Json] = self._rpc.call("last_schedule_changes", {})
        return changes

    def _call(self, function: str, **arguments: Any) -> Json:  # noqa: ANN401 - JSON in
        answer: Json = super()._call(function, **arguments)
        return answer
