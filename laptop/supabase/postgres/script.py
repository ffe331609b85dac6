"""Splits an SQL script into its statements."""

import re
from collections.abc import Iterator

_SKIPPED = re.compile(
    r"""
      --[^\n]*                                  # comment to the end of the line
    | \b[eE]'(?:[^'\\]|\\.|'')*'                # string with backslashes
    | '(?:[^']|'')*'                            # string
    | "(?:[^"]|"")*"                            # quoted name
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$   # dollar-quoted body
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"\b(?:begin\s+atomic|case|end)\b", re.IGNORECASE)


def statements(script: str) -> list[str]:
    """Trims them, drops the closing semicolon and keeps comments, as the Supabase CLI records a migration."""
    found = []
    start = 0
    for semicolon in _separators(script):
        found.append(script[start:semicolon].strip())
        start = semicolon + 1
    found.append(script[start:].strip())
    return [statement for statement in found if statement]


def _separators(script: str) -> Iterator[int]:
    position = depth = 0
    while position < len(script):
        if script.startswith("/*", position):
            position = _end_of_comment(script, position)
        elif skipped := _SKIPPED.match(script, position):
            position = skipped.end()
        elif word := _WORD.match(script, position):
            depth = _depth_after(word[0].lower(), depth)
            position = word.end()
        else:
            if script[position] == ";" and depth == 0:
                yield position
            position += 1


def _depth_after(word: str, depth: int) -> int:
    """Counts nesting: only a body between BEGIN ATOMIC and its END holds semicolons, and only there CASE matters."""
    if word.startswith("begin") or (word == "case" and depth):
        return depth + 1
    return max(0, depth - 1) if word == "end" else depth


def _end_of_comment(script: str, position: int) -> int:
    """Block comments nest in Postgres."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(script, position):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(script)
