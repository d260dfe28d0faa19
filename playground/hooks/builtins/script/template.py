"""The text of a script: the lines of template.txt that a run needs, with the run's values.

A line of the template that ends in `  #? norm -residual` is kept where "norm" holds and "residual"
does not; `a|b` holds where one of both does. `@seed@` stands for a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_CONDITION = re.compile(r"  #\? ([a-z_|\- ]+)$")
_VALUE = re.compile(r"@([a-z0-9_]+)@")
_GAP = re.compile(r"\n{4,}")
_SHORT = 12
"""Lines of a text that is put into the script line by line."""


def filled(facts: Collection[str], values: Mapping[str, str]) -> str:
    """The script. facts: what holds. values: source text by name; where that is empty, a line that
    has nothing else is left out. Values are put in as they are: none of them may come from outside
    before `literal` or `in_words` has written it."""
    text = "\n".join(_lines(facts, values)) + "\n"
    return _GAP.sub("\n\n\n", text)


def _lines(facts: Collection[str], values: Mapping[str, str]) -> Iterator[str]:
    for line in _template():
        condition = _CONDITION.search(line)
        if condition is not None:
            if not all(_holds(one, facts) for one in condition[1].split()):
                continue
            line = line[: condition.start()]
        made = _VALUE.sub(lambda found: values[found[1]], line)
        if made.strip() or not line.strip():
            yield made


def _holds(condition: str, facts: Collection[str]) -> bool:
    wanted = not condition.startswith("-")
    return any(one in facts for one in condition.removeprefix("-").split("|")) == wanted


@cache
def _template() -> tuple[str, ...]:
    path = Path(__file__).with_name("template.txt")
    return tuple(path.read_text(encoding="utf-8").splitlines())


# ---------------------------------------------------------------- what comes from outside


def literal(value: str | float | list[Any] | dict[Any, Any]) -> str:
    """A value as Python source, in which nothing can end a text early, hide, or turn the direction
    of reading: repr escapes line ends, marks of direction, and all else that cannot be printed."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(one)}' for key, one in value.items())}}}"
    if isinstance(value, str) and '"' not in value and "'" not in value:
        return f'"{repr(value)[1:-1]}"'
    return repr(value)


def in_words(text: str, most: int = 200) -> str:
    """A text as it may stand in a docstring or a comment: printable, in one line, no longer than
    `most` characters."""
    shown = "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: most + 1]
    )
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return shown.replace("\\", "\\\\").replace('"', '\\"')


def literal_text(text: str) -> str:
    """A text as Python source: a line of source for each line of a short text, else one line."""
    lines = text.splitlines(keepends=True)
    if len(text) <= 80 or len(lines) > _SHORT or max(map(len, lines)) > 80:
        return literal(text)
    return "\n".join(("(", *(f"    {literal(line)}" for line in lines), ")"))
