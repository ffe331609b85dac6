"""The form of a manual task: what is sent is what a person changed, and nothing typed is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.desk.task_form import (
    Edits,
    TaskForm,
    attribute_table,
    draft_form,
    edits_of,
    text_rows,
    vendor_side,
)

PRODUCT = {
    "manufacturer": "onsemi",
    "category": "Logic",
    "description": None,
    "attributes": {"Voltage": "5 V", "Package": "DIP"},
    "media": [
        {"kind": "datasheet", "url": "https://a.example/1.pdf"},
        {"kind": "photo", "url": "https://a.example/1.png"},
    ],
}
AS_IT_STANDS = {
    "manufacturer": "onsemi",
    "category": "Logic",
    "attribute_was": ("Voltage", "Package"),
    "attribute_name": ("Voltage", "Package"),
    "attribute_value": ("5 V", "DIP"),
    "attribute_origin": ("", ""),
}


@pytest.mark.parametrize(
    ("typed", "edits"),
    [
        ({}, Edits()),
        ({"category": " Logic "}, Edits()),  # spaces around it are no edit
        ({"category": ""}, Edits()),  # a blank field says nothing
        ({"category": "Power"}, Edits({"category": "Power"}, {}, {"category": "typed"})),
        (
            {"description": "A gate", "origin_description": "vendor"},
            Edits({"description": "A gate"}, {}, {"description": "vendor"}),
        ),
        (
            {"description": "A gate", "origin_description": "<script>"},
            Edits({"description": "A gate"}, {}, {"description": "typed"}),
        ),
        ({"attribute_value": ("5 V", "")}, Edits({}, {"attributes": ["Package"]}, {})),
        (
            {"attribute_value": ("3 V", "DIP"), "attribute_origin": ("source", "")},
            Edits({"attributes": {"Voltage": "3 V"}}, {}, {"attribute:Voltage": "source"}),
        ),
        (  # another name: the old attribute goes
            {"attribute_name": ("Supply", "Package")},
            Edits(
                {"attributes": {"Supply": "5 V"}}, {"attributes": ["Voltage"]}, {"attribute:Supply": "typed"}
            ),
        ),
        (
            {"pasted": "Pins\t14\nno tab here\nSpeed\t1\tMHz\n"},
            Edits(
                {"attributes": {"Pins": "14", "Speed": "1 MHz"}},
                {},
                {"attribute:Pins": "typed", "attribute:Speed": "typed"},
            ),
        ),
        (
            {"add_docs": "https://a.example/2.pdf\r\nhttps://a.example/1.pdf\n\nhttps://a.example/2.pdf"},
            Edits({"docs": ["https://a.example/2.pdf"]}, {}, {}),
        ),
        (
            {"drop_images": ("https://a.example/1.png", "https://elsewhere.example/never-there.png")},
            Edits({}, {"images": ["https://a.example/1.png"]}, {}),
        ),
    ],
)
def test_what_is_sent_is_what_was_changed(typed: dict[str, object], edits: Edits) -> None:
    assert edits_of(TaskForm.model_validate(AS_IT_STANDS | typed), PRODUCT) == edits


def test_every_side_is_offered_beside_the_field() -> None:
    task = {
        "product": PRODUCT,
        "source": {"description": "gate", "attributes": {"Voltage": "5V"}},
        "vendor": {"description": "A gate", "attributes": {"Pins": "14"}},
        "similar": [{"category": "Gates", "attributes": {"Package": "SO"}}],
    }
    rows = {row.name: row for row in text_rows(None, task, vendor_side(task))}
    assert (rows["description"].source, rows["description"].vendor) == ("gate", "A gate")
    assert (rows["category"].value, rows["category"].similar) == ("Logic", "Gates")
    table = {row.label: row for row in attribute_table(None, task, vendor_side(task))}
    assert (table["Voltage"].value, table["Voltage"].source) == ("5 V", "5V")
    assert (table["Package"].similar, table["Pins"].vendor, table["Pins"].value) == ("SO", "14", "")


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12)


@given(
    texts,
    st.lists(st.tuples(texts, texts), max_size=4),
    st.lists(texts, max_size=3),
)
def test_a_draft_is_shown_as_it_was_typed(
    category: str, attributes: list[tuple[str, str]], links: list[str]
) -> None:
    form = TaskForm(
        category=category,
        attribute_was=tuple("" for _ in attributes),
        attribute_name=tuple(name for name, _ in attributes),
        attribute_value=tuple(value for _, value in attributes),
        drop_docs=tuple(links),
    )
    saved = {"fields": {"typed": form.model_dump(mode="json", exclude_defaults=True)}, "removed": {}}
    assert draft_form(saved) == form


def test_a_draft_of_the_api_is_shown_too() -> None:
    draft = {
        "fields": {"category": "Power", "attributes": {"Pins": "8"}, "docs": ["https://a.example/2.pdf"]},
        "removed": {"attributes": ["Package"]},
        "origins": {"attribute:Pins": "vendor"},
        "note": "half done",
    }
    form = draft_form(draft)
    assert form is not None
    assert edits_of(form, PRODUCT) == Edits(
        {"category": "Power", "attributes": {"Pins": "8"}, "docs": ["https://a.example/2.pdf"]},
        {"attributes": ["Package"]},
        {"category": "typed", "attribute:Pins": "vendor"},
    )
    assert form.note == "half done"
    assert draft_form(None) is None
