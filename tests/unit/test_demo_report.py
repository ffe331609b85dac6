import io
from datetime import UTC, datetime

from cli.answers import ManualTask
from cli.screen import Screen
from infra.local.demo.report import Change, Completed, cut, show_books, show_manual_tasks, show_products


def task(pn: str, cause: str | None = None) -> ManualTask:
    return ManualTask(
        id=pn,
        batch_id="b",
        pn=pn,
        manufacturer=None,
        type="automation_fallback" if cause else "workflow_generated",
        priority="high",
        state="initialized",
        reason=f"automation failed ({cause}): it said no (request 1f)" if cause else "a rule",
        cause=cause,
        attempts=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def shown_tasks(*tasks: ManualTask) -> list[str]:
    text = io.StringIO()
    show_manual_tasks(Screen(text), tasks)
    return text.getvalue().splitlines()


def test_both_kinds_of_tasks_are_shown_when_there_are_both() -> None:
    lines = shown_tasks(*[task(f"R{n}") for n in range(9)], *[task(f"D{n}", "not_found") for n in range(9)])

    assert lines == [
        "  9 given to a person by decision",
        "    high   R0               a rule",
        "    high   R1               a rule",
        "    high   R2               a rule",
        "  9 dead letters of automation, with what the vendor said",
        "    high   D0               it said no",
        "    high   D1               it said no",
    ]


def test_tasks_of_only_one_kind_fill_the_list() -> None:
    assert len(shown_tasks(*[task(f"R{n}") for n in range(9)])) == 6
    assert len(shown_tasks(*[task(f"D{n}", "lost") for n in range(9)])) == 6
    assert shown_tasks() == []


def test_the_vendor_s_calls_are_counted_and_repeated_look_ups_are_shown() -> None:
    text = io.StringIO()
    books = {
        "calls_in_all": 9,
        "totals": {
            "found": 2,
            "search_hit": 1,
            "not_found": 1,
            "search_empty": 2,
            "token": 1,
            "fault": 3,
            "burst_limited": 1,
            "mistaken": 2,
        },
        "looked_up": {"X1": 2, "X2": 1},
        "delivered": {"X1": 2, "X2": 1},
    }

    show_books(Screen(text), books, [2, 1])

    assert text.getvalue().splitlines() == [
        "  9 calls: 2 parts found, 3 not found, 2 too many (429), 2 unavailable (503), 1 tokens",
        "  also 2 mistaken",
        "  parts looked up again once their answer had arrived: 1",
    ]


def test_a_product_with_many_changes_is_cut_and_says_so() -> None:
    text = io.StringIO()
    changes = tuple(Change(f"field {n}", None, "x" * 200) for n in range(10))

    show_products(Screen(text), [Completed("X1", "Acme", changes)])

    lines = text.getvalue().splitlines()
    assert len(lines) == 10
    assert max(map(len, lines)) == 100
    assert lines[-1] == "    ... and 2 more"


def test_a_batch_without_products_says_so() -> None:
    text = io.StringIO()

    show_products(Screen(text), [])

    assert text.getvalue() == "  none was completed\n"


def test_a_text_that_fits_is_not_cut() -> None:
    assert (cut("abcdef", 6), cut("abcdefg", 6)) == ("abcdef", "abc...")
