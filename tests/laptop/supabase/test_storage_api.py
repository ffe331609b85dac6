"""Supabase's own Storage client against the local server."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from laptop.supabase.storage.folder import LARGEST, Folder
from tests.rest_support import Rest, serving

PDF = b"%PDF-1.7\r\n--not a boundary\r\n\x00\xff\x80 end\r\n"
NO_DATABASE = "postgresql://127.0.0.1:1/none"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Rest]:
    with serving(NO_DATABASE, folder=Folder(tmp_path / "storage", ["labels"])) as rest:
        yield rest


def client(server: Rest, key: str | None = None) -> SyncStorageClient:
    url = f"{server.url}/storage/v1/"
    return SyncStorageClient(url, headers=server.headers(key), http_client=httpx.Client(timeout=20))


@pytest.fixture
def storage(server: Rest) -> Iterator[SyncStorageClient]:
    with client(server) as made:
        yield made


def refusal(error: pytest.ExceptionInfo[StorageApiError]) -> tuple[str, str, str]:
    return str(error.value.status), error.value.code, error.value.message


def test_an_upload_is_downloaded_unchanged(storage: SyncStorageClient) -> None:
    answer = storage.from_("labels").upload("2026/11/a.pdf", PDF, {"content-type": "application/pdf"})
    assert answer.full_path == "labels/2026/11/a.pdf"
    assert storage.from_("labels").download("2026/11/a.pdf") == PDF


@pytest.mark.parametrize("content", [b"", b"\r\n", b"--", bytes(range(256)) * 5_000], ids=len)
def test_any_content_comes_back(storage: SyncStorageClient, content: bytes) -> None:
    storage.from_("labels").upload("any.bin", content)
    assert storage.from_("labels").download("any.bin") == content


def test_a_second_upload_is_refused_unless_it_may_replace(storage: SyncStorageClient) -> None:
    labels = storage.from_("labels")
    labels.upload("a.pdf", b"one")
    with pytest.raises(StorageApiError) as refused:
        labels.upload("a.pdf", b"two")
    assert refusal(refused) == ("409", "Duplicate", "The resource already exists")
    assert labels.download("a.pdf") == b"one"
    labels.upload("a.pdf", b"three", {"upsert": "true"})
    assert labels.download("a.pdf") == b"three"
    labels.update("a.pdf", b"four")
    assert labels.download("a.pdf") == b"four"


def test_existence_and_info_are_answered(storage: SyncStorageClient) -> None:
    labels = storage.from_("labels")
    labels.upload("x/a.pdf", PDF)
    info = labels.info("x/a.pdf")
    assert (info["name"], info["size"], info["content_type"]) == ("x/a.pdf", len(PDF), "application/pdf")
    assert labels.exists("x/a.pdf")
    assert not labels.exists("x/b.pdf")
    assert not labels.exists("x")


def test_a_folder_is_listed_page_by_page_with_its_folders(storage: SyncStorageClient) -> None:
    labels = storage.from_("labels")
    for path in ("o/b.pdf", "o/a.pdf", "o/deep/c.pdf", "other.pdf"):
        labels.upload(path, PDF)
    listed = labels.list("o")
    assert [(each["name"], each["id"] is None) for each in listed] == [
        ("a.pdf", False), ("b.pdf", False), ("deep", True)
    ]  # fmt: skip
    assert listed[0]["metadata"]["size"] == len(PDF)
    assert [each["name"] for each in labels.list()] == ["o", "other.pdf"]
    page = labels.list("o", {"limit": 1, "offset": 1, "sortBy": {"column": "name", "order": "desc"}})
    assert [each["name"] for each in page] == ["b.pdf"]
    assert labels.list("nowhere") == []


def test_a_missing_object_or_bucket_has_the_real_services_error(storage: SyncStorageClient) -> None:
    with pytest.raises(StorageApiError) as no_object:
        storage.from_("labels").download("missing.pdf")
    with pytest.raises(StorageApiError) as no_bucket:
        storage.from_("pictures").download("missing.pdf")
    assert refusal(no_object) == ("404", "not_found", "Object not found")
    assert refusal(no_bucket) == ("404", "Bucket not found", "Bucket not found")


@pytest.mark.parametrize(
    "key", ["a/../../../etc/passwd", "%2e%2e/x", "./a", "a//b", "a\\b", "é.pdf", "a" * 300, "b/" * 600 + "c"]
)
def test_a_key_that_could_lead_elsewhere_is_refused(server: Rest, tmp_path: Path, key: str) -> None:
    quoted = key.replace("..", "%2e%2e").replace("./", "%2e/").replace("\\", "%5c")
    answer = httpx.put(
        f"{server.url}/storage/v1/object/labels/{quoted}", headers=server.headers(), files={"file": PDF}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidKey")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_name_cannot_be_both_a_file_and_a_folder(storage: SyncStorageClient) -> None:
    labels = storage.from_("labels")
    labels.upload("a/b.pdf", PDF)
    for path in ("a/b.pdf/c.pdf", "a"):
        for upsert in ("true", "false"):
            with pytest.raises(StorageApiError) as refused:
                labels.upload(path, PDF, {"upsert": upsert})
            assert refused.value.code == "InvalidKey"
    assert labels.download("a/b.pdf") == PDF


@pytest.mark.parametrize("key", ["", "nonsense"])
def test_without_a_good_key_nothing_is_served(server: Rest, key: str) -> None:
    answer = httpx.get(f"{server.url}/storage/v1/object/labels/a.pdf", headers={"apikey": key})
    assert answer.status_code == 401


def test_the_public_key_opens_nothing(server: Rest) -> None:
    with client(server, server.anon_key) as public, pytest.raises(StorageApiError) as refused:
        public.from_("labels").upload("a.pdf", PDF)
    assert refusal(refused)[:2] == ("403", "Unauthorized")


def test_removed_objects_are_gone_and_those_that_were_not_there_are_left_out(
    storage: SyncStorageClient,
) -> None:
    labels = storage.from_("labels")
    for key in ("a/b.pdf", "c.pdf"):
        labels.upload(key, PDF)
    assert [each["name"] for each in labels.remove(["a/b.pdf", "never.pdf", "a"])] == ["a/b.pdf"]
    assert (labels.exists("a/b.pdf"), labels.exists("c.pdf")) == (False, True)
    assert labels.remove(["a/b.pdf"]) == []


def test_everything_else_is_501(server: Rest, storage: SyncStorageClient) -> None:
    labels = storage.from_("labels")
    for call in (
        lambda: labels.create_signed_url("a.pdf", 60),
        lambda: labels.move("a.pdf", "b.pdf"),
        lambda: labels.upload("a.pdf", PDF, {"metadata": {"order": "A-1"}}),
        lambda: labels.upload("a.pdf", PDF, {"headers": {"x-metadata": "e30="}}),
        lambda: labels.list("", {"sortBy": {"column": "created_at", "order": "asc"}}),
        lambda: labels.download("a.pdf", query_params={"width": "10"}),
        storage.list_buckets,
    ):
        with pytest.raises(StorageApiError) as refused:
            call()
        assert str(refused.value.status) == "501"
        assert refused.value.message.endswith(
            "the local server does not imitate this (docs/supabase-local.md)"
        )
    assert not labels.exists("a.pdf")
    answer = httpx.get(f"{server.url}/storage/v1/object/public/labels/a.pdf", headers=server.headers())
    assert answer.status_code == 501


def test_a_body_that_is_not_a_form_with_a_file_is_refused(server: Rest) -> None:
    url = f"{server.url}/storage/v1/object/labels/a.pdf"
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%PDF-'
    headless = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n--x--'
    form = {"content-type": "multipart/form-data; boundary=x"}
    answers = [
        httpx.post(url, headers=server.headers() | form, content=cut),
        httpx.post(url, headers=server.headers() | form, content=headless),
        httpx.post(url, headers=server.headers(), data={"a": "b"}, files={"note": (None, "no file")}),
        httpx.post(
            url, headers=server.headers() | form, content=b"--x\r\nX-Other: 1\r\n\r\nno name\r\n--x--"
        ),
        httpx.post(url, headers=server.headers() | {"content-type": "multipart/form-data"}, content=cut),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [
        (400, "invalid_request")
    ] * 5
    assert httpx.post(url, headers=server.headers(), content=PDF).status_code == 501


def test_a_much_too_large_object_is_refused_before_it_is_read(server: Rest) -> None:
    with closing(HTTPConnection(server.url.removeprefix("http://"), timeout=20)) as connection:
        connection.putrequest("POST", "/storage/v1/object/labels/a.pdf")
        for name, value in (server.headers() | {"Content-Length": str(LARGEST * 2)}).items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_an_object_just_too_large_is_refused_and_leaves_nothing(
    storage: SyncStorageClient, tmp_path: Path
) -> None:
    with pytest.raises(StorageApiError) as refused:
        storage.from_("labels").upload("a.pdf", bytes(LARGEST + 1))
    assert str(refused.value.status) == "413"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_server_without_a_folder_has_no_storage() -> None:
    with serving(NO_DATABASE) as rest:
        answer = httpx.get(f"{rest.url}/storage/v1/object/labels/a.pdf", headers=rest.headers())
    assert answer.status_code == 404
