"""The record source in BigQuery. A ledger beside it knows the rows that were taken, so that no run reads them again."""

import io
import json
import math
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.enrichment.ports import DayShare, NotedRow, SourceRow
from shared.enrichment.routing.record import COLUMNS
from shared.errors import SettingsInvalid, SourceUnavailable, SwitchyardError

if TYPE_CHECKING:
    from google.cloud import bigquery

FIRST_WINDOW = 10_000
WINDOW_GROWTH = 4
LARGEST_WINDOW = 160_000
"""Rows that one query may return. BigQuery sorts an unlimited result on one worker, a limited one on all. Most runs
end within the first window, and the number of queries for a full scan grows slowly."""

LEDGER_BATCH = 16_000
"""Rows of one load job into the ledger. They stay below 5 MB, which the client sends as a single request."""

LEDGER_COLUMNS = {
    "record_key": "STRING",
    "content_hash": "STRING",
    "again": "BOOL",
    "next_turn": "TIMESTAMP",
    "noted_at": "TIMESTAMP",
}

_LEAST_SHARE = 1e-9
"""In place of no share: it is divided by."""

UPLOAD_RETRIES = 2

_TABLE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+")
_ROWS_SQL = Path(__file__).with_name("source_rows.sql")
KNOWN = """SELECT
    content_hash, MAX_BY(record_key, noted_at) AS record_key, MAX_BY(next_turn, noted_at) AS next_turn,
    MAX_BY(again, noted_at) AS again, MAX_BY(latest_hash, noted_at) AS latest_hash
  FROM (
    SELECT *, FIRST_VALUE(content_hash) OVER (PARTITION BY record_key ORDER BY noted_at DESC) AS latest_hash
    FROM `{ledger}`
  )
  GROUP BY content_hash"""
"""One row per content: a new alias gives its record another key, and notes under the old one do not count beside it."""

_NOTHINGKNOWN = """SELECT
    CAST(NULL AS STRING) AS record_key, CAST(NULL AS STRING) AS content_hash, CAST(NULL AS TIMESTAMP) AS next_turn,
    FALSE AS again, CAST(NULL AS STRING) AS latest_hash
  LIMIT 0"""
_TEXT_LIMIT = 300


@dataclass(frozen=True)
class _Window:
    """The next rows to read: of each sort those after its last row."""

    threshold: float
    share: DayShare
    size: int
    fresh: tuple[float, str, str] | None = None
    again: tuple[datetime, str] | None = None

    def after(self, row: "bigquery.Row") -> "_Window":
        """The same window for a row that repeats the last one of its sort."""
        share = self.share
        if row["is_again"]:
            again = (row["next_turn"], row["content_hash"])
            share = replace(share, again_taken=share.again_taken + 1)
            return self if again == self.again else replace(self, share=share, again=again)
        fresh = (row["rank_score"], row["pn"] or "", row["content_hash"])
        share = replace(share, fresh_taken=share.fresh_taken + 1)
        return self if fresh == self.fresh else replace(self, share=share, fresh=fresh)

    def next(self) -> "_Window":
        return replace(self, size=min(self.size * WINDOW_GROWTH, LARGEST_WINDOW))


class BigQuerySource:
    """Implements RecordSource. Safe to share between threads; builds its client at the first call.

    `table` and `ledger_table` are `project.dataset.table`; without a ledger no row is skipped or remembered.
    `api_endpoint` names an emulator, which gets no credentials. `timeout` in seconds bounds each request, the wait for
    its result, and its retries; `first_window` is the number of rows that the first query may return. Raises
    SettingsInvalid for failures that a later attempt cannot mend.
    """

    def __init__(
        self,
        table: str,
        *,
        project: str,
        ledger_table: str | None = None,
        location: str | None = None,
        api_endpoint: str | None = None,
        timeout: float = 60,
        first_window: int = FIRST_WINDOW,
    ) -> None:
        self._table = _checked(table, "source table")
        self._ledger = None if ledger_table is None else _checked(ledger_table, "ledger table")
        self._project = project
        self._location = location
        self._api_endpoint = api_endpoint
        self._timeout = timeout
        self._first_window = first_window
        self._lock = threading.Lock()
        self._client: bigquery.Client | None = None
        self._ledger_found = False

    def pages(self, *, threshold: float, page_size: int, share: DayShare) -> Iterator[Sequence[SourceRow]]:
        window = _Window(float(threshold), share, self._first_window)
        while True:
            received, current = 0, window
            for page in self._read(window, page_size):
                received += len(page)
                different = []
                for row in page:
                    before, current = current, current.after(row)
                    if current is not before:
                        different.append(_source_row(row))
                if different:
                    yield different
            if received < window.size:
                return
            window = current.next()

    def remember(self, noted: Sequence[NotedRow]) -> None:
        """Appends by load jobs, because a new table accepts them at once, unlike streamed rows."""
        if self._ledger is None:
            return
        for start in range(0, len(noted), LEDGER_BATCH):
            self._append(self._ledger, noted[start : start + LEDGER_BATCH])

    def check(self) -> None:
        """Reads the source table's description, which is free. Raises SourceUnavailable and SettingsInvalid."""
        with _readable_failures(self._table):
            client = self._connected()
            from google.cloud import bigquery

            retry = bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
            client.get_table(self._table, retry=retry, timeout=self._timeout)

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]  # the client has no types here

    def _read(self, window: _Window, page_size: int) -> "Iterator[Sequence[bigquery.Row]]":
        from google.api_core.exceptions import NotFound

        with _readable_failures(self._table):
            try:
                rows = self._query(window, page_size, self._ledger)
            except NotFound:
                if self._ledger is None:
                    raise
                # The ledger does not exist yet. If the source is missing instead, the second query fails too.
                rows = self._query(window, page_size, None)
            for page in rows.pages:
                yield list(page)

    def _query(self, window: _Window, page_size: int, ledger: str | None) -> Any:  # noqa: ANN401 - a RowIterator; its pages are untyped
        client = self._connected()
        from google.cloud import bigquery

        share = window.share
        score, pn, content_hash = window.fresh or (None, None, None)
        turn, turn_hash = window.again or (None, None)
        again_share = min(max(share.again_share, _LEAST_SHARE), 1 - _LEAST_SHARE)
        given: dict[str, tuple[str, Any]] = {
            "threshold": ("FLOAT64", window.threshold),
            "after_score": ("FLOAT64", score),
            "after_pn": ("STRING", pn),
            "after_hash": ("STRING", content_hash),
            "after_turn": ("TIMESTAMP", turn),
            "after_turn_hash": ("STRING", turn_hash),
            "now": ("TIMESTAMP", share.now),
            "share": ("FLOAT64", again_share),
            "fresh_taken": ("INT64", share.fresh_taken),
            "again_taken": ("INT64", share.again_taken),
            "row_limit": ("INT64", window.size),
        }
        parameters = [bigquery.ScalarQueryParameter(name, *value) for name, value in given.items()]
        known = _NOTHINGKNOWN if ledger is None else KNOWN.format(ledger=ledger)
        retry = bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
        # A job instead of `query_and_wait`, whose failures the emulator reports as empty results.
        # Whole jobs are not retried: the client would do so for ten minutes, whatever the timeout.
        job = client.query(
            _ROWS_SQL.read_text(encoding="utf-8").format(table=self._table, known=known),
            job_config=bigquery.QueryJobConfig(query_parameters=parameters),
            timeout=self._timeout,
            retry=retry,
            job_retry=None,
        )
        return job.result(page_size=page_size, timeout=self._timeout, retry=retry, job_retry=None)

    def _append(self, ledger: str, noted: Sequence[NotedRow]) -> None:
        with _readable_failures(ledger):
            client = self._connected()
            from google.cloud import bigquery

            schema = [
                bigquery.SchemaField(name, kind, mode="REQUIRED") for name, kind in LEDGER_COLUMNS.items()
            ]
            retry = bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
            if not self._ledger_found:
                self._find_or_make(ledger, schema)
            lines = b"".join(_ledger_line(row) for row in noted)
            client.load_table_from_file(
                io.BytesIO(lines),
                ledger,
                size=len(lines),
                num_retries=UPLOAD_RETRIES,
                timeout=self._timeout,
                job_config=bigquery.LoadJobConfig(
                    source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
                    write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
                    schema=schema,
                ),
            ).result(timeout=self._timeout, retry=retry)

    def _find_or_make(self, ledger: str, schema: "Sequence[bigquery.SchemaField]") -> None:
        from google.api_core.exceptions import NotFound
        from google.cloud import bigquery

        client = self._connected()
        bounds: Any = {"retry": bigquery.DEFAULT_RETRY.with_timeout(self._timeout), "timeout": self._timeout}
        table = bigquery.Table(ledger, schema=schema)
        table.time_partitioning = bigquery.TimePartitioning(field="noted_at", type_="MONTH")
        table.clustering_fields = ["record_key"]
        try:
            client.get_table(table, **bounds)
        except NotFound:
            client.get_dataset(bigquery.DatasetReference(table.project, table.dataset_id), **bounds)
            client.create_table(table, exists_ok=True, **bounds)
        self._ledger_found = True

    def _connected(self) -> "bigquery.Client":
        with self._lock:
            if self._client is None:
                # Imported here, because it costs a cold start some 200 ms.
                from google.auth.credentials import AnonymousCredentials
                from google.cloud import bigquery

                local = self._api_endpoint is not None
                self._client = bigquery.Client(
                    project=self._project,
                    location=self._location,
                    credentials=AnonymousCredentials() if local else None,  # type: ignore[no-untyped-call]  # google-auth has no types
                    client_options={"api_endpoint": self._api_endpoint} if local else None,
                )
            return self._client


def _source_row(row: "bigquery.Row") -> SourceRow:
    values = {name: row[name] for name in COLUMNS}
    score = (values["priority_score"] or {}).get("score")
    if isinstance(score, float) and not math.isfinite(score):
        values["priority_score"] = {"score": None}  # JSON has no such number
    return SourceRow(values, row["content_hash"], row["is_again"], row["returned"])


def _ledger_line(row: NotedRow) -> bytes:
    line = {name: getattr(row, name) for name in LEDGER_COLUMNS}
    for moment in ("next_turn", "noted_at"):
        line[moment] = line[moment].astimezone(UTC).isoformat()
    return json.dumps(line).encode() + b"\n"


def _checked(table: str, name: str) -> str:
    # Names cannot be query parameters: the pattern lets nothing into the SQL text that could leave its quotes.
    if not _TABLE.fullmatch(table):
        raise SettingsInvalid(f"the {name} {table!r} is not of the form project.dataset.table")
    return table


@contextmanager
def _readable_failures(table: str) -> Iterator[None]:
    import requests
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.resumable_media import DataCorruption, InvalidResponse

    try:
        yield
    except (
        GoogleAPIError,
        GoogleAuthError,
        requests.RequestException,
        InvalidResponse,
        DataCorruption,
        OSError,
    ) as problem:
        raise _failure(table, problem) from problem


def _failure(table: str, problem: Exception) -> SwitchyardError:
    from google.api_core.exceptions import BadRequest, Forbidden, NotFound
    from google.auth.exceptions import DefaultCredentialsError

    text = (getattr(problem, "message", "") or str(problem) or type(problem).__name__)[:_TEXT_LIMIT]
    if isinstance(problem, NotFound):
        return SettingsInvalid(f"BigQuery has no table {table}, or not its dataset: {text}")
    if isinstance(problem, BadRequest):
        return SettingsInvalid(f"BigQuery cannot use {table} as it is: {text}")
    if isinstance(problem, DefaultCredentialsError):
        return SettingsInvalid(f"no credentials for BigQuery: {text}")
    if isinstance(problem, Forbidden) and any(
        error.get("reason") == "accessDenied" for error in problem.errors
    ):
        return SettingsInvalid(f"no right to use {table} in BigQuery: {text}")
    return SourceUnavailable(f"the BigQuery request for {table} failed: {text}")
