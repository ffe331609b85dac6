"""The summary that a person sees of the stages, the account of all orders, and the postage."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.order_answers import Account, DeskPeople, GuessedSku, Ledger, Look, Stages
from cli.screen import Screen, shown
from cli.views import counted, moment, state_in_words

_PERIODS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def period(seconds: int) -> str:
    """In the largest unit of which there are at least two, such as `26 hours`; rounded down."""
    for size, unit in _PERIODS:
        if seconds >= 2 * size or size == 1:
            count = max(0, seconds) // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    raise AssertionError(seconds)


def show_stages(screen: Screen, found: Stages) -> None:
    for breaker in found.breakers:
        screen.line(
            f"{screen.symbol('warning')} {shown(breaker.stage)} is held since {moment(breaker.opened_at)}"
            f" ({shown(breaker.cause)}): {shown(breaker.reason)}",
            style="yellow",
        )
        screen.line(f"  tried {breaker.tries} times, again at {moment(breaker.retry_at)}")
    if not found.stage_runs:
        screen.line("no stage has run yet")
        return
    rows = [
        (
            run.stage,
            run.cycle,
            run.state,
            moment(run.begun_at),
            moment(run.ended_at),
            outcome(run.result or {}),
        )
        for run in found.stage_runs
    ]
    screen.table(("stage", "cycle", "state", "begun", "ended", "outcome"), rows)


def outcome(answer: Mapping[str, Any]) -> str:
    """The answer of a stage in one line: its counts that are not zero, or why it did nothing."""
    if isinstance(held := answer.get("held"), dict):
        return f"held: {shown(held.get('reason'))}"
    if answer.get("skipped") == "already ran":
        return "already ran"
    counts = {
        name: count
        for name, count in answer.items()
        if isinstance(count, int) and count and count is not True
    }
    error = answer.get("error")
    text = f"{shown(error)} ({counted(counts)})" if error else counted(counts)
    because = answer.get("skipped_because")
    why = [f"{shown(reason)} ({n})" for reason, n in because.items()] if isinstance(because, dict) else []
    return f"{text}; skipped because {', '.join(why)}" if why else text


def show_look(screen: Screen, answer: Mapping[str, Any]) -> None:
    symbol = "warning" if isinstance(answer.get("held"), dict) or answer.get("failed") else "done"
    screen.line(f"{screen.symbol(symbol)} looked now: {outcome(answer)}")


def show_account(screen: Screen, account: Account) -> None:
    about = f"orders first seen on the shop's {account.day}" if account.day else "all orders"
    screen.line(about, style="bold")
    in_progress = {name: count for name, count in account.in_progress.items() if count}
    screen.line(
        f"{account.seen} seen = {account.shipped} shipped + {sum(in_progress.values())} in progress"
        f" + {account.with_a_person} with a person + {account.cancelled} cancelled + {account.refused} refused"
    )
    if in_progress:
        screen.line(f"in progress: {counted(in_progress)}")
    labels = {name: count for name, count in account.labels.items() if count}
    screen.line(f"labels: {counted(labels)}")
    for name, look in (("marketplace", account.outside.marketplace), ("carrier", account.outside.carrier)):
        screen.line(f"{name}: {_age(look)}")
    if not account.adds_up:
        unaccounted = account.labels.get("unaccounted", 0)
        screen.line(
            f"{screen.symbol('bad')} NOT balanced: {account.lost} orders lost, {unaccounted} whose state and label"
            " contradict each other",
            style="bold red",
        )
    if account.outside.unmatched:
        screen.line(
            f"{screen.symbol('bad')} NOT balanced: {account.outside.unmatched} findings contradict the outside;"
            " `findings` lists them",
            style="bold red",
        )
    if account.verdict == "balanced":
        screen.line(f"{screen.symbol('done')} balanced: every order and label has its place", style="green")
    elif account.verdict == "unverified":
        screen.line(
            f"{screen.symbol('warning')} unverified: the sums agree, but the outside was not looked at lately;"
            " --look does it",
            style="yellow",
        )


def _age(look: Look) -> str:
    if look.age_seconds is None:
        return "never looked at"
    age = f"looked at {period(look.age_seconds)} ago"
    return age if look.fresh else f"{age}, too old: it counts for {period(look.fresh_for_seconds)}"


def show_ledger(screen: Screen, ledger: Ledger) -> None:
    totals = ledger.totals
    screen.line(f"postage from {ledger.first} to {ledger.last}, in {shown(ledger.currency)}", style="bold")
    screen.line(
        f"{totals.labels} labels for {money(totals.purchases_cents)}, voids {money(totals.voids_cents)},"
        f" refunds {money(totals.refunds_cents)}, total {money(totals.total_cents)}"
    )
    if totals.ends:
        screen.line(f"labels: {counted(totals.ends)}")
    carrier = ledger.carrier
    if carrier.look is None:
        screen.line("the carrier's list was never read")
    elif carrier.agrees:
        screen.line(f"{screen.symbol('done')} the carrier lists the same, as of {moment(carrier.look)}")
    else:
        screen.line(
            f"{screen.symbol('warning')} the carrier lists {money(carrier.listed_cents)}, we count"
            f" {money(carrier.ours_cents)}, as of {moment(carrier.look)}",
            style="yellow",
        )
    if ledger.rows:
        columns = list(ledger.rows[0])
        heads = [state_in_words(name.removesuffix("_cents").replace("cents", "price")) for name in columns]
        screen.table(heads, [[_cell(name, row.get(name)) for name in columns] for row in ledger.rows])


def _cell(name: str, value: object) -> object:
    return money(value) if name.endswith("cents") and isinstance(value, int) else value


def money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def show_guessed(screen: Screen, skus: Sequence[GuessedSku]) -> None:
    if not skus:
        screen.line(f"{screen.symbol('done')} every SKU of an unshipped order has its size")
        return
    screen.line("SKUs without a size of their own: the default is used", style="bold")
    screen.table(("sku", "orders", "title"), [(each.sku, each.orders, each.title) for each in skus])


def show_people(screen: Screen, found: DeskPeople) -> None:
    if not found.people:
        screen.line("nobody has a role of the table yet")
    else:
        rows = [(each.person, each.role, each.by, moment(each.at)) for each in found.people]
        screen.table(("person", "role", "given by", "since"), rows)
    if found.actions:
        screen.line()
        screen.table(
            ("when", "who", "what", "of", "why"),
            [(moment(each.at), each.person, each.action, each.subject, each.note) for each in found.actions],
        )
