"""The search language of lists of runs: `lr>=0.01 dataset=names touched<2d "my notes"`."""

from __future__ import annotations

import difflib
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from playground.lab.store.rows import ROW_FIELDS, clean, column_of
from playground.words import read_number

Operator = Literal["=", "!=", ">=", "<=", ">", "<", "~"]
Value = int | float | str | None

ALIASES = {
    "lr": "learning_rate",
    "data": "dataset",
    "layers": "n_layer",
    "heads": "n_head",
    "width": "n_embd",
    "context": "block_size",
    "batch": "batch_size",
    "val": "heldout",
    "bits": "bits_per_character",
    "without": "left_out",
}
TEXTS = frozenset({"uid", "name", "note", "dataset", "tokenizer", "engine", "schedule", "status",
                   "owner", "left_out", "optimizer", "by_hand"})  # fmt: skip
AGES = frozenset({"created", "touched"})
NULLABLE = frozenset({"parent", "fork_step", "loss", "heldout", "bits_per_character"})
FRACTIONS = frozenset({"learning_rate", "loss", "heldout", "bits_per_character"})
"""Fields of numbers with decimals; every other number is whole."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SEARCHED = ("name", "note", "dataset")
_MOST = 2**63 - 1
"""The largest number that SQLite knows."""
_TOKEN = re.compile(r'(?:"[^"]*"?|[^\s"])+')
_FILTER = re.compile(r"([^\s\"=!<>~]*)(!=|>=|<=|=|>|<|~)(.*)", re.DOTALL)


class QueryError(ValueError):
    """A query that cannot be parsed; the message says where, why, and what is allowed."""

    def __init__(self, message: str, part: str, place: int) -> None:
        super().__init__(message)
        self.part = part
        """The word that is wrong."""
        self.place = place
        """Where the mistake begins, in characters from 0."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a field. The value for `created` and `touched` is an age in seconds."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Query:
    """A search: all filters hold, and all words are found. Runs without a value in the column
    that sorts come last."""

    filters: tuple[Filter, ...] = ()
    words: tuple[str, ...] = ()
    """Words to be found in name, note or data set, in upper or lower case."""
    sort: str = "created"
    descending: bool = True
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.sort not in ROW_FIELDS:
            resolved = field_of(self.sort, self.sort, 0)
            object.__setattr__(self, "sort", resolved)

    @classmethod
    def parse(
        cls, text: str, *, sort: str = "created", descending: bool = True, limit: int | None = None
    ) -> Query:
        """The query that a person typed. Raises QueryError."""
        filters, words = [], []
        for found in _TOKEN.finditer(clean(text)):
            part, place = found.group(), found.start()
            if part.count('"') % 2:
                raise _wrong("the quote is not closed", part, place + part.rindex('"'))
            match = None if part.startswith('"') else _FILTER.fullmatch(part)
            if match is None:
                word = part.replace('"', "")
                if word:
                    words.append(word)
            else:
                filters.append(_filter(match, part, place))
        return cls(tuple(filters), tuple(words), sort, descending, limit)

    @property
    def asks_for_status(self) -> bool:
        """True if a filter is about the status, so that interrupted runs must be known."""
        return any(one.field == "status" for one in self.filters)

    def sql(self, interrupted: Iterable[int] = ()) -> tuple[str, str, tuple[Value, ...]]:
        """(condition, order and limit, values for the question marks). interrupted: the ids of
        runs whose status is "interrupted", whatever the store says."""
        conditions, values = ["1"], []
        for one in self.filters:
            condition, value = _condition(one, interrupted)
            conditions.append(condition)
            values.append(value)
        for word in self.words:
            places = " OR ".join(f"has(runs.{name}, ?)" for name in _SEARCHED)
            conditions.append(f"({places})")
            values.extend([word] * len(_SEARCHED))
        field = column_of(self.sort)
        column = field + (" COLLATE NOCASE" if self.sort in TEXTS else "")
        way = "DESC" if self.descending else "ASC"
        order = f"ORDER BY {field} IS NULL, {column} {way}, runs.id {way}"
        if self.limit is not None:
            order += " LIMIT ?"
            values.append(min(self.limit, _MOST))
        return " AND ".join(conditions), order, tuple(values)


def _condition(one: Filter, interrupted: Iterable[int]) -> tuple[str, Value]:
    column = column_of(one.field)
    if one.field == "status":
        left = ", ".join(str(int(run)) for run in interrupted)
        column = f"(CASE WHEN runs.id IN ({left}) THEN 'interrupted' ELSE runs.status END)"
    if one.operator == "~":
        return f"has(CAST({column} AS TEXT), ?)", one.value
    if one.field in AGES and isinstance(one.value, float):
        return f"({_now()!r} - {column}) {one.operator} ?", one.value
    same = {"=": "IS", "!=": "IS NOT"}.get(one.operator, one.operator)
    if one.field in TEXTS:
        return f"{column} {same} ? COLLATE NOCASE", one.value
    return f"{column} {same} ?", one.value


def _now() -> float:
    return time.time()


def _filter(match: re.Match[str], part: str, place: int) -> Filter:
    name, text = match[1], match[3]
    operator = cast(Operator, match[2])
    field = field_of(name, part, place)
    at = place + match.start(3)
    value = text.replace('"', "")
    if operator == "~":
        return Filter(field, "~", value)
    if field in TEXTS:
        if operator not in ("=", "!="):
            raise _wrong(
                f"{field} is a text: {operator} is for numbers; use = or != or ~ (contains)",
                part,
                place + match.start(2),
            )
        return Filter(field, operator, value)
    if field in NULLABLE and value.lower() == "none" and operator in ("=", "!="):
        return Filter(field, operator, None)
    return Filter(
        field, operator, _age(value, part, at) if field in AGES else _number(value, field, part, at)
    )


def field_of(name: str, part: str, place: int) -> str:
    """The field of a row that a name means. Raises QueryError.

    part: the word that the name stands in. place: where that begins, in characters from 0.
    """
    wanted = name.lower().replace("-", "_")
    field = ALIASES.get(wanted, wanted)
    if field in ROW_FIELDS:
        return field
    known = sorted({*ROW_FIELDS, *ALIASES})
    if not name:
        raise _wrong("there is no field before the sign, as in lr>=0.01", part, place)
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f"; did you mean {close[0]!r}? There are: " if close else "; there are: "
    raise _wrong(f"there is no field {name!r}{hint}{', '.join(known)}", part, place)


def _number(text: str, field: str, part: str, place: int) -> int | float:
    advice = f"; as in {field}>=10"
    try:
        value = float(read_number(text, whole=field not in FRACTIONS))
    except OverflowError:  # an int beyond every float
        value = math.inf
    except ValueError as error:
        value, advice = math.nan, str(error) or advice
    if math.isnan(value):
        raise _wrong(f"{field} is a number, and {text!r} is none{advice}", part, place)
    whole = math.isfinite(value) and value.is_integer() and abs(value) < 2**53
    return int(value) if whole else value


def _age(text: str, part: str, place: int) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhdw])", text.lower())
    if match is None:
        raise _wrong(
            f"{text!r} is no age; as in 90s, 30m, 12h, 2d or 1w: touched<2d is what was touched "
            "less than two days ago",
            part,
            place,
        )
    return float(match[1]) * _UNITS[match[2]]


def _wrong(why: str, part: str, place: int) -> QueryError:
    return QueryError(f"At {part!r} (character {place + 1}): {why}.", part, place)
