"""The in-memory shelf of the unit tests behaves like the real one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from laptop.supabase.storage.folder import Folder
from shared.cloud.storage import SupabaseLabelShelf
from shared.errors import NotFound
from shared.fulfillment.carrier import LabelShelf
from tests.memory.label_shelf import InMemoryShelf
from tests.rest_support import serving


@pytest.fixture(params=["in memory", "Supabase Storage"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LabelShelf]:
    if request.param == "in memory":
        yield InMemoryShelf()
        return
    nowhere = "postgresql://127.0.0.1:1/none"
    with (
        serving(nowhere, folder=Folder(tmp_path, ["labels"])) as rest,
        closing(SupabaseLabelShelf(rest.url, rest.service_key, bucket="labels", timeout=30)) as real,
    ):
        yield real


def test_a_stored_label_can_be_fetched(shelf: LabelShelf) -> None:
    shelf.put("A-1.pdf", b"%PDF-1.7 one")
    shelf.put("B-1.pdf", b"%PDF-1.7 two")
    assert (shelf.get("A-1.pdf"), shelf.get("B-1.pdf")) == (b"%PDF-1.7 one", b"%PDF-1.7 two")


def test_the_same_path_again_replaces(shelf: LabelShelf) -> None:
    shelf.put("A-1.pdf", b"%PDF-1.7 one")
    shelf.put("A-1.pdf", b"%PDF-1.7 one, printed anew")
    assert shelf.get("A-1.pdf") == b"%PDF-1.7 one, printed anew"


def test_a_label_that_was_never_stored_is_not_found(shelf: LabelShelf) -> None:
    with pytest.raises(NotFound):
        shelf.get("A-1.pdf")


def test_a_file_of_another_type_can_be_stored_beside_labels(shelf: LabelShelf) -> None:
    shelf.put("m1.png", b"\x89PNG\r\n\x1a\n", "image/png")
    assert shelf.get("m1.png") == b"\x89PNG\r\n\x1a\n"


def test_a_removed_file_is_gone_and_removing_it_again_does_no_harm(shelf: LabelShelf) -> None:
    shelf.put("A-1.pdf", b"%PDF-1.7 one")
    shelf.put("B-1.pdf", b"%PDF-1.7 two")
    for _ in range(2):
        shelf.remove(["A-1.pdf", "Z-1.pdf"])
    with pytest.raises(NotFound):
        shelf.get("A-1.pdf")
    assert shelf.get("B-1.pdf") == b"%PDF-1.7 two"
    shelf.remove([])
