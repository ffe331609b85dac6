"""The SQL functions of the operator's board, and of undo calls that need a second person."""

from shared.cloud.order_reports import SupabaseCalls
from shared.fulfillment.board import BoardFilter
from shared.fulfillment.store import Json


class SupabaseOrderBoard(SupabaseCalls):
    """Implements OrderBoard of `shared.fulfillment.board`."""

    def board(self, wanted: BoardFilter, limit: int, after: Json | None, zone: str) -> Json:
        board: Json = self._call(
            "order_board", p_wanted=wanted.to_json(), p_limit=limit, p_after=after, p_zone=zone
        )
        return board

    def approve_undo(self, order_id: str, by: str, note: str) -> Json:
        return self._decided("approve_undo", order_id, by, note)

    def decline_undo(self, order_id: str, by: str, note: str) -> Json:
        return self._decided("decline_undo", order_id, by, note)

    def _decided(self, decision: str, order_id: str, by: str, note: str) -> Json:
        row: Json = self._call(decision, p_order_id=order_id, p_by=by, p_note=note)
        return row
