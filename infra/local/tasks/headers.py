"""The request headers of one delivery; PURE. Names, casing and counts as recorded from the real service."""

import base64
import json
from typing import Any

from infra.local.tasks.messages import HttpRequestMessage
from infra.local.tasks.names import queue_of, short_id
from infra.local.tasks.progress import Progress

USER_AGENT = "Google-Cloud-Tasks"
_REPLACED = ("host", "content-length", "user-agent")
_RESERVED = ("x-google-", "x-appengine-", "x-cloudtasks-")
_TOKEN_LIFE = 3600


def own_headers(given: dict[str, str]) -> dict[str, str]:
    """The task's headers without those the service computes or keeps for itself (`types.HttpRequest.headers`)."""
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in _REPLACED and not name.lower().startswith(_RESERVED)
    }


def delivery_headers(
    name: str, request: HttpRequestMessage, progress: Progress, now: float
) -> list[tuple[str, str]]:
    """`request` is a `google.cloud.tasks.v2.HttpRequest`; `progress` is as it was before this delivery."""
    headers = [
        ("User-Agent", USER_AGENT),
        *own_headers(dict(request.headers)).items(),
        ("X-CloudTasks-QueueName", short_id(queue_of(name))),
        ("X-CloudTasks-TaskName", short_id(name)),
        ("X-CloudTasks-TaskETA", f"{progress.scheduled:.6f}"),
        ("X-CloudTasks-TaskRetryCount", str(progress.failures)),
        ("X-CloudTasks-TaskExecutionCount", str(progress.executions)),
    ]
    if progress.previous_response is not None:
        headers.append(("X-CloudTasks-TaskPreviousResponse", str(progress.previous_response)))
        headers.append(("X-CloudTasks-TaskRetryReason", ""))
    authorization = _authorization(request, now)
    if authorization:
        headers.append(("Authorization", f"Bearer {authorization}"))
    return headers


def _authorization(request: HttpRequestMessage, now: float) -> str:
    match request.WhichOneof("authorization_header"):
        case "oidc_token":
            return _unsigned_jwt(
                {
                    "iss": "https://accounts.google.com",
                    "aud": request.oidc_token.audience or request.url,
                    "email": request.oidc_token.service_account_email,
                    "email_verified": True,
                    "sub": request.oidc_token.service_account_email,
                    "iat": int(now),
                    "exp": int(now) + _TOKEN_LIFE,
                }
            )
        case "oauth_token":
            return f"local-oauth-token-of-{request.oauth_token.service_account_email}"
        case _:
            return ""


def _unsigned_jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        + "."
    )
