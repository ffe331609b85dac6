"""The desk's table of roles and its log, without a database."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.clock import Clock

Json = dict[str, Any]


@dataclass
class InMemoryPeople:
    """Does what SupabasePeople does."""

    clock: Clock
    people: dict[str, Json] = field(default_factory=dict)
    actions: list[Json] = field(default_factory=list)
    tries: dict[str, list[Any]] = field(default_factory=dict)

    def role_of(self, person: str) -> str | None:
        return self.people[person]["role"] if person in self.people else None

    def count_try(self, person: str, most: int, within: float) -> bool:
        now = self.clock()
        kept = [
            at for at in self.tries.get(person, ()) if self.tries[person][0] + timedelta(seconds=within) > now
        ]
        self.tries[person] = [*kept, now]
        return len(self.tries[person]) <= most

    def note_action(self, person: str, role: str, action: str, subject: str, note: str | None) -> None:
        entry = {"person": person, "role": role, "action": action, "subject": subject, "note": note}
        self.actions.insert(0, {"at": self.clock().isoformat(), **entry})

    def list_people(self) -> Json:
        return {"people": [self.people[name] for name in sorted(self.people)], "actions": self.actions[:100]}

    def set_role(self, person: str, role: str | None, by: str) -> Json:
        if role is None:
            self.people.pop(person, None)
        elif self.role_of(person) != role:
            self.people[person] = {"person": person, "role": role, "by": by, "at": self.clock().isoformat()}
        return self.list_people() | {"actions": []}
