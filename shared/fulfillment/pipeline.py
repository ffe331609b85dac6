"""The stages and their schedule, read from `shared/pipeline.json`, the only list of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import SettingsInvalid

FILE = Path(__file__).parents[1] / "pipeline.json"


class Stage(BaseModel):
    """A stage is fired `offset_minutes` after its cycle begins and may take `timeout_seconds`."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}[a-z0-9]$")
    offset_minutes: int = Field(ge=0, lt=60)
    timeout_seconds: int = Field(ge=30, le=1800)


class Pipeline(BaseModel):
    """Only the schedulers use `time_zone`: a stage must start without a time zone database."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    interval_minutes: int = Field(ge=1, le=60)
    time_zone: str = Field(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$")
    grace_seconds: float = Field(gt=0, le=3600)
    stages: Sequence[Stage] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_sequence(self) -> Self:
        if 60 % self.interval_minutes:
            raise ValueError("interval_minutes must divide an hour")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        offsets = [stage.offset_minutes for stage in self.stages]
        if offsets != sorted(offsets) or offsets[-1] >= self.interval_minutes:
            raise ValueError("the stages' offsets must rise and stay within the interval")
        return self

    def stage(self, name: str) -> Stage:
        """Raises SettingsInvalid for a stage that is not in the list."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise SettingsInvalid(
            f"{FILE.name} has no stage {name}; it has {', '.join(s.name for s in self.stages)}"
        )

    def before(self, name: str) -> Stage | None:
        place = self.stages.index(self.stage(name))
        return self.stages[place - 1] if place else None

    def cycle_begin(self, fired: datetime) -> datetime:
        """The beginning of a firing's cycle: its time, rounded down to the interval."""
        interval = timedelta(minutes=self.interval_minutes)
        moment = fired.astimezone(UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (moment - midnight) // interval * interval

    def cron(self, stage: Stage) -> str:
        """The stage's schedule as unix-cron."""
        minutes = range(stage.offset_minutes, 60, self.interval_minutes)
        return f"{','.join(map(str, minutes))} * * * *"


@cache
def load_pipeline(file: Path = FILE) -> Pipeline:
    """Raises SettingsInvalid with the file and its error."""
    try:
        return Pipeline.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise SettingsInvalid(f"{file.name}: {error}") from error
