from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import NotFound


@dataclass
class InMemoryShelf:
    """LabelShelf over a map of paths."""

    contents: dict[str, bytes] = field(default_factory=dict)
    media_types: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, content: bytes, media_type: str = "application/pdf") -> None:
        self.contents[path], self.media_types[path] = content, media_type

    def get(self, path: str) -> bytes:
        if path not in self.contents:
            raise NotFound(f"no label {path}")
        return self.contents[path]

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            self.contents.pop(path, None)
