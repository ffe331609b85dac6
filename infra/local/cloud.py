"""The plan of Switchyard's stack: the processes, the services that they stand in for, and the order of their start."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.local import migrations
from infra.local.functions import (
    FUNCTIONS,
    JOBS,
    LOCATION,
    PARTS,
    PARTS_TABLE,
    PROJECT,
    STAGES,
    Endpoints,
    Line,
    function_environment,
    trials,
)
from infra.local.settings import ROOT, LocalSettings
from laptop.supabase.postgres import AUTHENTICATOR, STOP_SIGNAL, database_url
from laptop.supervisor.health import HttpHealth, PostgresHealth
from laptop.supervisor.plan import Job, Part, Plan, file_digest

_STORES, _SERVERS, _FUNCTIONS, _QUEUE = range(4)  # they stop from the last to the first


@dataclass(frozen=True)
class Cloud:
    """All that determines how the processes are started. `ports` has a number for each port name."""

    state_dir: Path
    ports: Mapping[str, int]
    intake: Path
    catalogue: Path
    jwt_secret: str
    settings: LocalSettings
    environment: Mapping[str, str]
    """The user's environment; the functions get those of its variables that are theirs."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Variables that the functions get whatever the user's environment says."""
    lines: frozenset[Line] = frozenset(Line)

    def plan(self) -> Plan:
        """The whole stack, or as much of it as the `lines` need."""
        whole = self._whole()
        names = self._names()
        return replace(
            whole,
            parts=tuple(
                replace(part, after=part.after & names) for part in whole.parts if part.name in names
            ),
            jobs=tuple(job for job in whole.jobs if job.name in names),
            trials=tuple(trial for trial in whole.trials if trial.function in names),
        )

    def _whole(self) -> Plan:
        functions = tuple(self._function(name) for name in FUNCTIONS)
        servers = (self._bigquery(), self._digikey(), self._mirakl(), self._canada_post(), self._rest())
        postgres = () if self.settings.database_url else (self._postgres(),)
        return Plan(
            parts=(*postgres, *servers, *functions, self._tasks(), self._scheduler()),
            jobs=(self._migrations(), self._parts_data(), self._queues(), self._schedules()),
            trials=trials(self.ports),
            environment=self._function_environment(),
            inputs={"intake": str(self.intake), "catalogue": str(self.catalogue)},
        )

    @property
    def database_url(self) -> str:
        return self.settings.database_url or database_url(self.ports["postgres"])

    def _postgres(self) -> Part:
        port = self.ports["postgres"]
        fast = ("--fast",) if self.settings.postgres_fast else ()
        return Part(
            "postgres",
            _module(
                "laptop.supabase.postgres", "--data-dir", self.state_dir / "postgres", "--port", port, *fast
            ),
            {"postgres": port},
            PostgresHealth(self.database_url),
            tier=_STORES,
            stop_signal=STOP_SIGNAL.name,
            url=self.database_url,
        )

    def _migrations(self) -> Job:
        bootstrap = ("--bootstrap",) if self.settings.database_url else ()
        return Job(
            "migrations",
            _module("infra.local.migrations", "--database-url", self.database_url, *bootstrap),
            after=frozenset() if self.settings.database_url else frozenset({"postgres"}),
            content=file_digest(*sorted(migrations.FOLDER.glob("*.sql"))),
        )

    def _rest(self) -> Part:
        """Passes the secrets in the environment: every user of the machine can read a command line."""
        as_authenticator = database_url(self.ports["postgres"], user=AUTHENTICATOR)
        environment = {
            "DATABASE_URL": self.settings.database_url or as_authenticator,
            "SUPABASE_JWT_SECRET": self.jwt_secret,
        }
        bucket = self._function_environment().get("LABEL_BUCKET", "labels")
        return replace(
            self._server(
                "rest",
                "laptop.supabase.rest",
                ("--storage-dir", self.state_dir / "storage", "--bucket", bucket),
                "/_control/ready",
            ),
            after=frozenset({"migrations"}),
            environment=environment,
        )

    def _bigquery(self) -> Part:
        port, grpc_port = self.ports["bigquery"], self.ports["bigquery-grpc"]
        options = (
            "--port",
            port,
            "--grpc-port",
            grpc_port,
            "--data-dir",
            self.state_dir / "bigquery" / "data",
        )
        return Part(
            "bigquery",
            _module("laptop.google.bigquery", *options),
            {"bigquery": port, "bigquery-grpc": grpc_port},
            HttpHealth(port, "/readyz"),
            tier=_SERVERS,
            url=Endpoints(self.ports).url("bigquery"),
        )

    def _parts_data(self) -> Job:
        endpoint = Endpoints(self.ports).url("bigquery")
        return Job(
            "parts-data",
            _module(
                "infra.local.parts", "--endpoint", endpoint, "--table", PARTS_TABLE, "--file", self.intake
            ),
            after=frozenset({"bigquery"}),
            content=f"{PARTS_TABLE} {file_digest(self.intake)}",
            marker=self.state_dir / "bigquery" / "loaded",
        )

    def _digikey(self) -> Part:
        limits = self.settings.digikey_burst_limit, self.settings.digikey_daily_limit
        options = ("--catalogue", self.catalogue, "--data-dir", self.state_dir / "digikey")
        return self._server(
            "digikey",
            "laptop.vendors.digikey",
            (*options, "--burst-limit", limits[0], "--daily-limit", limits[1]),
            "/_control/health",
        )

    def _mirakl(self) -> Part:
        return self._server(
            "mirakl", "laptop.vendors.mirakl", ("--data-dir", self.state_dir / "mirakl"), "/_control/health"
        )

    def _canada_post(self) -> Part:
        return self._server(
            "canada-post",
            "laptop.vendors.canada_post",
            ("--data-dir", self.state_dir / "canada-post"),
            "/_control/health",
        )

    def _server(self, name: str, module: str, options: tuple[object, ...], health: str) -> Part:
        port = self.ports[name]
        return Part(
            name,
            _module(module, "--port", port, *options),
            {name: port},
            HttpHealth(port, health),
            tier=_SERVERS,
            url=Endpoints(self.ports).url(name),
        )

    def _function(self, name: str) -> Part:
        port = self.ports[name]
        entry_point = name.replace("-", "_")
        source = ("--source", str(ROOT / "functions" / f"{entry_point}.py"), "--target", entry_point)
        return Part(
            name,
            (
                sys.executable,
                "-m",
                "functions_framework",
                *source,
                "--port",
                str(port),
                "--host",
                "127.0.0.1",
            ),
            {name: port},
            # Shallow: a function must start even when a dependency is unavailable.
            HttpHealth(port, "/health?shallow=true"),
            environment={**self._function_environment(), "PYTHONPATH": str(ROOT)},
            tier=_FUNCTIONS,
            url=Endpoints(self.ports).url(name),
        )

    def _tasks(self) -> Part:
        """Starts last and stops first: a waiting task must not spend attempts on functions that do not run."""
        port, control = self.ports["tasks"], self.ports["tasks-control"]
        options = ("--port", port, "--control-port", control, "--data-file", self.state_dir / "tasks.sqlite")
        return Part(
            "tasks",
            _module("laptop.google.tasks", *options),
            {"tasks": port, "tasks-control": control},
            HttpHealth(control, "/healthz"),
            after=frozenset({"rest", "digikey", "parts-data", *FUNCTIONS}),
            tier=_QUEUE,
            url=Endpoints(self.ports).host_and_port("tasks"),
        )

    def _queues(self) -> Job:
        return Job(
            "queues",
            _module("infra.local.queues"),
            after=frozenset({"tasks"}),
            environment=self._function_environment(),
            content=" ".join(self._function_environment().values()),
        )

    def _scheduler(self) -> Part:
        """Starts last and stops first, like the queue: it must not fire functions that do not run."""
        port, control = self.ports["scheduler"], self.ports["scheduler-control"]
        file = self.state_dir / "scheduler.sqlite"
        options = ("--port", port, "--control-port", control, "--data-file", file)
        return Part(
            "scheduler",
            _module("laptop.google.scheduler", *options),
            {"scheduler": port, "scheduler-control": control},
            HttpHealth(control, "/healthz"),
            after=frozenset({"rest", "digikey", "mirakl", "canada-post", *FUNCTIONS}),
            tier=_QUEUE,
            url=Endpoints(self.ports).host_and_port("scheduler"),
        )

    def _schedules(self) -> Job:
        """Makes the stages' jobs paused: a person starts the pipeline, and sees what it does."""
        here = Endpoints(self.ports)
        place = ("--endpoint", here.host_and_port("scheduler"), "--project", PROJECT, "--location", LOCATION)
        called = [name for name in ("orchestrate", "fallback", *STAGES) if name in self._names()]
        urls = (option for name in called for option in ("--url", f"{name}={here.url(name)}"))
        cron = self.settings.orchestrate_schedule
        orchestrate = ("--orchestrate-schedule", cron) if cron and "orchestrate" in called else ()
        paused = [name for name in called if name in STAGES]
        if "fallback" in called and not self.settings.sweep:
            paused.append("sweep")
        pauses = (option for name in paused for option in ("--paused", name))
        argv = _module("infra.local.schedules", *place, *urls, *orchestrate, *pauses)
        pipeline = file_digest(ROOT / "shared" / "pipeline.json")
        return Job("schedules", argv, after=frozenset({"scheduler"}), content=pipeline)

    def _names(self) -> frozenset[str]:
        return frozenset[str]().union(*(PARTS[line] | JOBS[line] for line in self.lines))

    def _function_environment(self) -> dict[str, str]:
        return function_environment(self.ports, self.jwt_secret, self.environment, self.overrides)


def _module(name: str, *options: object) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *map(str, options))
