"""The label shelf on Supabase Storage, through its client `storage3`."""

import re
import time
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from shared.cloud.supabase import OUTAGES, RETRIES
from shared.errors import NotFound, StoreRefused, StoreUnavailable
from shared.retries import Again

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

    from storage3 import SyncStorageClient
    from storage3.exceptions import StorageApiError
    from storage3.types import FileOptions

_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_LONGEST_PATH = 500
_NOT_FOUND = 404
_GATEWAY_ERRORS = frozenset({*OUTAGES, 500, 544})
"""Outages of every Supabase service, and Storage's own: 500, and 544 for a timeout of its database."""

T = TypeVar("T")


class SupabaseLabelShelf:
    """Implements `shared.fulfillment.ports.LabelShelf` on one private bucket.

    One connection pool, built on the first call; `timeout` in seconds bounds each try. An upload replaces what is
    there, so that a lost answer can be tried again without harm.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        bucket: str,
        timeout: float,
        tls: "Callable[[], SSLContext] | None" = None,
    ) -> None:
        self._url = url.rstrip("/") + "/storage/v1/"
        self._key = key
        self._bucket = bucket
        self._timeout = timeout
        self._tls = tls

    def put(self, path: str, content: bytes, media_type: str = "application/pdf") -> None:
        """Raises StoreUnavailable, and StoreRefused for an invalid path, bucket or size."""
        _check(path)
        options: FileOptions = {"content-type": media_type, "x-upsert": "true"}
        self._try(f"store {path}", lambda: self._client.from_(self._bucket).upload(path, content, options))

    def get(self, path: str) -> bytes:
        """Raises NotFound, StoreUnavailable and StoreRefused."""
        _check(path)
        return self._try(f"fetch {path}", lambda: self._client.from_(self._bucket).download(path))

    def remove(self, paths: "Sequence[str]") -> None:
        """Raises StoreUnavailable and StoreRefused."""
        for path in paths:
            _check(path)
        if paths:
            self._try("remove files", lambda: self._client.from_(self._bucket).remove(list(paths)))

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.session.close()

    def _try(self, what: str, call: "Callable[[], T]") -> T:
        from httpx import RequestError
        from storage3.exceptions import StorageApiError

        def try_once() -> T | Again[str]:
            try:
                return call()
            except StorageApiError as error:
                if _status(error) not in _GATEWAY_ERRORS:
                    raise _refusal(what, error) from error
                return Again(f"HTTP {_status(error)}")
            except RequestError as error:
                return Again(type(error).__name__)
            except (ValueError, KeyError, TypeError):  # a 200 of something else, such as a gateway's web page
                return Again("an answer that is not JSON")

        answer = RETRIES.run(try_once, time.sleep)
        if isinstance(answer, Again):
            raise StoreUnavailable(f"the label shelf could not {what}: {answer.reason}")
        return answer

    @cached_property
    def _client(self) -> "SyncStorageClient":
        import httpx
        from storage3 import SyncStorageClient

        headers = {"apikey": self._key, "Authorization": f"Bearer {self._key}"}
        session = httpx.Client(timeout=self._timeout, verify=self._tls() if self._tls else True)
        return SyncStorageClient(self._url, headers=headers, http_client=session)


def _check(path: str) -> None:
    """Allows fewer characters than Storage: none that a file system or a URL could interpret."""
    if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path):
        raise StoreRefused(f"{path!r} cannot be the path of a label")


def _status(error: "StorageApiError") -> int:
    """Reads Storage's own status from the body: most of its errors are HTTP 400."""
    return int(error.status) if str(error.status).isdecimal() else 0


def _refusal(what: str, error: "StorageApiError") -> Exception:
    if _status(error) == _NOT_FOUND and error.code == "not_found":
        return NotFound(f"could not {what}: it is not on the label shelf")
    return StoreRefused(f"the label shelf refused to {what}: {error.code}: {error.message}")
