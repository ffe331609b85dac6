"""The roles of people at the desk, and the log of what they did."""

from typing import Any

from shared.cloud.supabase import SupabaseRpc

Json = dict[str, Any]


class SupabasePeople:
    """Implements PeopleTable of `shared.web.desk.visitor`, and Tries of `shared.web.desk.code_door`."""

    def __init__(self, rpc: SupabaseRpc) -> None:
        self._rpc = rpc

    def role_of(self, person: str) -> str | None:
        role: str | None = self._rpc.call("desk_role_of", {"p_person": person})["role"]
        return role

    def count_try(self, person: str, most: int, within: float) -> bool:
        arguments = {"p_person": person, "p_most": most, "p_within": f"{within} seconds"}
        return bool(self._rpc.call("count_desk_code_try", arguments))

    def note_action(self, person: str, role: str, action: str, subject: str, note: str | None) -> None:
        arguments = {
            "p_person": person,
            "p_role": role,
            "p_action": action,
            "p_subject": subject,
            "p_note": note,
        }
        self._rpc.call("note_desk_action", arguments)

    def list_people(self) -> Json:
        """`people` have `person`, `role`, `by`, `at`; `actions`, the latest 100, also `action`, `subject`, `note`."""
        people: Json = self._rpc.call("desk_people_and_actions", {"p_limit": 100})
        return people

    def set_role(self, person: str, role: str | None, by: str) -> Json:
        """None takes the role away."""
        people: Json = self._rpc.call("set_desk_role", {"p_person": person, "p_role": role, "p_by": by})
        return people
