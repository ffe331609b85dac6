import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any, cast

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from laptop.faults import (
    DroppableProtocol,
    Fault,
    FaultKind,
    FaultPlan,
    FaultSettings,
    FaultyApp,
    fault_routes,
)


def fault(kind: str, **knobs: object) -> Fault:
    return Fault.model_validate({"kind": kind, **knobs})


def strikes(plan: FaultPlan, times: int, path: str = "/a") -> list[bool]:
    return [bool(plan.draw("GET", path)) for _ in range(times)]


# --- the plan ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "complaint"),
    [
        ({"kind": "latency"}, "latency needs seconds"),
        ({"kind": "error_before"}, "error_before needs status"),
        ({"kind": "timeout", "effect": "none"}, "timeout needs seconds"),
        ({"kind": "lost_answer", "status": 500}, "lost_answer takes no status"),
        ({"kind": "latency", "seconds": 1, "times": 1, "every": 2}, "give one of"),
        ({"kind": "latency", "seconds": -1}, "greater than or equal to 0"),
        ({"kind": "error_after", "status": 200}, "greater than or equal to 400"),
        ({"kind": "malformed", "probability": 1.5}, "less than or equal to 1"),
        ({"kind": "malformed", "path": "a"}, "pattern"),
        ({"kind": "malformed", "surprise": 1}, "Extra inputs"),
        ({"kind": "earthquake"}, "Input should be"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(
    knobs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Fault.model_validate(knobs)


def test_a_fault_without_a_rule_strikes_every_request_below_its_path_by_its_method() -> None:
    plan = FaultPlan(faults=[fault("malformed", path="/a", method="GET")])
    assert plan.draw("GET", "/a/b")
    assert not plan.draw("GET", "/b")
    assert not plan.draw("POST", "/a/b")


def test_times_strikes_the_first_matches_alone() -> None:
    assert strikes(FaultPlan(faults=[fault("malformed", times=2)]), 4) == [True, True, False, False]


def test_every_strikes_each_nth_match() -> None:
    assert strikes(FaultPlan(faults=[fault("malformed", every=3)]), 6) == [False, False, True] * 2


@given(st.integers(), st.floats(0, 1))
def test_chance_repeats_itself_whatever_happens_on_other_paths(seed: int, probability: float) -> None:
    rule = fault("malformed", probability=probability)
    alone = strikes(FaultPlan(seed, [rule]), 8)
    busy = FaultPlan(seed, [rule])
    interleaved = []
    for one in range(8):
        busy.draw("GET", f"/other{one % 3}")
        interleaved += strikes(busy, 1)
    assert alone == interleaved


def test_chance_strikes_about_as_often_as_it_says_and_seeds_differ() -> None:
    first, second = (strikes(FaultPlan(seed, [fault("malformed", probability=0.3)]), 2000) for seed in (1, 2))
    assert 500 < sum(first) < 700
    assert first != second
    assert not any(strikes(FaultPlan(1, [fault("malformed", probability=0)]), 50))
    assert all(strikes(FaultPlan(1, [fault("malformed", probability=1)]), 50))


def test_latencies_add_up_and_the_first_other_fault_ends_the_list() -> None:
    slow, slower = fault("latency", seconds=1), fault("latency", seconds=2)
    broken, unreached = fault("error_before", status=500), fault("malformed")
    assert FaultPlan(faults=[slow, slower, broken, unreached]).draw("GET", "/") == (slow, slower, broken)


def test_concurrent_requests_are_counted_exactly() -> None:
    plan = FaultPlan(faults=[fault("malformed", times=100)])

    def strike(_request: int) -> int:
        drawn = plan.draw("GET", "/")
        for each in drawn:
            plan.count_struck(each)
        return len(drawn)

    with ThreadPoolExecutor(8) as pool:
        struck = list(pool.map(strike, range(400)))
    assert sum(struck) == 100
    assert plan.report()["faults"] == [
        {"kind": "malformed", "path": "/", "times": 100, "matched": 400, "struck": 100}
    ]


def test_a_replaced_plan_counts_from_zero() -> None:
    plan = FaultPlan(faults=[fault("malformed", times=1)])
    assert strikes(plan, 2) == [True, False]
    plan.replace(FaultSettings(seed=3, faults=(fault("malformed", times=1),)))
    assert strikes(plan, 2) == [True, False]
    assert plan.report()["seed"] == 3


# --- on the wire ------------------------------------------------------------------------------------------


class Counter:
    """An app whose effect is a growing number."""

    def __init__(self) -> None:
        self.effects = 0
        self.seen: list[tuple[FaultKind, ...]] = []
        self.unserved: list[FaultKind] = []

    async def work(self, request: Request) -> Response:
        await request.body()
        self.effects += 1
        self.seen.append(request.scope["faults"])
        return JSONResponse({"effects": self.effects})

    def note(self, _scope: Scope, struck: Fault) -> None:
        self.unserved.append(struck.kind)


@contextmanager
def serving(counter: Counter, plan: FaultPlan, protocol: type[asyncio.Protocol]) -> Iterator[httpx.Client]:
    part = Starlette(routes=[Route("/work", counter.work, methods=["GET", "POST"]), *fault_routes(plan)])
    app = FaultyApp(part, plan, unserved=counter.note)
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none", http=protocol)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture(scope="module")
def shared_counter() -> Counter:
    return Counter()


@pytest.fixture(scope="module")
def shared_part(plan: FaultPlan, shared_counter: Counter) -> Iterator[httpx.Client]:
    with serving(shared_counter, plan, DroppableProtocol) as client:
        yield client


@pytest.fixture
def counter(shared_counter: Counter) -> Counter:
    shared_counter.effects = 0
    shared_counter.seen.clear()
    shared_counter.unserved.clear()
    return shared_counter


@pytest.fixture
def part(shared_part: httpx.Client) -> httpx.Client:
    shared_part.delete("/_control/faults")
    return shared_part


def order(part: httpx.Client, *faults: dict[str, Any]) -> None:
    part.put("/_control/faults", json={"faults": faults}).raise_for_status()


def test_without_faults_the_app_answers(part: httpx.Client, counter: Counter) -> None:
    assert part.get("/work").json() == {"effects": 1}
    assert counter.seen == [()]


def test_latency_delays_the_true_answer(part: httpx.Client, counter: Counter) -> None:
    order(part, {"kind": "latency", "seconds": 0.2})
    answer = part.get("/work")
    assert answer.json() == {"effects": 1}
    assert answer.elapsed.total_seconds() >= 0.2
    assert counter.seen == [(FaultKind.LATENCY,)]


@pytest.mark.parametrize(
    ("knobs", "status", "effects"),
    [
        ({"kind": "error_before", "status": 503}, 503, 0),
        ({"kind": "error_after", "status": 500}, 500, 1),
        ({"kind": "rate_limited"}, 429, 0),
        ({"kind": "malformed"}, 200, 1),
    ],
)
def test_a_wrong_answer_comes_before_or_after_the_effect(
    part: httpx.Client, counter: Counter, knobs: dict[str, Any], status: int, effects: int
) -> None:
    order(part, knobs)
    answer = part.post("/work", json={"some": "body"})
    assert answer.status_code == status
    assert counter.effects == effects
    assert counter.unserved == ([] if effects else [FaultKind(knobs["kind"])])


def test_a_malformed_answer_cannot_be_read(part: httpx.Client, counter: Counter) -> None:
    order(part, {"kind": "malformed"})
    with pytest.raises(ValueError, match="Unterminated string"):
        part.get("/work").json()
    assert counter.effects == 1


def test_a_rate_limit_names_its_wait(part: httpx.Client) -> None:
    order(part, {"kind": "rate_limited", "seconds": 9})
    assert part.get("/work").headers["retry-after"] == "9"


@pytest.mark.parametrize(
    ("knobs", "effects"),
    [
        ({"kind": "lost_answer"}, 1),
        ({"kind": "timeout", "seconds": 0.05, "effect": "before"}, 1),
        ({"kind": "timeout", "seconds": 0.05, "effect": "none"}, 0),
        ({"kind": "timeout", "seconds": 0.05}, 0),
    ],
)
def test_a_connection_closes_without_an_answer(
    part: httpx.Client, counter: Counter, knobs: dict[str, Any], effects: int
) -> None:
    order(part, knobs)
    with pytest.raises(httpx.TransportError):
        part.post("/work", json={"some": "body"})
    assert counter.effects == effects
    order(part)
    assert part.get("/work").status_code == 200  # the app itself works


@pytest.mark.parametrize("kind", ["malformed", "lost_answer"])
def test_a_fault_counts_as_struck_once_its_effect_has_happened(kind: str) -> None:
    plan = FaultPlan(faults=[fault(kind)])
    counts: list[object] = []

    def count() -> None:
        (reported,) = cast("list[dict[str, object]]", plan.report()["faults"])
        counts.append((reported["matched"], reported["struck"]))

    async def effect(_scope: Scope, _receive: Receive, _send: Send) -> None:
        count()

    async def hung_up() -> Message:
        return {"type": "http.disconnect"}

    async def unread(_message: Message) -> None:
        count()

    asyncio.run(FaultyApp(effect, plan)({"type": "http", "method": "GET", "path": "/"}, hung_up, unread))
    count()
    assert counts[0] == (1, 0)
    assert counts[1:] == [(1, 1)] * len(counts[1:])


def test_a_caller_may_hang_up_on_a_silent_app_first(part: httpx.Client, counter: Counter) -> None:
    order(part, {"kind": "timeout", "seconds": 600, "effect": "before"})
    with pytest.raises(httpx.ReadTimeout):
        part.get("/work", timeout=0.2)
    assert counter.effects == 1


def test_control_paths_are_never_struck(part: httpx.Client) -> None:
    order(part, {"kind": "error_before", "status": 500})
    assert part.get("/_control/faults").json()["faults"][0]["status"] == 500


def test_an_unreadable_plan_is_refused_and_changes_nothing(part: httpx.Client) -> None:
    order(part, {"kind": "malformed"})
    answer = part.put("/_control/faults", json={"faults": [{"kind": "latency"}]})
    assert answer.status_code == 422
    assert "latency needs seconds" in answer.json()["errors"][0]["msg"]
    assert len(part.get("/_control/faults").json()["faults"]) == 1
    assert part.delete("/_control/faults").json() == {"seed": 0, "faults": []}


def test_a_server_that_cannot_drop_connections_raises() -> None:
    counter = Counter()
    plan = FaultPlan(faults=[fault("lost_answer")])
    with serving(counter, plan, H11Protocol) as client:
        assert client.get("/work").status_code == 500
    assert counter.effects == 1
