"""The figures of all runs as two tables of Markdown: medians, and what a kill did."""

from collections.abc import Iterable, Sequence
from statistics import median

from infra.bench.peers.run import Result

TIMED = (
    "| in flight | system | records/s | CPU s per 1,000: own | the rest | all | RSS MB | PSS MB | lost | by part |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
KILLED = (
    "| system | completed | lost | asked again | seconds from the kill to the last record |",
    "|---|---|---|---|---|",
)


def report(results: Sequence[Result]) -> str:
    timed = [result for result in results if not result.trial.kill]
    killed = [result for result in results if result.trial.kill]
    lines = [*TIMED, *_timed(timed)] if timed else []
    if killed:
        lines += ["", *KILLED, *map(_killed, killed)]
    return "\n".join(lines)


def _timed(results: Sequence[Result]) -> Iterable[str]:
    """One row for each system and number in flight, in the order of the first round."""
    for in_flight, name in dict.fromkeys((one.trial.in_flight, one.trial.system) for one in results):
        runs = [one for one in results if (one.trial.in_flight, one.trial.system) == (in_flight, name)]
        good = [one for one in runs if not one.error]
        if not good:
            yield f"| {in_flight} | {name} | {runs[0].error} | | | | | | | |"
            continue
        rate = median(one.trial.records / one.seconds for one in good)
        own, other = median(one.own_cpu for one in good), median(one.other_cpu for one in good)
        rss, pss = median(one.rss for one in good), median(one.pss for one in good)
        yield (
            f"| {in_flight} | {name} | {rate:.0f} | {own:.1f} | {other:.1f} | {own + other:.1f} | {rss:.0f} | {pss:.0f}"
            f" | {sum(one.lost for one in good)} | {_parts(good)} |"
        )


def _parts(runs: Sequence[Result]) -> str:
    names = [name for name, _ in runs[0].cpu_by_part]
    values = {name: median(dict(one.cpu_by_part).get(name, 0.0) for one in runs) for name in names}
    return ", ".join(
        f"{name} {value:.1f}" for name, value in sorted(values.items(), key=lambda item: -item[1])
    )


def _killed(one: Result) -> str:
    if one.error:
        return f"| {one.trial.system} | {one.error} | | | |"
    return f"| {one.trial.system} | {one.completed} | {one.lost} | {one.asked_again} | {one.delayed:.1f} |"
