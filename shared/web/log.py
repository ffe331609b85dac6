"""Structured logs: each entry is one line of JSON on standard output, with the fields that Cloud Logging reads."""

import json
import logging
import sys
from typing import Any

LOGGER = logging.getLogger("switchyard")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {"severity": record.levelname, "message": record.getMessage()}
        entry.update(getattr(record, "facts", {}))
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def start_logging(level: str) -> None:
    """May be called again: there is one handler."""
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    if not LOGGER.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        LOGGER.addHandler(handler)


def log(severity: int, message: str, /, *, error: Exception | None = None, **facts: object) -> None:
    """`facts` and the stack trace of `error` become fields of the entry."""
    LOGGER.log(severity, message, exc_info=error, extra={"facts": facts})
