"""The settings of the laptop cloud: environment variables, read once, all in the tables of docs/local-cloud.md."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from laptop.supervisor.state import state_folder
from shared.errors import SettingsInvalid
from shared.fulfillment.pipeline import load_pipeline

ROOT = Path(__file__).parents[2]

STAGE_PORTS = 40
"""The first stage's offset; the others follow in their order. Nothing comes after them, as the list may grow."""

PORT_OFFSETS: Mapping[str, int] = {
    "orchestrate": 0,
    "automate": 1,
    "fallback": 2,
    "workflow": 3,
    "desk": 4,
    "rest": 10,
    "bigquery": 11,
    "bigquery-grpc": 12,
    "tasks": 13,
    "tasks-control": 14,
    "digikey": 15,
    "postgres": 16,
    "mirakl": 17,
    "canada-post": 18,
    "scheduler": 19,
    "scheduler-control": 20,
    **{stage.name: STAGE_PORTS + place for place, stage in enumerate(load_pipeline().stages)},
}
"""Port name to offset from LOCAL_PORT_BASE."""

_HIGHEST_BASE = 65_535 - max(PORT_OFFSETS.values())
_PORT_PREFIX = "LOCAL_PORT_"


class _Environment(BaseModel):
    """Field aliases are the variables' names."""

    model_config = ConfigDict(extra="ignore")

    port_base: int = Field(8080, alias="LOCAL_PORT_BASE", ge=1024, le=_HIGHEST_BASE)
    start_timeout: float = Field(60, alias="LOCAL_START_TIMEOUT_SECONDS", gt=0, le=3600)
    stop_timeout: float = Field(10, alias="LOCAL_STOP_TIMEOUT_SECONDS", gt=0, le=600)
    database_url: str | None = Field(None, alias="DATABASE_URL", pattern=r"^postgres(ql)?://")
    postgres_fast: bool = Field(False, alias="LOCAL_POSTGRES_FAST")
    digikey_burst_limit: int = Field(1200, alias="LOCAL_DIGIKEY_BURST_LIMIT", ge=0)
    digikey_daily_limit: int = Field(10_000, alias="LOCAL_DIGIKEY_DAILY_LIMIT", ge=0)
    sweep: bool = Field(True, alias="LOCAL_SWEEP")
    orchestrate_schedule: str | None = Field(None, alias="LOCAL_ORCHESTRATE_SCHEDULE")
    intake: Path | None = Field(None, alias="INTAKE")
    catalogue: Path | None = Field(None, alias="CATALOG")


class _PortNumber(BaseModel):
    port: int = Field(ge=0, le=65_535)


@dataclass(frozen=True)
class LocalSettings:
    state_dir: Path
    ports: Mapping[str, int]
    """Port name to number; for 0, each start chooses a free port."""
    start_timeout: float
    stop_timeout: float
    database_url: str | None
    """The user's own Postgres, used instead of the stack's."""
    postgres_fast: bool
    """No fsync, for tests: a crash of the machine loses data, a killed process does not."""
    digikey_burst_limit: int
    """Calls a minute; ten times those of a real account, with which the demo would mostly wait."""
    digikey_daily_limit: int
    sweep: bool
    """True: the scheduler fires the sweep. False: its job exists and is paused."""
    orchestrate_schedule: str | None
    """Unix-cron in the pipeline's time zone; None: `orchestrate` has no job."""
    intake: Path | None
    catalogue: Path | None


def read_local_settings(environment: Mapping[str, str] = os.environ) -> LocalSettings:
    """Raises SettingsInvalid, which names the variable. An empty variable counts as unset."""
    given = {name: value for name, value in environment.items() if value}
    try:
        read = _Environment.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise SettingsInvalid(problems) from error
    ports = {name: read.port_base + offset for name, offset in PORT_OFFSETS.items()} | _single_ports(given)
    values = read.model_dump(exclude={"port_base"})
    return LocalSettings(**values, state_dir=state_folder(ROOT, environment), ports=ports)


def port_variable(name: str) -> str:
    return _PORT_PREFIX + name.upper().replace("-", "_")


def _single_ports(given: Mapping[str, str]) -> dict[str, int]:
    names = {port_variable(name): name for name in PORT_OFFSETS}
    ports = {}
    for variable, value in given.items():
        if not variable.startswith(_PORT_PREFIX) or variable == "LOCAL_PORT_BASE":
            continue
        if variable not in names:
            raise SettingsInvalid(
                f"{variable}: no part has such a port; the variables are {', '.join(names)}"
            )
        try:
            ports[names[variable]] = _PortNumber.model_validate({"port": value}).port
        except ValidationError as error:
            raise SettingsInvalid(f"{variable}: {error.errors()[0]['msg']}") from error
    return ports
