"""The endpoints of `workflow` about people's roles at the desk: what its page People can do."""

from collections.abc import Sequence
from typing import Literal

from shared.web.call import Answer, Call, NoInput, RequestModel
from shared.web.desk.visitor import PeopleTable, Role
from shared.web.fields import Person, Text
from shared.web.function import Route, Supply

SET_ROLE = "set role"
RoleWord = Literal["viewer", "reviewer", "operator", "none"]


class RoleRequest(RequestModel):
    """`role` none takes the role away."""

    person: Person
    role: RoleWord
    note: Text

    @property
    def subject(self) -> str:
        """Stands in the log of the desk."""
        return f"{self.person}: {self.role}"

    def save(self, people: PeopleTable, by: str) -> None:
        people.set_role(self.person, None if self.role == "none" else self.role, by)


class RoleSetRequest(RoleRequest):
    by: Person


def desk_people(people: Supply) -> Sequence[Route]:
    """`people` returns a PeopleTable."""
    return (
        Route("GET", "/people", NoInput, _people, (people,)),
        Route("POST", "/people", RoleSetRequest, _set_role, (people,)),
    )


def _people(_request: NoInput, _call: Call, people: PeopleTable) -> Answer:
    return Answer(people.list_people())


def _set_role(request: RoleSetRequest, _call: Call, people: PeopleTable) -> Answer:
    """Whoever may call `workflow` may do all that an operator may, so the log has the role operator."""
    request.save(people, request.by)
    people.note_action(request.by, Role.OPERATOR.word, SET_ROLE, request.subject, request.note)
    return Answer(people.list_people(), logged={"role": request.role})
