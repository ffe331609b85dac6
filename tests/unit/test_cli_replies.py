import pytest

from cli.addresses import Address, Function
from cli.client import FileReply, Reply, read_answer, read_file
from cli.failures import NotReached, Refused
from cli.screen import shown
from shared.web.call import File

WORKFLOW = Address(Function.WORKFLOW, "http://127.0.0.1:1", "")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b'"text"', b'{"detail": "no code"}'])
def test_a_foreign_body_is_not_taken_for_our_problem(content: bytes) -> None:
    assert Reply(400, {}, content).problem is None


@pytest.mark.parametrize("errors", ["no list", [], None])
def test_a_problem_without_fields_is_shown_by_its_detail(errors: object) -> None:
    reply = Reply(422, {}, b"")
    reply.__dict__["json"] = {"detail": "wrong", "code": "invalid_request", "errors": errors}

    with pytest.raises(Refused, match=r"wrong \(invalid_request\)"):
        read_answer(reply, WORKFLOW)


@pytest.mark.parametrize(
    "name",
    ["labels 2026-11-27 (25 orders).pdf", 'a "b"; c=d 50%.pdf', "Łódź 김.pdf"],
)
def test_a_file_has_the_name_that_the_function_gives(name: str) -> None:
    sent = File(b"%PDF", "application/pdf", name)

    reply = Reply(200, sent.headers | {"Content-Type": sent.media_type}, sent.content)

    assert read_file(reply, WORKFLOW) == FileReply(b"%PDF", name, "application/pdf")


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../.ssh/config", "_.._.ssh_config"),
        (".bashrc", "bashrc"),
        ("C:\\boot.ini", "C:_boot.ini"),
        ("a\nb\x00\x7f", "a_b__"),
        ("..", "unnamed"),
    ],
)
def test_a_file_cannot_choose_its_folder_or_hide(name: str, saved: str) -> None:
    assert read_file(Reply(200, File(b"", "", name).headers, b""), WORKFLOW).name == saved


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"Content-Type": "text/html"}, b"<html>"),
        Reply(200, {"Content-Type": "application/json"}, b"{}"),
        Reply(200, {"Content-Disposition": "inline; filename*=UTF-8''a.pdf"}, b"%PDF"),
        Reply(200, {"Content-Disposition": 'attachment; filename="a.pdf"'}, b"%PDF"),
        Reply(302, File(b"", "", "a.pdf").headers, b""),
    ],
)
def test_an_answer_that_is_no_file_of_ours_is_not_the_functions(reply: Reply) -> None:
    with pytest.raises(NotReached, match="this is not the function"):
        read_file(reply, WORKFLOW)


def test_a_function_may_refuse_a_file() -> None:
    body = b'{"detail": "no order 7", "code": "not_found"}'

    with pytest.raises(Refused, match=r"workflow refused: no order 7 \(not_found\)"):
        read_file(Reply(404, {}, body), WORKFLOW)


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
