"""Functions as functions-framework serves them, and their log entries."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import functions_framework
from flask.testing import FlaskClient

from shared.web.log import LOGGER, JsonLines

ROOT = Path(__file__).parents[1]
PROBLEM = "application/problem+json; charset=utf-8"
JSON = "application/json; charset=utf-8"


def served(target: str, source: Path) -> FlaskClient:
    """Runs the module again, so that it reads its settings as at a start."""
    app = functions_framework.create_app(target, str(source))  # type: ignore[no-untyped-call]  # it has no types
    client: FlaskClient = app.test_client()
    return client


class Log:
    def __init__(self) -> None:
        self._text = StringIO()
        self.handler = logging.StreamHandler(self._text)
        self.handler.setFormatter(JsonLines())

    @property
    def text(self) -> str:
        return self._text.getvalue()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def logged() -> Iterator[Log]:
    """Collects the log, which does not go to standard output meanwhile."""
    log = Log()
    before, level = list(LOGGER.handlers), LOGGER.level
    LOGGER.handlers[:] = [log.handler]
    try:
        yield log
    finally:
        LOGGER.handlers[:] = before
        LOGGER.setLevel(level)
