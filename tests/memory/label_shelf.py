from dataclasses import dataclass, field

from shared.errors import NotFound


@dataclass
class InMemoryShelf:
    """LabelShelf over a map of paths."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def put(self, path: str, content: bytes) -> None:
        self.contents[path] = content

    def get(self, path: str) -> bytes:
        if path not in self.contents:
            raise NotFound(f"no label {path}")
        return self.contents[path]
