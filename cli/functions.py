"""The calls that the commands make. The answers' shapes are in cli/answers.py and cli/order_answers.py."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import date
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from cli.addresses import Address, Function
from cli.client import Call, Client, FileReply

RUN_TIMEOUT = 540.0
TIMEOUT = 30.0

Json = dict[str, Any]


class Functions:
    """Use it in a `with`. `locate` gives a function's address when it is first called."""

    def __init__(
        self,
        locate: Callable[[Function], Address],
        token: str | None,
        *,
        timeout: float | None,
        notify: Callable[[str], None],
    ) -> None:
        self._locate = locate
        self._token = token
        self._timeout = timeout
        self._notify = notify
        self._clients: dict[Function, Client] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def run(self, request: Mapping[str, Any]) -> Json:
        """Repeatable: a batch id is always sent, and a used id starts nothing; a dry run changes nothing."""
        return self._client(Function.ORCHESTRATE).answer(
            Call("POST", "", self._timeout or RUN_TIMEOUT, repeatable=True, body=request)
        )

    def look(self, request: Mapping[str, Any]) -> Json:
        """Fires `reconcile-orders`. Not repeatable: a look that is still running refuses the second call."""
        return self._client(Function.RECONCILE_ORDERS).answer(
            Call("POST", "", self._timeout or RUN_TIMEOUT, repeatable=False, body=request)
        )

    def batch(self, batch_id: str) -> Json:
        return self.get(f"/batches/{quote(batch_id, safe='')}")

    def batches(self, query: Mapping[str, str | int]) -> Json:
        return self.get("/batches", query)

    def manual_tasks(self, query: Mapping[str, str | int]) -> Json:
        return self.get("/manual-tasks", query)

    def task_groups(self, query: Mapping[str, str | int]) -> Json:
        return self.get("/manual-tasks/groups", query)

    def task(self, task_id: str, assignee: str | None) -> Json:
        return self.get(f"/manual-tasks/{task_id}", {"assignee": assignee} if assignee else None)

    def part(self, pn: str, manufacturer: str | None) -> Json:
        return self.get("/parts", {"pn": pn} | ({"manufacturer": manufacturer} if manufacturer else {}))

    def config(self) -> Json:
        return self.get("/config")

    def reconcile(self, batch_id: str | None, day: date | None) -> Json:
        return self.get("/reconcile", {"batch": batch_id} if batch_id else {"day": str(day)})

    def act(self, task_id: str, action: str, body: Mapping[str, Any]) -> Json:
        """Repeatable for a claim only: a second `fail` may be another person's word."""
        return self.post(f"/manual-tasks/{task_id}/{action}", body, repeatable=action == "claim")

    def work(self, task_id: str, action: str, body: Mapping[str, Any], *, repeatable: bool = True) -> Json:
        return self.post(f"/manual-tasks/{task_id}/{action}", body, repeatable=repeatable)

    def next_task(self, request: Mapping[str, Any]) -> Json:
        """Repeatable: the call's own id is always sent."""
        return self.post("/manual-tasks/next", request, repeatable=True)

    def product(self, pn: str, manufacturer: str | None) -> Json:
        return self.get("/products", {"pn": pn} | ({"manufacturer": manufacturer} if manufacturer else {}))

    def redrive(self, batch_id: str, request: Mapping[str, Any]) -> Json:
        """Repeatable: the redrive's own batch id is always sent."""
        return self.post(f"/batches/{quote(batch_id, safe='')}/redrive", request, repeatable=True)

    def again(self, request: Mapping[str, Any]) -> Json:
        return self.post("/records/again", request, repeatable=True)

    def vendors(self) -> Json:
        return self.get("/vendors")

    def resume(self, vendor: str, request: Mapping[str, Any]) -> Json:
        """Repeatable: a breaker that is closed stays as it is."""
        return self.post(f"/vendors/{quote(vendor, safe='')}/resume", request, repeatable=True)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        return self._client(Function.WORKFLOW).answer(self._reading(path, query))

    def file(self, path: str, query: Mapping[str, str | int] | None = None) -> FileReply:
        return self._client(Function.WORKFLOW).file(self._reading(path, query))

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> Json:
        call = Call("POST", path, self._timeout or TIMEOUT, repeatable=repeatable, body=body)
        return self._client(Function.WORKFLOW).answer(call)

    def _reading(self, path: str, query: Mapping[str, str | int] | None) -> Call:
        return Call("GET", path, self._timeout or TIMEOUT, repeatable=True, query=query)

    def _client(self, function: Function) -> Client:
        if function not in self._clients:
            client = Client(self._locate(function), self._token, notify=self._notify)
            self._clients[function] = self._open.enter_context(client)
        return self._clients[function]
