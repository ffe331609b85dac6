"""The HTTP client that is given to `postgrest`."""

import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import httpx

from shared.kept_connection import KeptConnection, is_by_proxy

_Answered = Callable[[httpx.Response], None]


def rest_session(
    base_url: str, tls: ssl.SSLContext, *, timeout: float, idle: float, answered: _Answered
) -> httpx.Client:
    """For one thread. `answered` sees each answer before its body is read, and may raise. Raises httpx.InvalidURL."""
    if is_by_proxy():
        return httpx.Client(
            base_url=base_url,
            timeout=timeout,
            verify=tls,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=idle),
            event_hooks={"response": [answered]},
        )
    return _Direct(base_url, KeptConnection(tls, idle), timeout, answered)


class _Direct(httpx.Client):
    """Sends a call as `postgrest` made it. What httpx adds, cookies, redirects and merging, would take longer."""

    def __init__(
        self, base_url: str, connection: KeptConnection, timeout: float, answered: _Answered
    ) -> None:
        super().__init__(
            base_url=base_url,
            transport=connection,
            timeout=timeout,
            trust_env=False,
            event_hooks={"response": [answered]},
        )
        self._connection = connection
        self._answered = answered
        self._extensions = {"timeout": self.timeout.as_dict()}

    def request(  # type: ignore[override]  # the options that a call to a function never has are httpx's own
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        params: httpx.QueryParams | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401  # httpx's own
    ) -> httpx.Response:
        if params or content is None:
            return super().request(method, url, content=content, params=params, headers=headers, **options)
        request = httpx.Request(
            method, _parsed(url), headers=headers, content=content, extensions=self._extensions
        )
        response = self._connection.handle_request(request)
        response.request = request
        try:
            self._answered(response)
            response.read()
        finally:
            response.close()
        return response


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)
