"""Folders for what tests start, in memory where there is room: making a database there takes a sixth of the time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reaper import FOLDERS, IN_MEMORY, MARK

ENOUGH = 4 * 1024**3  # bytes: the clusters of a few test processes; containers often have 64 MB there


@contextmanager
def fast_folder() -> Iterator[Path]:
    """Gone afterwards."""
    roomy = os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    prefix = f"{FOLDERS}{os.environ[MARK]}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=IN_MEMORY if roomy else None) as folder:
        yield Path(folder)
