"""The environment of the functions on a laptop: endpoints, credentials and waits for the local stand-ins."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import jwt

from laptop.supervisor.plan import Trial
from shared.fulfillment.pipeline import load_pipeline
from shared.settings import GROUPS

PROJECT = "switchyard-local"
LOCATION = "us-central1"
PARTS_TABLE = f"{PROJECT}.parts_data.parts"
LEDGER_TABLE = f"{PROJECT}.parts_data.finished_records"
AUTOMATION_QUEUE = "automation"
DEAD_LETTER_QUEUE = "dead-letter"

STAGES = tuple(stage.name for stage in load_pipeline().stages)
FUNCTIONS = ("orchestrate", "automate", "fallback", "workflow", "desk", *STAGES)


class Line(StrEnum):
    """A half of Switchyard, which a stack can run alone."""

    RECORDS = "records"
    ORDERS = "orders"


_BOTH = ("postgres", "rest", "workflow", "desk", "scheduler")
PARTS: Mapping[Line, frozenset[str]] = {
    Line.RECORDS: frozenset({*_BOTH, "bigquery", "digikey", "tasks", "orchestrate", "automate", "fallback"}),
    Line.ORDERS: frozenset({*_BOTH, "mirakl", "canada-post", *STAGES}),
}
JOBS: Mapping[Line, frozenset[str]] = {
    Line.RECORDS: frozenset({"migrations", "parts-data", "queues", "schedules"}),
    Line.ORDERS: frozenset({"migrations", "schedules"}),
}

DEFAULTS: Mapping[str, str] = {
    "QUEUE_MAX_ATTEMPTS": "10",
    "WORKFLOW_AUTOMATION_MAX_CONCURRENT": "5",
    "AUTOMATION_LEASE_SECONDS": "15",
    "SWEEP_GRACE_SECONDS": "5",
    "SWEEP_PATIENCE_SECONDS": "30",
    "VENDOR_PAUSE_SECONDS": "3",
    "VENDOR_ACCOUNT_PAUSE_SECONDS": "10",
    "DESK_OPERATORS": "ana",
    "DESK_DEVELOPMENT_PERSON": "ana",
    "CANADA_POST_CALLS_APART_SECONDS": "0",
    "CANADA_POST_CUSTOMER_NUMBER": "2004381",
    "CANADA_POST_CONTRACT_ID": "42708517",
    "CANADA_POST_PAID_BY_CUSTOMER": "2004381",
    "CANADA_POST_SENDER": json.dumps(
        {
            "name": "Shipping desk",
            "company": "Acme Parts",
            "phone": "514-555-0100",
            "line_1": "502 Main St N",
            "city": "Montreal",
            "province": "QC",
            "postal_code": "H2B1A0",
        }
    ),
}
"""Defaults for what the user does not set. The waits are shorter than in the cloud: a person is watching."""

_FAR_FUTURE = (
    4_102_444_800  # 2100-01-01: every start makes the same token, so that of a running function stays valid
)
_HERE = "127.0.0.1"


@dataclass(frozen=True)
class Endpoints:
    """The addresses of the stand-ins, by port name."""

    ports: Mapping[str, int]

    def url(self, name: str) -> str:
        return f"http://{_HERE}:{self.ports[name]}"

    def host_and_port(self, name: str) -> str:
        return f"{_HERE}:{self.ports[name]}"


def service_role_key(jwt_secret: str) -> str:
    claims = {"role": "service_role", "iss": "switchyard-local", "exp": _FAR_FUTURE}
    return jwt.encode(claims, jwt_secret, algorithm="HS256")


def function_environment(
    ports: Mapping[str, int],
    jwt_secret: str,
    environment: Mapping[str, str],
    overrides: Mapping[str, str],
) -> dict[str, str]:
    """Passes on the functions' variables from the user's `environment`, except those that lead to the real cloud."""
    here = Endpoints(ports)
    known = {name for group in GROUPS for name in group.variables()}
    chosen = {
        name: value
        for name, value in environment.items()
        if value and (name in known or name.startswith("WORKFLOW_"))
    }
    local = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "SUPABASE_URL": here.url("rest"),
        "SUPABASE_SERVICE_ROLE_KEY": service_role_key(jwt_secret),
        "BIGQUERY_TABLE": PARTS_TABLE,
        "BIGQUERY_LEDGER_TABLE": LEDGER_TABLE,
        "BIGQUERY_API_ENDPOINT": here.url("bigquery"),
        "TASKS_LOCATION": LOCATION,
        "TASKS_API_ENDPOINT": here.host_and_port("tasks"),
        "SCHEDULER_LOCATION": LOCATION,
        "SCHEDULER_API_ENDPOINT": here.host_and_port("scheduler"),
        "AUTOMATION_QUEUE": AUTOMATION_QUEUE,
        "DEAD_LETTER_QUEUE": DEAD_LETTER_QUEUE,
        "AUTOMATE_URL": here.url("automate"),
        "FALLBACK_URL": here.url("fallback"),
        "DIGIKEY_API_BASE": here.url("digikey"),
        "DIGIKEY_CLIENT_ID": "local-client",
        "DIGIKEY_CLIENT_SECRET": "local-secret",
        "MIRAKL_API_BASE": here.url("mirakl"),
        "BEST_BUY_API_KEY": "local-key",
        "CANADA_POST_API_BASE": here.url("canada-post"),
        "CANADA_POST_API_USER": "local-user",
        "CANADA_POST_API_PASSWORD": "local-password",
        "DESK_DOOR": "development",
        "DESK_SECRET": jwt_secret,
    }
    return {**DEFAULTS, **chosen, **local, **overrides}


def trials(ports: Mapping[str, int]) -> tuple[Trial, ...]:
    """The desk comes first: it is what a person opens."""
    here = Endpoints(ports)
    post = "curl -sS -X POST -H 'Content-Type: application/json'"
    commands = {
        "orchestrate": f"""{post} -d '{{"limit": 5, "dry_run": true}}' {here.url("orchestrate")}""",
        "automate": f"curl -sS {here.url('automate')}/health",
        "fallback": f"""{post} -d '{{"sweep": true}}' {here.url("fallback")}""",
        "workflow": f"curl -sS '{here.url('workflow')}/manual-tasks?limit=5'",
    }
    commands |= {name: f"""{post} -d '{{"dry_run": true}}' {here.url(name)}""" for name in STAGES}
    ordered = sorted(FUNCTIONS, key=lambda name: name in commands)
    return tuple(Trial(name, here.url(name), commands.get(name)) for name in ordered)
