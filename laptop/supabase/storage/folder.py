"""Keeps objects as files. An acknowledged one survives a kill and a power cut, and is never read half written."""

import hashlib
import mimetypes
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from laptop.supabase.storage import errors

LARGEST = 50 * 1024 * 1024
_KEY = re.compile(r"[\w/!.*'() &$@=;:+,?-]+", re.ASCII)
"""The characters that Supabase allows in a key."""

_LONGEST_KEY = 1024


@dataclass(frozen=True)
class StoredObject:
    """`modified` is in seconds since 1970. The content type follows from the ending of the name."""

    name: str
    size: int
    etag: str
    modified: float

    @property
    def content_type(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


class Folder:
    """`root` holds a folder for each bucket and one for unfinished uploads."""

    def __init__(self, root: Path, buckets: Collection[str]) -> None:
        self._root = root
        self._buckets = frozenset(buckets)
        self._drafts = root / ".drafts"
        shutil.rmtree(self._drafts, ignore_errors=True)  # a killed server may have left some
        self._drafts.mkdir(parents=True)
        for bucket in self._buckets:
            (root / bucket).mkdir(exist_ok=True)

    def put(self, bucket: str, key: str, content: bytes, *, replace: bool) -> None:
        if len(content) > LARGEST:
            raise errors.too_large()
        target = self._path(bucket, key)
        draft = self._drafts / uuid.uuid4().hex
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            if replace:
                draft.replace(target)
            else:
                os.link(draft, target)
            _sync_folder(target.parent)
        except FileExistsError as error:
            raise errors.exists() if target.is_file() else errors.bad_key(key) from error
        except (IsADirectoryError, NotADirectoryError) as error:
            raise errors.bad_key(key) from error
        finally:
            draft.unlink(missing_ok=True)

    def get(self, bucket: str, key: str) -> tuple[StoredObject, bytes]:
        path = self._path(bucket, key)
        try:
            with path.open("rb") as file:
                content = file.read()
                return _described(key, content, os.fstat(file.fileno()).st_mtime), content
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise errors.no_object() from error

    def remove(self, bucket: str, key: str) -> bool:
        """False: there is no such object."""
        path = self._path(bucket, key)
        if not path.is_file():
            return False
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return True

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject | str]:
        """Yields what lies directly below a prefix: objects by the last part of their name, folders as text."""
        folder = self._path(bucket, prefix) if prefix.strip("/") else self._bucket(bucket)
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if entry.is_dir():
                yield entry.name
            else:
                yield _described(entry.name, entry.read_bytes(), entry.stat().st_mtime)

    def _bucket(self, name: str) -> Path:
        if name not in self._buckets:
            raise errors.no_bucket()
        return self._root / name

    def _path(self, bucket: str, key: str) -> Path:
        """Never leads out of the bucket. Raises StorageError."""
        home = self._bucket(bucket)
        parts = key.strip("/").split("/")
        if not _KEY.fullmatch(key) or len(key) > _LONGEST_KEY:
            raise errors.bad_key(key)
        if any(part in ("", ".", "..") or len(part) > os.pathconf(home, "PC_NAME_MAX") for part in parts):
            raise errors.bad_key(key)
        return home.joinpath(*parts)


def _described(name: str, content: bytes, modified: float) -> StoredObject:
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return StoredObject(name, len(content), f'"{etag}"', modified)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
