from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measurement. `kept` is None where there is no budget, only a figure."""

    what: str
    budget: str
    measured: str
    detail: str
    kept: bool | None

    @property
    def verdict(self) -> str:
        return {True: "kept", False: "OVER", None: ""}[self.kept]


def at_most(what: str, budget: float, measured: float, floor: float, *, unit: str = "ms") -> Row:
    """A ratio to a floor, with both sides shown."""
    ratio = measured / floor
    return Row(
        what,
        f"<= {budget:g}x",
        f"{ratio:.2f}x",
        f"{measured:.1f} {unit} to {floor:.1f} {unit}",
        ratio <= budget,
    )


def alternately(
    times: int, ours: Callable[[int], float], floor: Callable[[int], float]
) -> tuple[float, float]:
    """Medians in milliseconds of two timed actions that alternate, so that a slow moment of the machine affects both.

    Each takes the number of its turn and returns seconds; the first turn only warms up.
    """
    taken = [(ours(turn), floor(turn)) for turn in range(times + 1)][1:]
    return median(first for first, _ in taken) * 1000, median(second for _, second in taken) * 1000


def render(rows: Sequence[Row], console: Console) -> None:
    table = Table("what", "budget", "measured", "", "detail", title="Measured against the budgets")
    for row in rows:
        colour = {True: "green", False: "red", None: ""}[row.kept]
        table.add_row(row.what, row.budget, row.measured, row.verdict, row.detail, style=colour)
    console.print(table)


def write(rows: Iterable[Row], path: Path) -> None:
    lines = ["| what | budget | measured | | detail |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.budget} | {r.measured} | {r.verdict} | {r.detail} |" for r in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
