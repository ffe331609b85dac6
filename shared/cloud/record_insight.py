"""Enrichment's SQL functions of insight."""

from datetime import date
from typing import Any

from shared.clock import Clock
from shared.cloud.supabase import SupabaseRpc
from shared.enrichment.store import Json


class SupabaseRecordInsight:
    """Implements RecordInsight. `clock` moves the database's time in tests."""

    def __init__(self, rpc: SupabaseRpc, *, clock: Clock | None = None) -> None:
        self._rpc = rpc
        self._clock = clock

    def insight(self, series: str, first: date, last: date) -> Json:
        return self._call("insight", p_series=series, p_first=first.isoformat(), p_last=last.isoformat())

    def now(self, daily_limit: int) -> Json:
        return self._call("enrichment_now", p_daily_limit=daily_limit)

    def roll_up(self, seconds: float) -> Json:
        """Sums up days for so long. Returns the number of days that are not summed up yet."""
        return {"record_days_behind": self._call("roll_up_days", p_seconds=seconds)["days_not_summed_up"]}

    def _call(self, function: str, **arguments: Any) -> Json:  # noqa: ANN401 - JSON in
        if self._clock is not None:
            arguments["p_now"] = self._clock().isoformat()
        answer: Json = self._rpc.call(function, arguments)
        return answer
