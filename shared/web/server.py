"""Makes the server below a function refuse requests with problems, as the function does, and not with HTML."""

import gc
import json
from collections.abc import Callable
from socket import socket

import flask
import gunicorn.util  # type: ignore[import-untyped]  # it has no types

from shared.errors import RequestRefused, SwitchyardError, UnreadableBody
from shared.web.problem import INTERNAL_ERROR, MEDIA_TYPE, problem_body

LONGEST_DETAIL = 300
FAULT = "the server failed; its log has the details"


def prepare_server(serve: Callable[[flask.Request], flask.Response]) -> None:
    """Lets `serve` answer the paths that Flask cannot route, and makes gunicorn refuse with problems.

    functions-framework loads a function in its Flask app's context, before it starts gunicorn.
    """
    gunicorn.util.write_error = write_problem
    gc.freeze()  # what was imported stays: the worker need not visit it, which would also copy it out of shared memory
    gc.enable()
    if flask.has_app_context():
        flask.current_app.register_error_handler(404, lambda _error: serve(flask.request))


def receive(request: flask.Request) -> None:
    """Reads the whole body, even if it is not needed: functions-framework reads it later, and crashes if it cannot.

    Raises UnreadableBody for a malformed chunk and the like.
    """
    try:
        request.get_data()
    except Exception as error:
        raise UnreadableBody(f"the body cannot be received: {type(error).__name__}") from error


def write_problem(sock: socket, status: int, reason: str, message: str) -> None:
    """Replaces `gunicorn.util.write_error`, which answers malformed requests, such as one with an unknown `Expect`.

    A 500 is a fault of the server itself, which it reports without a message.
    """
    is_ours = status == INTERNAL_ERROR
    code, detail = (
        (SwitchyardError.code, FAULT) if is_ours else (RequestRefused.code, message[:LONGEST_DETAIL])
    )
    body = json.dumps(problem_body(status, reason, code, detail))
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {MEDIA_TYPE}\r\n"
    answer = f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
    gunicorn.util.write_nonblock(sock, answer.encode("latin1"))
