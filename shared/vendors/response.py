from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Response:
    """One whole HTTP response, unchanged; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Lower case, without parameters; empty if the header is missing."""
        return self.headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()

    @property
    def is_success(self) -> bool:
        return 200 <= self.status <= 299  # noqa: PLR2004  # HTTP's class of successes

    def masked(self, secrets: Sequence[str]) -> Self:
        """The response without the secrets in its body, which is read as UTF-8: a gateway may quote the request."""
        text = self.body.decode("utf-8", "replace")
        for secret in secrets:
            text = text.replace(secret, "***")
        return replace(self, body=text.encode())
