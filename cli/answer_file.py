"""`--output`: writes the whole answer, JSON or a file, to a path where it appears complete or not at all."""

import json
import os
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cli.failures import WrongUsage

STANDARD_OUTPUT = Path("-")


class AnswerFile:
    """Opened before the call, so that a path that cannot be written is found before anything happens.

    Without a `write` inside the `with`, no draft is left and an existing file stays as it was.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._target: Path | None = None
        self._draft: Path | None = None

    @property
    def replaces_summary(self) -> bool:
        return self._path == STANDARD_OUTPUT

    def __enter__(self) -> Self:
        if self._path is not None and not self.replaces_summary:
            try:
                self._open(Path(os.path.realpath(self._path)))
            except (OSError, ValueError) as error:
                raise _unwritable(self._path, error) from error
        return self

    def _open(self, target: Path) -> None:
        if target.is_dir():
            raise IsADirectoryError("it is a directory")
        self._target = target
        if target.exists() and not target.is_file():
            return  # a device or a pipe cannot be replaced: `write` writes into it
        draft = target.with_name(f".{target.name[:200]}.{os.getpid()}")
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        self._draft = draft
        if target.exists():
            if not os.access(target, os.W_OK):
                raise PermissionError("it is write-protected")
            shutil.copymode(target, draft)

    def write(self, answer: dict[str, Any]) -> None:
        if self.replaces_summary:
            plain = not sys.stdout.encoding.lower().startswith("utf")
            # in pieces: of one large write, an unbuffered stream loses what the pipe does not take at once
            json.dump(answer, sys.stdout, indent=2, ensure_ascii=plain)
            sys.stdout.write("\n")
            sys.stdout.flush()
        else:
            self._put((json.dumps(answer, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"))

    def write_file(self, content: bytes) -> None:
        """Writes a file as it came. Raises WrongUsage for a terminal, which would take it for commands."""
        if not self.replaces_summary:
            self._put(content)
        elif sys.stdout.isatty():
            raise WrongUsage(
                "a terminal cannot show this file: name a file after --output, or send it on with >"
            )
        else:
            # buffered again, because an unbuffered stream loses what the pipe does not take at once
            with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
                stream.write(content)

    def _put(self, content: bytes) -> None:
        if self._path and self._target:
            try:
                self._replace(self._target, content)
            except OSError as error:
                raise _unwritable(self._path, error) from error

    def _replace(self, target: Path, content: bytes) -> None:
        with (self._draft or target).open("wb") as file:
            file.write(content)
            file.flush()
            if self._draft:
                os.fsync(file.fileno())
        if self._draft:
            self._draft.replace(target)
            self._draft = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._draft:
            self._draft.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError | ValueError) -> WrongUsage:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return WrongUsage(f"cannot write {path}: {reason[:1].lower() + reason[1:]}")
