"""`python -m infra.smoke [--url URL]`: checks each deployed function's health and makes a call without effect.

Without --url it calls the running laptop cloud. A token in SWITCHYARD_TOKEN is sent with every call.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from cli.addresses import checked_url
from cli.failures import Failure, NotReached, WrongUsage
from cli.laptop_cloud import local_functions
from infra.package.archive import functions

ROOT = Path(__file__).parents[1]
TOKEN_VARIABLE = "SWITCHYARD_TOKEN"  # noqa: S105 - the variable's name
PLACE = "{function}"
HEALTH_TIMEOUT = 30.0  # seconds: a cold start, then the checks
CALL_TIMEOUT = 120.0  # seconds: a dry run reads BigQuery or the marketplace
CORRELATION_HEADER = "X-Correlation-Id"  # each function sets it; the platform's own pages lack it
LONGEST = 100  # characters of an answer that are shown

NO_TASK = {"automation_task_id": str(UUID(int=0))}
"""A task that cannot exist: the function asks the database for it and changes nothing."""


@dataclass(frozen=True)
class Trial:
    """A call that changes nothing, and the status that it must get."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    status: int
    is_file: bool = False


STAGE = Trial("POST", "/", {"dry_run": True, "limit": 1}, 200)
TRIALS: Mapping[str, Trial] = {
    "orchestrate": Trial("POST", "/", {"dry_run": True, "limit": 1}, 200),
    "automate": Trial("POST", "/", NO_TASK, 404),
    "fallback": Trial("POST", "/", NO_TASK, 404),
    "workflow": Trial("GET", "/config", None, 200),
    "desk": Trial("GET", "/assets/icon.svg", None, 200, is_file=True),
}
"""The calls to all functions but the stages, which get STAGE."""


@dataclass(frozen=True)
class Outcome:
    passed: bool
    what: str
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    try:
        token = _token(os.environ.get(TOKEN_VARIABLE, ""))
        addresses = located(given.url, functions(ROOT))
        if token and not all(_is_here(url) or url.startswith("https://") for url in addresses.values()):
            raise WrongUsage("a token is sent over https only, or to this machine")
        return 0 if _smoke(addresses, token) else 1
    except Failure as failure:
        sys.stderr.write(f"smoke: {failure}\n")
        return failure.status


def located(url: str | None, names: Sequence[str]) -> dict[str, str]:
    """`url` contains {function}, or is a base to which the name is appended. Raises WrongUsage and NotReached."""
    if url is None:
        local = local_functions()
        if missing := [name for name in names if name not in local]:
            raise NotReached(
                f"no laptop cloud is running here ({missing[0]} is not there); `make up` starts it"
            )
        return {name: local[name] for name in names}
    template = url if PLACE in url else f"{url.rstrip('/')}/{PLACE}"
    return {name: checked_url(template.replace(PLACE, name), "--url") for name in names}


def _token(text: str) -> str:
    """Raises WrongUsage without repeating the text."""
    token = text.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise WrongUsage(f"{TOKEN_VARIABLE} is not a token: it has several words or lines")
    return token


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}


def _smoke(addresses: Mapping[str, str], token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # A proxy from the environment is only for other machines.
    outside = not all(map(_is_here, addresses.values()))
    passed = True
    sys.stdout.write(f"{'function':<17}{'call':<23}{'':<8}{'seconds':>8}  answer\n")
    with httpx.Client(headers=headers, trust_env=outside) as client:
        for name, url in addresses.items():
            trial = TRIALS.get(name, STAGE)
            for label, outcome in (
                ("GET /health", health(client, url)),
                (f"{trial.method} {trial.path}", attempt(client, url, trial)),
            ):
                passed = passed and outcome.passed
                mark = "ok" if outcome.passed else "FAILED"
                sys.stdout.write(f"{name:<17}{label:<23}{mark:<8}{outcome.seconds:>8.2f}  {outcome.what}\n")
                sys.stdout.flush()
    return passed


def health(client: httpx.Client, url: str) -> Outcome:
    reply = _ask(client, url, Trial("GET", "/health", None, 200), HEALTH_TIMEOUT)
    checks = reply.body.get("checks")
    if not isinstance(checks, dict):
        return Outcome(
            passed=False, what=reply.failure or f"{reply.status}, without checks", seconds=reply.seconds
        )
    checked = [
        name if check["status"] == "ok" else f"{name}: {check['code']} {check['detail']}"
        for name, check in checks.items()
    ]
    return Outcome(
        reply.status == httpx.codes.OK, f"{reply.body.get('version')}: {', '.join(checked)}", reply.seconds
    )


def attempt(client: httpx.Client, url: str, trial: Trial) -> Outcome:
    reply = _ask(client, url, trial, CALL_TIMEOUT)
    if reply.failure:
        return Outcome(passed=False, what=reply.failure, seconds=reply.seconds)
    passed = reply.status == trial.status
    what = str(reply.status)
    if reply.status != httpx.codes.OK:
        note = ", as expected" if passed else ""
        what = f"{reply.status}{note}: {reply.body.get('code')}: {reply.body.get('detail')}"
    return Outcome(passed, what[:LONGEST], reply.seconds)


@dataclass(frozen=True)
class Reply:
    """`failure` is empty when the function itself answered."""

    seconds: float
    failure: str = ""
    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


def _ask(client: httpx.Client, url: str, trial: Trial, timeout: float) -> Reply:
    begun = time.perf_counter()
    try:
        answer = client.request(trial.method, url + trial.path, json=trial.body, timeout=timeout)
    except httpx.RequestError as error:
        return Reply(time.perf_counter() - begun, f"no answer: {type(error).__name__}")
    seconds = time.perf_counter() - begun
    if trial.is_file and CORRELATION_HEADER in answer.headers:
        return Reply(seconds, "", answer.status_code)
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(
        body, dict
    ):  # a page of the platform, such as the refusal of a caller without an identity
        return Reply(seconds, f"{answer.status_code}, and not from the function")
    return Reply(seconds, "", answer.status_code, body)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.smoke", description="Checks that all deployed functions work."
    )
    parser.add_argument(
        "--url",
        default=os.environ.get("SWITCHYARD_URL") or None,
        help="address of the functions, the name in place of {function} or appended (default: the laptop cloud)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
