"""The HTTP routes, for the server that also imitates PostgREST: a project's services share one address."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from functools import partial
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laptop.supabase.rest.tokens import SERVICE, Caller
from laptop.supabase.storage import errors
from laptop.supabase.storage.folder import LARGEST, Folder, StoredObject

PREFIX = "/storage/v1"
_OBJECT = f"{PREFIX}/object"
_OTHER_CALLS = frozenset(
    {"authenticated", "copy", "info", "list", "list-v2", "move", "public", "sign", "upload"}
)
_END_OF_HEADERS = b"\r\n\r\n"
_NEWLINE = b"\r\n"
_ROOM_FOR_FORM = 100_000
"""Bytes that a form may have in addition to the file."""


class _Order(BaseModel):
    column: Literal["name"] = "name"
    order: Literal["asc", "desc"] = "asc"


class _Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prefix: str = ""
    limit: int = Field(100, ge=0)
    offset: int = Field(0, ge=0)
    sortBy: _Order = _Order()  # noqa: N815  # the API's name


class _Removal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prefixes: list[str]


class StorageRoutes:
    """`authenticate` checks the key, returns the caller or raises."""

    def __init__(self, folder: Folder, authenticate: Callable[[Headers], Caller]) -> None:
        self._folder = folder
        self._authenticate = authenticate

    def routes(self) -> list[Route]:
        key = "{bucket}/{key:path}"
        return [
            Route(f"{_OBJECT}/list/{{bucket}}", self.list, methods=["POST"]),
            Route(f"{_OBJECT}/{{bucket}}", self.remove, methods=["DELETE"]),
            Route(f"{_OBJECT}/info/{key}", self.info, methods=["GET"]),
            Route(f"{_OBJECT}/{key}", self.download, methods=["GET"]),
            Route(f"{_OBJECT}/{key}", self.upload, methods=["POST", "PUT"]),
            Route(
                f"{PREFIX}/{{rest:path}}",
                self.anything_else,
                methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            ),
        ]

    async def upload(self, request: Request) -> Response:
        bucket, key = self._object(request)
        if int(request.headers.get("content-length", LARGEST)) > LARGEST + _ROOM_FOR_FORM:
            raise errors.too_large()
        if "x-metadata" in request.headers:
            raise errors.not_imitated("metadata of an upload")
        content = uploaded_file(request.headers.get("content-type", ""), await request.body())
        replace = request.method == "PUT" or request.headers.get("x-upsert", "").lower() == "true"
        await run_in_threadpool(partial(self._folder.put, bucket, key, content, replace=replace))
        return JSONResponse({"Key": f"{bucket}/{key}", "Id": _ident(bucket, key)})

    async def download(self, request: Request) -> Response:
        bucket, key = self._object(request)
        if request.url.query:
            raise errors.not_imitated("transforming a download")
        found, content = await run_in_threadpool(self._folder.get, bucket, key)
        return Response(content, media_type=found.content_type, headers={"ETag": found.etag})

    async def info(self, request: Request) -> Response:
        bucket, key = self._object(request)
        found, _ = await run_in_threadpool(self._folder.get, bucket, key)
        moment = _moment(found)
        return JSONResponse(
            {
                "id": _ident(bucket, key),
                "name": key,
                "bucket_id": bucket,
                "size": found.size,
                "content_type": found.content_type,
                "etag": found.etag,
                "last_modified": moment,
                "created_at": moment,
                "metadata": {},
            }
        )

    async def list(self, request: Request) -> Response:
        self._admit(request)
        try:
            search = _Search.model_validate_json(await request.body())
        except ValidationError as problem:
            raise errors.not_imitated(f"this search ({problem.error_count()} fields)") from problem
        bucket = request.path_params["bucket"]
        found = await run_in_threadpool(lambda: list(self._folder.list(bucket, search.prefix)))
        found.sort(key=lambda entry: entry if isinstance(entry, str) else entry.name)
        if search.sortBy.order == "desc":
            found.reverse()
        page = found[search.offset : search.offset + search.limit]
        return JSONResponse([_entry(bucket, search.prefix, each) for each in page])

    async def remove(self, request: Request) -> Response:
        """Answers with the objects that were there."""
        self._admit(request)
        try:
            keys = _Removal.model_validate_json(await request.body()).prefixes
        except ValidationError as problem:
            raise errors.not_imitated(f"this removal ({problem.error_count()} fields)") from problem
        bucket = request.path_params["bucket"]
        removed = await run_in_threadpool(lambda: [key for key in keys if self._folder.remove(bucket, key)])
        return JSONResponse(
            [{"bucket_id": bucket, "name": key, "id": _ident(bucket, key)} for key in removed]
        )

    async def anything_else(self, request: Request) -> Response:
        self._admit(request)
        raise errors.not_imitated(f"{request.method} {request.url.path}")

    def _object(self, request: Request) -> tuple[str, str]:
        self._admit(request)
        bucket: str = request.path_params["bucket"]
        if bucket in _OTHER_CALLS:
            raise errors.not_imitated(f"{request.method} {request.url.path}")
        return bucket, request.path_params["key"]

    def _admit(self, request: Request) -> None:
        """Admits only the service key, as row level security without policies does."""
        if self._authenticate(request.headers).role != SERVICE:
            raise errors.forbidden()


async def error_answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.StorageError)
    return JSONResponse(error.body(), error.status)


def _entry(bucket: str, prefix: str, found: StoredObject | str) -> dict[str, Any]:
    """A folder has no id and no metadata."""
    if isinstance(found, str):
        times = dict.fromkeys(("updated_at", "created_at", "last_accessed_at"))
        return {"name": found, "id": None, **times, "metadata": None}
    moment = _moment(found)
    key = f"{prefix.strip('/')}/{found.name}".lstrip("/")
    return {
        "name": found.name,
        "id": _ident(bucket, key),
        "updated_at": moment,
        "created_at": moment,
        "last_accessed_at": moment,
        "metadata": {
            "eTag": found.etag,
            "size": found.size,
            "mimetype": found.content_type,
            "lastModified": moment,
            "contentLength": found.size,
            "httpStatusCode": 200,
        },
    }


def _ident(bucket: str, key: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{bucket}/{key}"))


def _moment(found: StoredObject) -> str:
    return (
        datetime.fromtimestamp(found.modified, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def uploaded_file(content_type: str, body: bytes) -> bytes:
    """The first file of a form, which is how `storage3` uploads. Raises StorageError."""
    if not content_type.startswith("multipart/form-data"):
        raise errors.not_imitated("an upload that is not a form")
    boundary = _header("content-type", content_type).get_param("boundary")
    if not isinstance(boundary, str):
        raise errors.bad_request("the form has no boundary")
    delimiter = _NEWLINE + b"--" + boundary.encode()
    parts = (_NEWLINE + body).split(delimiter)
    if not parts[-1].startswith(b"--"):
        raise errors.bad_request("Unexpected end of form")
    files = []
    for part in parts[1:-1]:
        head, blank, content = part.removeprefix(_NEWLINE).partition(_END_OF_HEADERS)
        disposition = _disposition(head if blank else b"")
        if disposition.get_param("filename") is not None:
            files.append(content)
        elif disposition.get_param("name") == "metadata":
            raise errors.not_imitated("metadata of an upload")
    if not files:
        raise errors.bad_request("the form holds no file")
    return files[0]


def _disposition(head: bytes) -> Message:
    """Reads the header of a part like a content type: only its parameters matter."""
    for line in head.split(_NEWLINE):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if name.strip().lower() == "content-disposition":
            return _header("content-type", value.strip())
    return Message()


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
