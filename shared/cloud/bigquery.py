"""The record source in BigQuery. A ledger of finished rows beside it keeps the cost of skipping them constant."""

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

from shared.enrichment.ports import FinishedRow, SourceRow
from shared.enrichment.routing.record import COLUMNS
from shared.errors import SettingsInvalid, SourceUnavailable, SwitchyardError

if TYPE_CHECKING:
    from google.cloud import bigquery

FIRST_WINDOW = 10_000
WINDOW_GROWTH = 4
LARGEST_WINDOW = 160_000
"""Rows that one query may return. BigQuery sorts an unlimited result on one worker, a limited one on all. Most runs
end within the first window, and the number of queries for a full scan grows slowly."""

LEDGER_BATCH = 40_000
"""Rows of one load job into the ledger. They stay below 5 MB, which the client sends as a single request."""

UPLOAD_RETRIES = 2

_TABLE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+")
_ROWS_SQL = Path(__file__).with_name("source_rows.sql")
_FINISHED = "SELECT DISTINCT content_hash FROM `{ledger}` WHERE finished_at > @finished_after"
_NOTHING_FINISHED = "SELECT CAST(NULL AS STRING) AS content_hash LIMIT 0"
_TEXT_LIMIT = 300


@dataclass(frozen=True)
class _Window:
    """The next rows to read: those from `position` on. Of the rows with that very key, `given` were returned."""

    threshold: float
    finished_after: datetime
    size: int
    position: tuple[float, str, str] | None = None
    given: int = 0

    @property
    def limit(self) -> int:
        return self.size + self.given

    def after(self, row: "bigquery.Row") -> "_Window":
        position = _position(row)
        return replace(self, position=position, given=self.given + 1 if position == self.position else 1)

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

    def pages(
        self, *, threshold: float, page_size: int, finished_after: datetime
    ) -> Iterator[Sequence[SourceRow]]:
        window = _Window(float(threshold), finished_after, self._first_window)
        while True:
            asked, received, current = window, 0, window
            for page in self._read(asked, page_size):
                fresh = []
                for row in page:
                    received += 1
                    # Rows with the position's own key are read again, because several equal rows all count.
                    if received <= asked.given and _position(row) == asked.position:
                        continue
                    current = current.after(row)
                    fresh.append(_source_row(row))
                if fresh:
                    yield fresh
            if received < asked.limit:
                return
            window = current.next()

    def remember(self, finished: Sequence[FinishedRow]) -> None:
        """Appends by load jobs, because a new table accepts them at once, unlike streamed rows."""
        if self._ledger is None:
            return
        for start in range(0, len(finished), LEDGER_BATCH):
            self._append(self._ledger, finished[start : start + LEDGER_BATCH])

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

        score, pn, content_hash = window.position or (None, None, None)
        parameters = [
            bigquery.ScalarQueryParameter("threshold", "FLOAT64", window.threshold),
            bigquery.ScalarQueryParameter("after_score", "FLOAT64", score),
            bigquery.ScalarQueryParameter("after_pn", "STRING", pn),
            bigquery.ScalarQueryParameter("after_hash", "STRING", content_hash),
            bigquery.ScalarQueryParameter("row_limit", "INT64", window.limit),
        ]
        finished = _NOTHING_FINISHED
        if ledger is not None:
            finished = _FINISHED.format(ledger=ledger)
            parameters.append(
                bigquery.ScalarQueryParameter("finished_after", "TIMESTAMP", window.finished_after)
            )
        retry = bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
        # A job instead of `query_and_wait`, whose failures the emulator reports as empty results.
        # Whole jobs are not retried: the client would do so for ten minutes, whatever the timeout.
        job = client.query(
            _ROWS_SQL.read_text(encoding="utf-8").format(table=self._table, finished=finished),
            job_config=bigquery.QueryJobConfig(query_parameters=parameters),
            timeout=self._timeout,
            retry=retry,
            job_retry=None,
        )
        return job.result(page_size=page_size, timeout=self._timeout, retry=retry, job_retry=None)

    def _append(self, ledger: str, finished: Sequence[FinishedRow]) -> None:
        with _readable_failures(ledger):
            client = self._connected()
            from google.cloud import bigquery

            schema = [
                bigquery.SchemaField("content_hash", "STRING", mode="REQUIRED"),
                bigquery.SchemaField("finished_at", "TIMESTAMP", mode="REQUIRED"),
            ]
            retry = bigquery.DEFAULT_RETRY.with_timeout(self._timeout)
            if not self._ledger_found:
                self._find_or_make(ledger, schema)
            lines = b"".join(_ledger_line(row) for row in finished)
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
        table.time_partitioning = bigquery.TimePartitioning(field="finished_at")
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


def _position(row: "bigquery.Row") -> tuple[float, str, str]:
    return (row["rank_score"], row["pn"] or "", row["content_hash"])


def _source_row(row: "bigquery.Row") -> SourceRow:
    values = {name: row[name] for name in COLUMNS}
    score = (values["priority_score"] or {}).get("score")
    if isinstance(score, float) and not math.isfinite(score):
        values["priority_score"] = {"score": None}  # JSON has no such number
    return SourceRow(values, row["content_hash"])


def _ledger_line(row: FinishedRow) -> bytes:
    finished_at = row.finished_at.astimezone(UTC).isoformat()
    return json.dumps({"content_hash": row.content_hash, "finished_at": finished_at}).encode() + b"\n"


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
