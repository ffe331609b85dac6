"""The table of roles and the log of the desk: in memory, and the SQL functions through Supabase's client."""

from collections.abc import Iterator

import pytest

from shared.clock import system_clock
from shared.cloud.desk_people import SupabasePeople
from shared.cloud.supabase import SupabaseRpc
from tests.memory.desk_people import InMemoryPeople

People = InMemoryPeople | SupabasePeople


@pytest.fixture(params=["memory", "supabase"])
def people(request: pytest.FixtureRequest) -> Iterator[People]:
    if request.param == "memory":
        yield InMemoryPeople(system_clock)
    else:
        rest = request.getfixturevalue("rest_server")
        rpc = SupabaseRpc(rest.url, rest.service_key, timeout=20)
        yield SupabasePeople(rpc)
        rpc.close()


def names(people: People) -> list[tuple[str, str, str]]:
    return [(each["person"], each["role"], each["by"]) for each in people.list_people()["people"]]


def test_a_role_is_given_changed_and_taken_away(people: People) -> None:
    assert people.role_of("ana") is None
    people.set_role("ana", "viewer", "olga")
    people.set_role("bo", "reviewer", "olga")
    people.set_role("ana", "operator", "bo")
    assert (people.role_of("ana"), names(people)) == (
        "operator",
        [("ana", "operator", "bo"), ("bo", "reviewer", "olga")],
    )
    people.set_role("ana", None, "olga")
    people.set_role("ana", None, "olga")
    assert (people.role_of("ana"), names(people)) == (None, [("bo", "reviewer", "olga")])


def test_the_same_role_again_changes_nothing(people: People) -> None:
    people.set_role("ana", "viewer", "olga")
    before = people.list_people()["people"]
    people.set_role("ana", "viewer", "bo")
    assert people.list_people()["people"] == before


def test_the_log_has_the_latest_action_first(people: People) -> None:
    people.note_action("olga", "operator", "retry", "B-1", "address corrected")
    people.note_action("rita", "reviewer", "claim", "t-1", None)
    actions = people.list_people()["actions"]
    assert [
        (each["person"], each["role"], each["action"], each["subject"], each["note"]) for each in actions
    ] == [
        ("rita", "reviewer", "claim", "t-1", None),
        ("olga", "operator", "retry", "B-1", "address corrected"),
    ]
    assert all(each["at"] for each in actions)


def test_tries_are_counted_for_each_person(people: People) -> None:
    assert [people.count_try("ana", 2, 3_600.0) for _ in range(3)] == [True, True, False]
    assert people.count_try("bo", 2, 3_600.0)
