"""Reads docs/api.md: what it says about each endpoint, and about the problems that every function answers."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

GENERAL = "Every function"
SHORTEST_SUMMARY = 2  # words
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
_TABLE = re.compile(r"^\|.*\|$", re.MULTILINE)
_PROBLEM = re.compile(r"^\| (\d{3}) \| `(\w+)` \| ([^|]*) \|", re.MULTILINE)
_SHAPE = re.compile(r'(?:answers?|:) `(\{"[^`]*\})`', re.IGNORECASE)
_KEYS = re.compile(r"\bAnswers (?:200 with )?((?:`\w+`(?:, | and )?)+)")
_BARE_KEY = re.compile(r'\{"\w+"\s*[,}]')
_STATUS = re.compile(r"\b(4\d\d|5\d\d)\b")


class PageUnclear(ValueError):
    """docs/api.md lacks what the document needs; the message names the endpoint."""


@dataclass(frozen=True)
class Example:
    """The call that stands below an endpoint's text."""

    path: str
    query: Mapping[str, str]
    body: Any

    def path_values(self, template: str) -> Mapping[str, str]:
        """The values of the template's parameters."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found = re.search(f"{pattern}$", self.path)
        return found.groupdict() if found else {}


@dataclass(frozen=True)
class Section:
    """The page's text about one endpoint. `context` is about all endpoints of its chapter and part."""

    name: str
    source: str
    context: str

    @cached_property
    def text(self) -> str:
        """The prose, without the tables and the call. What stands below the call is about the endpoints after it."""
        above = re.split(r"^```sh$", self.source, maxsplit=1, flags=re.MULTILINE)[0]
        text = re.sub(r"\n{3,}", "\n\n", _TABLE.sub("", above)).strip()
        if not text:
            raise PageUnclear(f"docs/api.md has no sentence about {self.name}")
        return text

    @cached_property
    def summary(self) -> str:
        """The first sentence, or what stands before its colon if that says enough."""
        sentence = _first_sentence(re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", _joined(self.text)))
        before, colon, _ = sentence.partition(": ")
        return before if colon and len(before.split()) > SHORTEST_SUMMARY else sentence.removesuffix(".")

    @cached_property
    def meanings(self) -> Mapping[str, str]:
        """Field to description, with the dots of nested fields."""
        rows = [row.split(" | ") for row in _ROW.findall(self.source)]
        return {row[0].strip("`"): row[-1].strip(" |") for row in rows if row[0].startswith("`")}

    @cached_property
    def problems(self) -> list[tuple[int, str]]:
        """Status and code of the problems that this endpoint alone answers."""
        table = [(int(status), code) for status, code, _ in _PROBLEM.findall(self.source)]
        named = re.findall(r"answer is (\d{3}) and a problem with the code `(\w+)`", _joined(self.text))
        return table + [(int(status), code) for status, code in named]

    @cached_property
    def statuses(self) -> set[int]:
        return {int(status) for status in _STATUS.findall(f"{self.text}\n{self.context}")}

    @cached_property
    def headers(self) -> list[str]:
        """The names of request headers."""
        return sorted(set(re.findall(r"`(X-[A-Za-z-]+)`", self.text)))

    @cached_property
    def answers(self) -> list[dict[str, Any]]:
        """JSON objects as the page shows them; a value of None can be anything."""
        return [*self.inline_answers, *self.examples]

    @cached_property
    def inline_answers(self) -> list[dict[str, Any]]:
        return [self._read(text) for text in _SHAPE.findall(_joined(_FENCE.sub("", self.text)))]

    @cached_property
    def examples(self) -> list[dict[str, Any]]:
        return [self._read(text) for kind, text in _FENCE.findall(self.text) if kind == "json"]

    @cached_property
    def certain(self) -> bool:
        """Whether every answer has the shown keys: the first sentence shows the only shape."""
        return len(self.answers) == 1 and bool(_SHAPE.search(_first_sentence(_joined(self.text))))

    @cached_property
    def keys(self) -> list[str]:
        """The keys of an answer that the page names without a value."""
        return [key for listed in _KEYS.findall(_joined(self.text)) for key in re.findall(r"`(\w+)`", listed)]

    @cached_property
    def example(self) -> Example:
        calls = [text for kind, text in _FENCE.findall(self.source) if kind == "sh"]
        if len(calls) != 1:
            raise PageUnclear(f"docs/api.md shows {len(calls)} calls of {self.name} instead of one")
        words = shlex.split(calls[0].replace("\\\n", " "))
        url = urlsplit(re.sub(r"^\$[A-Z_]+", "http://function", words[-1]))
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        return Example(url.path, dict(parse_qsl(url.query)), body)

    def _read(self, text: str) -> dict[str, Any]:
        try:
            shape = json.loads(re.sub(r"(?<=[:\[{ ])\.\.\.", "null", _emptied(text)))
        except ValueError as error:
            raise PageUnclear(f"docs/api.md shows for {self.name} what is not JSON: {text}") from error
        if not isinstance(shape, dict):
            raise PageUnclear(f"docs/api.md shows for {self.name} an answer that is not an object: {text}")
        return shape


@dataclass(frozen=True)
class InterfacePage:
    text: str

    def section(self, function: str, endpoint: str) -> Section:
        """`endpoint` is a method and a path. Raises PageUnclear when there is none."""
        for chapter in (function, GENERAL):
            if found := self._sections.get((chapter, endpoint)):
                return found
        raise PageUnclear(f"docs/api.md has no heading `### {endpoint}` below `## {function}`")

    @cached_property
    def problems(self) -> Mapping[int, Mapping[str, str]]:
        """Status, code, and when it is answered, of every function."""
        table: dict[int, dict[str, str]] = {}
        for _, chapter, _, text in _chapters(self.text):
            if chapter == GENERAL:
                for status, code, when in _PROBLEM.findall(text):
                    table.setdefault(int(status), {})[code] = when
        return table

    @cached_property
    def _sections(self) -> Mapping[tuple[str, str], Section]:
        found: dict[tuple[str, str], Section] = {}
        about_part = about_chapter = ""
        for part, chapter, endpoint, text in _chapters(self.text):
            if endpoint:
                context = f"{about_part}\n{about_chapter}" if chapter != GENERAL else ""
                found[chapter, endpoint] = Section(f"{chapter} {endpoint}", text, context)
            elif chapter:
                about_chapter = text
            elif part:
                about_part, about_chapter = text, ""
        return found


def _chapters(page: str) -> Iterator[tuple[str, str, str, str]]:
    """Part (#), chapter (##), endpoint (###), and the text below the heading."""
    place = ["", "", ""]
    pieces = re.split(r"^(#{1,3}) (.+)$", page, flags=re.MULTILINE)[1:]
    for marks, heading, text in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        level = len(marks)
        place[level - 1 :] = [heading, *[""] * (3 - level)]
        yield place[0], place[1], place[2], text


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[\w)`\"]\.)(?:\s|$)", text)[0]


def _joined(text: str) -> str:
    return " ".join(text.split())


def _emptied(text: str) -> str:
    """As JSON: a key without a value, such as `{"first", "rows": [...]}`, can hold anything."""
    text = text.replace("[...]", "[]").replace("{...}", "{}")
    return re.sub(r'([{,]\s*)"(\w+)"(?=\s*[,}])', r'\1"\2": null', text) if _BARE_KEY.match(text) else text
