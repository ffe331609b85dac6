"""The summary that a person sees of `now` and of a series of insight."""

from datetime import datetime

from cli.insight_answers import Insight, LastRun, Look, Now, Oldest, OrdersNow, RecordsNow, StageNow
from cli.report_views import money, outcome, period
from cli.screen import Screen, shown
from cli.views import counted, moment, state_in_words
from shared.clock import system_clock


def show_now(screen: Screen, now: Now) -> None:
    _records(screen, now.records)
    screen.line()
    _orders(screen, now.orders)
    screen.line()
    screen.table(
        ("stage", "last run", "state", "seconds", "outcome"), [stage_row(each) for each in now.orders.stages]
    )


def _records(screen: Screen, records: RecordsNow) -> None:
    account, queue, people, quota = records.account, records.queue, records.manual_tasks, records.quota
    screen.line(f"records today (UTC): {state_in_words(account.verdict or '')}", style="bold")
    screen.line(
        f"{account.taken} taken = {account.completed} completed + {account.with_a_person} with a person"
        f" + {account.in_flight} in flight + {account.failed} failed + {account.rejected} rejected"
    )
    places = {
        name: count
        for name, count in queue.model_dump().items()
        if name not in {"in_flight", "oldest"} and count
    }
    waits = f": {counted(places)}" if places else ""
    screen.line(f"{screen.symbol('automation')} {queue.in_flight} in flight{waits}{_oldest(queue.oldest)}")
    screen.line(
        f"{screen.symbol('person')} {people.open} manual tasks open: {people.free} free, {people.held} held,"
        f" {people.overdue} overdue{_oldest(people.oldest)}"
    )
    screen.line(f"quota: {quota.left} of {quota.limit} left today, renewed at {moment(quota.renewed_at)}")
    for vendor in records.vendors:
        if vendor.state != "closed":
            screen.line(
                f"{screen.symbol('warning')} {shown(vendor.vendor)} is paused until {moment(vendor.until)}"
                f" ({shown(vendor.cause)}): {shown(vendor.reason)}; {vendor.waiting} records wait",
                style="yellow",
            )


def _orders(screen: Screen, orders: OrdersNow) -> None:
    account = orders.account
    screen.line(f"orders today (the shop's day): {state_in_words(account.verdict)}", style="bold")
    screen.line(
        f"{account.shipped} of {account.seen} shipped, {account.with_a_person} need a person,"
        f" {sum(account.in_progress.values())} in progress, {account.cancelled} cancelled,"
        f" {account.refused} refused"
    )
    screen.line(f"all open orders: {counted(orders.open)}; {orders.with_a_person.orders} need a person")
    if orders.soonest and orders.soonest.ship_before:
        screen.line(
            f"soonest deadline: {shown(orders.soonest.order_id)} at {moment(orders.soonest.ship_before)}"
        )
    if orders.late:
        screen.line(
            f"{screen.symbol('bad')} {orders.late} open orders are past their deadline", style="bold red"
        )
    postage = orders.postage
    screen.line(
        f"labels today: {postage.labels} for {money(postage.bought_cents)} {shown(postage.currency)},"
        f" {money(postage.undone_cents)} undone"
    )
    outside = orders.outside
    screen.line(f"marketplace: {_age(outside.marketplace)}; carrier: {_age(outside.carrier)}")
    if outside.unmatched:
        screen.line(
            f"{screen.symbol('bad')} {outside.unmatched} findings contradict the outside", style="bold red"
        )


def stage_row(stage: StageNow) -> tuple[object, ...]:
    run = stage.last_run
    if stage.breaker:
        result = f"held until {moment(stage.breaker.retry_at)}: {shown(stage.breaker.reason)}"
    else:
        result = run_outcome(run) if run else "never run"
    if run is None:
        return stage.stage, "-", "-", "-", result
    return stage.stage, moment(run.begun_at), run.state, run.seconds, result


def run_outcome(run: LastRun) -> str:
    return outcome({**(run.result or {}), "errors": run.errors})


def _oldest(oldest: Oldest | None) -> str:
    return f"; {shown(oldest.pn)} waits for {_since(oldest.since)}" if oldest else ""


def _age(look: Look) -> str:
    if look.checked_at is None:
        return "never looked at"
    return f"looked at {_since(look.checked_at)} ago{'' if look.fresh else ', too old'}"


def _since(time: datetime) -> str:
    return period(int((system_clock() - time).total_seconds()))


def show_insight(screen: Screen, found: Insight) -> None:
    screen.line(f"{found.series} from {found.first} to {found.last}", style="bold")
    if not found.rows:
        screen.line("nothing in this time")
        return
    columns = [name for name in found.rows[0] if name != "currency"]
    heads = [state_in_words(name.removesuffix("_cents")) for name in columns]
    screen.table(heads, [[_cell(name, row.get(name)) for name in columns] for row in found.rows])


def _cell(name: str, value: object) -> object:
    if value is None:
        return "-"
    if name.endswith("_rate") and isinstance(value, int | float):
        return f"{value:.1%}"
    return money(value) if name.endswith("_cents") and isinstance(value, int) else value
