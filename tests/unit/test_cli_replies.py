import pytest

from cli.addresses import Address, Function
from cli.client import Reply, read_answer
from cli.failures import Refused
from cli.screen import shown


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b'"text"', b'{"detail": "no code"}'])
def test_a_foreign_body_is_not_taken_for_our_problem(content: bytes) -> None:
    assert Reply(400, {}, content).problem is None


@pytest.mark.parametrize("errors", ["no list", [], None])
def test_a_problem_without_fields_is_shown_by_its_detail(errors: object) -> None:
    reply = Reply(422, {}, b"")
    reply.__dict__["json"] = {"detail": "wrong", "code": "invalid_request", "errors": errors}

    with pytest.raises(Refused, match=r"wrong \(invalid_request\)"):
        read_answer(reply, Address(Function.WORKFLOW, "http://127.0.0.1:1", ""))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (3, "3"),
        ("plain", "plain"),
        ("Ω ✓ 日本", "Ω ✓ 日本"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("right\u202eto left", r"right\u202eto left"),
        ("\u2028", r"\u2028"),
        ("\ud83d", r"\ud83d"),
    ],
)
def test_values_cannot_steer_the_terminal(value: object, text: str) -> None:
    assert shown(value) == text
