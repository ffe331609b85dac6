"""The form of a manual task: the product's fields as they stand, what is offered for each, and what was typed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from shared.limits import LONGEST_TEXT
from shared.web.desk.inbox import NextRequest
from shared.web.fields import NO_NUL

Json = Mapping[str, Any]
Typed = Annotated[str, StringConstraints(max_length=LONGEST_TEXT, pattern=NO_NUL)]
Typeds = Annotated[tuple[Typed, ...], Field(max_length=600)]

TEXTS = ("manufacturer", "category", "description")
LINKS = {"docs": "datasheet", "images": "photo"}
"""The field of a flat product, and the kind of its links in a product's `media`."""

ORIGINS = ("typed", "source", "vendor", "similar")
PASTED_PARTS = 2


class TaskForm(NextRequest):
    """The form of a task's page. The four `attribute_*` fields are columns of one table.

    `pasted` holds lines `name<tab>value`.
    """

    manufacturer: Typed = ""
    category: Typed = ""
    description: Typed = ""
    origin_manufacturer: Typed = ""
    origin_category: Typed = ""
    origin_description: Typed = ""
    attribute_was: Typeds = ()
    attribute_name: Typeds = ()
    attribute_value: Typeds = ()
    attribute_origin: Typeds = ()
    pasted: Typed = ""
    add_docs: Typed = ""
    add_images: Typed = ""
    drop_docs: Typeds = ()
    drop_images: Typeds = ()
    note: Typed = ""


@dataclass(frozen=True)
class Edits:
    """The differences from the product: the arguments of `complete_manual_task`."""

    fields: dict[str, Any] = field(default_factory=dict)
    removed: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the table: `value` is in the input, `was` in the product; the others are offered."""

    name: str
    label: str
    value: str
    was: str
    source: str
    vendor: str
    similar: str
    origin: str
    long: bool = False


def edits_of(form: TaskForm, product: Json) -> Edits:
    """A field that is as the product has it is not sent: what is sent stands until a person edits it again."""
    made = Edits()
    for name in TEXTS:
        typed = getattr(form, name).strip()
        if typed and typed != (product.get(name) or ""):
            made.fields[name] = typed
            _note_origin(made, name, getattr(form, f"origin_{name}"))
    _edit_attributes(form, product, made)
    for name, kind in LINKS.items():
        known = links_of(product, kind)
        added = [
            line
            for each in getattr(form, f"add_{name}").split("\n")
            if (line := each.strip()) not in ("", *known)
        ]
        dropped = [link for link in getattr(form, f"drop_{name}") if link in known]
        if added:
            made.fields[name] = list(dict.fromkeys(added))
        if dropped:
            made.removed[name] = dropped
    return made


def _edit_attributes(form: TaskForm, product: Json, made: Edits) -> None:
    known: Mapping[str, str] = product.get("attributes") or {}
    attributes: dict[str, str] = {}
    kept: set[str] = set()
    for _was, name, value, origin in attribute_rows(form):
        if not name or not value:
            continue
        kept.add(name)
        if known.get(name) != value:
            attributes[name] = value
            _note_origin(made, f"attribute:{name}", origin)
    gone = [was for was, *_ in attribute_rows(form) if was and was in known and was not in kept]
    if attributes:
        made.fields["attributes"] = attributes
    if gone:
        made.removed["attributes"] = gone


def _note_origin(made: Edits, name: str, origin: str) -> None:
    made.origins[name] = origin if origin in ORIGINS else "typed"


def attribute_rows(form: TaskForm) -> Iterable[tuple[str, str, str, str]]:
    """(name before, name, value, origin), those of the pasted lines too."""
    columns = (form.attribute_was, form.attribute_name, form.attribute_value, form.attribute_origin)
    for number in range(max(map(len, columns))):
        was, name, value, origin = (
            column[number].strip() if number < len(column) else "" for column in columns
        )
        yield was, name, value, origin
    for line in form.pasted.splitlines():
        parts = [part.strip() for part in line.split("\t") if part.strip()]
        if len(parts) >= PASTED_PARTS:
            yield "", parts[0], " ".join(parts[1:]), "typed"


def links_of(product: Json, kind: str) -> list[str]:
    return [each["url"] for each in product.get("media") or [] if each["kind"] == kind]


def vendor_side(task: Json, candidate: int = 0) -> Json:
    """The product that the vendor offers: one of its candidates, else what it said last."""
    candidates = task.get("candidates") or []
    return candidates[candidate] if candidate < len(candidates) else task.get("vendor") or {}


def text_rows(form: TaskForm | None, task: Json, vendor: Json) -> list[Row]:
    product, source, similar = _sides(task)
    rows = []
    for name in TEXTS:
        was = product.get(name) or ""
        typed = getattr(form, name) if form else ""
        rows.append(
            Row(
                name,
                name.capitalize(),
                typed or was,
                was,
                source.get(name) or "",
                vendor.get(name) or "",
                similar.get(name) or "",
                getattr(form, f"origin_{name}") if form else "",
                long=name == "description",
            )
        )
    return rows


def attribute_table(form: TaskForm | None, task: Json, vendor: Json) -> list[Row]:
    """Every attribute that anybody names. Those that the product lacks have an empty input."""
    product, source, similar = _sides(task)
    sides: Sequence[Mapping[str, str]] = [
        side.get("attributes") or {} for side in (product, source, vendor, similar)
    ]
    typed = (
        {was or name: (name, value, origin) for was, name, value, origin in attribute_rows(form)}
        if form
        else {}
    )
    names = dict.fromkeys([*sides[0], *sides[1], *sides[2], *typed])
    rows = []
    for name in names:
        was, in_source, of_vendor, of_similar = (str(side.get(name, "")) for side in sides)
        label, value, origin = typed.get(name, (name, was, ""))
        rows.append(Row(name if was else "", label, value, was, in_source, of_vendor, of_similar, origin))
    return rows


def _sides(task: Json) -> tuple[Json, Json, Json]:
    similar = task.get("similar") or [{}]
    return task.get("product") or {}, task.get("source") or {}, similar[0]


def draft_form(draft: Json | None) -> TaskForm | None:
    """The form as it was saved last, here or by the API."""
    if not draft:
        return None
    fields, removed = draft.get("fields") or {}, draft.get("removed") or {}
    typed = fields.get("typed")
    if isinstance(typed, dict):
        return TaskForm.model_validate(
            {name: tuple(value) if isinstance(value, list) else value for name, value in typed.items()}
        )
    attributes, origins = fields.get("attributes") or {}, draft.get("origins") or {}
    gone = removed.get("attributes") or []
    return TaskForm(
        manufacturer=fields.get("manufacturer") or "",
        category=fields.get("category") or "",
        description=fields.get("description") or "",
        attribute_was=(*attributes, *gone),
        attribute_name=(*attributes, *gone),
        attribute_value=(*attributes.values(), *("" for _ in gone)),
        attribute_origin=tuple(origins.get(f"attribute:{name}", "") for name in (*attributes, *gone)),
        add_docs="\n".join(fields.get("docs") or []),
        add_images="\n".join(fields.get("images") or []),
        drop_docs=tuple(removed.get("docs") or ()),
        drop_images=tuple(removed.get("images") or ()),
        note=draft.get("note") or "",
    )
