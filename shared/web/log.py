"""Structured logs: one JSON object a line on standard output, in the fields that Cloud Logging reads."""

import json
import logging
import sys
from typing import Any

LOGGER = logging.getLogger("switchyard")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"severity": record.levelname, "message": record.getMessage()}
        line.update(getattr(record, "facts", {}))
        if record.exc_info:
            line["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start_logging(level: str) -> None:
    """Safe to call again."""
    LOGGER.setLevel(level)
    LOGGER.propagate = False
    if not LOGGER.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        LOGGER.addHandler(handler)


def log(severity: int, message: str, /, *, error: Exception | None = None, **facts: object) -> None:
    """`facts` become fields of the line, and so does the stack trace of `error`."""
    LOGGER.log(severity, message, exc_info=error, extra={"facts": facts})
