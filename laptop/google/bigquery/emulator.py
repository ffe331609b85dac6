"""Three corrections to bqemulator 1.4.0.

Each correction names an internal of the emulator and refuses to start when that internal has changed, because a
correction without effect would cause a puzzling failure elsewhere.
"""

import importlib
from types import ModuleType
from typing import Any

RESULTS_KEPT = 32


class EmulatorChanged(Exception):
    """The installed bqemulator is not the one that these corrections were written for."""


class RecentResults(dict[str, Any]):
    """The results of the latest queries. The emulator's own dictionary keeps every result until the process ends."""

    def __setitem__(self, job_id: str, table: Any) -> None:  # noqa: ANN401 - a pyarrow table, which has no types
        super().__setitem__(job_id, table)
        while len(self) > RESULTS_KEPT:
            del self[next(iter(self))]


def _internal(module: ModuleType, name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - any internal
    value = getattr(module, name, None)
    if not isinstance(value, kind):
        raise EmulatorChanged(
            f"{module.__name__}.{name} is not what bqemulator 1.4.0 has there: "
            "pin bqemulator==1.4.0, or revise laptop/google/bigquery/emulator.py"
        )
    return value


def correct_emulator() -> None:
    """Patches the emulator's modules; harmless when repeated. Raises EmulatorChanged."""
    # This comes first, because the routes take a reference to the dictionary when they are imported.
    executor = importlib.import_module("bqemulator.jobs.executor")
    if not isinstance(_internal(executor, "JOB_RESULTS", dict), RecentResults):
        vars(executor)["JOB_RESULTS"] = RecentResults()
    routes = importlib.import_module("bqemulator.api.routes.jobs")
    if _internal(routes, "JOB_RESULTS", dict) is not vars(executor)["JOB_RESULTS"]:
        raise EmulatorChanged("bqemulator.api.routes was imported before its corrections were made")

    # The client sends small JSON loads as `*/*`.
    upload = importlib.import_module("bqemulator.api.routes.upload")
    permitted = _internal(upload, "_PERMITTED_MEDIA_CONTENT_TYPES", tuple)
    if "*/*" not in permitted:
        vars(upload)["_PERMITTED_MEDIA_CONTENT_TYPES"] = (*permitted, "*/*")

    # Geography would download a DuckDB extension at each start; no column here is one.
    engine = _internal(importlib.import_module("bqemulator.storage.engine"), "DuckDBEngine", type)
    if not callable(vars(engine).get("_load_spatial")):
        raise EmulatorChanged("DuckDBEngine._load_spatial is gone: revise laptop/google/bigquery/emulator.py")
    engine._load_spatial = lambda _self: None  # noqa: SLF001 - the internal to correct
