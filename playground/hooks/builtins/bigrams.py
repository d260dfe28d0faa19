"""The table of pairs: how often each token follows each other one, and what the model says.

`count_pairs` counts the training documents once, and keeps what it found; the panel "bigrams" and
the lessons of the tour read the same table.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from microgpt.anatomy import softmax
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.terminal import printable
from microgpt.vector_engine import VectorEngine
from playground.api import (
    Contribution,
    Knob,
    Knobs,
    Panel,
    PanelFacts,
    UnknownTextError,
    hookimpl,
)
from playground.widths import cell_len, set_cell_size
from playground.words import short

MOST_TOKENS = 300_000
"""Tokens after which the counting stops."""
_PATIENCE = 1.0
"""Seconds after which it stops, if a tokenizer is slow."""
_AT_ONCE = 2**14
"""Tokens that are counted in one call."""
_BETWEEN = -1
"""Stands between two documents."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """How often each token followed each other one. Tokens are ids; a table is only equal to
    itself."""

    after: dict[int, Counter[int]]
    """For each token that was read, how often each token followed it."""
    documents: int
    """Documents that were counted."""
    whole: bool
    """True if these are all documents."""
    follow: Counter[int] = field(default_factory=Counter)
    """How often each token followed any other."""
    totals: Counter[int] = field(default_factory=Counter)
    """How often each token was followed by any."""

    def total(self, token: int) -> int:
        """How often the token was followed by any."""
        return self.totals[token]

    def count(self, token: int, follower: int) -> int:
        """How often `follower` came after `token`."""
        return self.after[token][follower] if token in self.after else 0

    def share(self, token: int, follower: int) -> float:
        """The share of `follower` among all that came after `token`, 0..1; 0 for a token that
        never was followed."""
        total = self.total(token)
        return self.count(token, follower) / total if total else 0.0

    def frequent(self) -> list[int]:
        """The tokens that were read, the most frequent first; of equals the first by id."""
        return sorted(self.after, key=lambda token: (-self.totals[token], token))


Encode = Callable[[str], list[int]]
_kept: list[tuple[Sequence[str], Encode, Pairs]] = []
"""The table that was counted last, and of which documents."""


def count_pairs(documents: Sequence[str], encode: Encode) -> Pairs:
    """Count the first documents, as far as the model reads them. The same documents, by identity,
    with the same tokenizer are counted once. encode: as in PanelFacts."""
    for known, reads, pairs in _kept:
        if known is documents and reads == encode:
            return pairs
    pairs = _count(documents, encode)
    _kept[:] = [(documents, encode, pairs)]
    return pairs


def _count(documents: Sequence[str], encode: Encode) -> Pairs:
    flat: list[int] = []
    counts: Counter[tuple[int, int]] = Counter()
    done = tokens = 0
    began = time.monotonic()
    for text in documents:
        try:
            flat += encode(text)
        except UnknownTextError:  # of a tokenizer that does not know its own documents
            continue
        finally:
            done += 1
        flat.append(_BETWEEN)
        if len(flat) >= _AT_ONCE or done == len(documents):
            counts.update(pairwise(flat))
            tokens += len(flat)
            flat = []
            if tokens >= MOST_TOKENS or time.monotonic() - began > _PATIENCE:
                break
    counts.update(pairwise(flat))
    after: dict[int, Counter[int]] = {}
    follow: Counter[int] = Counter()
    totals: Counter[int] = Counter()
    for (token, follower), count in counts.items():
        if _BETWEEN not in (token, follower):
            after.setdefault(token, Counter())[follower] = count
            follow[follower] += count
            totals[token] += count
    return Pairs(after, done, done == len(documents), follow, totals)


def model_rows(
    config: ModelConfig, weights: array[float], bos: int, tokens: Sequence[int]
) -> list[list[float]]:
    """For each token, the model's probability of each token that could come next, (V). A model
    that looks back reads a document that begins with this token."""
    if not tokens:
        return []
    engine = VectorEngine(config, OptimizerConfig(), weights)
    alone = not looks_back(config) or config.block_size == 1
    texts = [[token, bos] if alone or token == bos else [bos, token, bos] for token in tokens]
    return [softmax(logits) for logits in engine.next_logits(texts)]


def looks_back(config: ModelConfig) -> bool:
    """True if the model sees more than the token before."""
    return "attention" in config.parts or "positions" in config.parts


# ---------------------------------------------------------------- the panel

_SHADES = ((0.02, "·"), (0.08, "░"), (0.2, "▒"), (0.4, "▓"), (2.0, "█"))
"""Each with the end of what it stands for; an empty cell is a pair that was never seen."""
_SCALE = "· .02 ░ .08 ▒ .2 ▓ .4 █"
_NAME = 6
"""Columns that the name of a token takes, at most."""
_DIGITS = 6
"""Columns of a cell with its number: "▒5.4k "."""
_ROOMY = 7
"""Lines from which on one says what has no room, and what the shades stand for."""
_PRODUCTS = 200_000
"""Multiplications of the model's table, at most: some milliseconds."""


class BigramKnobs(Knobs):
    after: str = Knob(
        "", help="a token, whose row is told in numbers; empty for the most frequent one"
    )


class Bigrams:
    """Which token follows which: on the left as counted in the training documents, on the right as
    the model has it. A row is a token that was read, a column the one that comes next.

    The shade of a cell is a share of its row on either side, so that like looks alike; an empty
    cell was never seen. A cell has its number as well where all columns have room for that: on the
    left the count, on the right the probability. The last line tells one row in numbers.
    """

    def __init__(self, knobs: BigramKnobs) -> None:
        self.after = knobs.after
        self._config: ModelConfig | None = None
        self._said: tuple[array[float], dict[int, list[float]]] | None = None
        """The weights that were read last, and the rows that were computed with them."""
        self._left: _Left | None = None

    def render(self, facts: PanelFacts, width: int, height: int) -> list[str]:
        pairs = count_pairs(facts.documents, facts.encode)
        if not pairs.after:
            return _within(["No training document has a token."], width, height)
        if self._config is None:
            self._config = facts.anatomy("").anatomy.config
        config, bos = self._config, facts.encode("")[0]
        if self._left is None or self._left.made_for != (pairs, width, height):
            name = _Names(facts.vocabulary)
            told = self._told(pairs, name, bos)
            self._left = _left(pairs, name, told, _affordable(config), width, height)
        left = self._left
        said = self._rows(facts, config, bos, {*left.rows, left.told})
        room = width - left.width - 1
        right = _fitting(_modelled(facts.step, looks_back(config), left.name(bos)), room)
        heading = _fitting(_counted(pairs, len(facts.documents)), left.width)
        lines = [set_cell_size(heading, left.width) + " " + right, f"{left.head} {left.head}"]
        for token, counted in left.rows.items():
            row = said[token]
            cells = (_cell(row[one], _digits(row[one]), left.cell) for one in left.columns)
            lines.append(f"{counted} {left.label(token)}{''.join(cells)}")
        if height > 3:
            lines.append(_in_numbers(pairs, left.told, said[left.told], left.name, width))
        if height >= _ROOMY:
            lines.append(left.foot)
        return _within(lines, width, height)

    def _told(self, pairs: Pairs, name: _Names, bos: int) -> int:
        """The token whose row is told in numbers."""
        tokens = pairs.frequent()
        asked = [token for token in tokens if self.after and name.whole(token) == self.after]
        return (asked or [token for token in tokens if token != bos] or tokens)[0]

    def _rows(
        self, facts: PanelFacts, config: ModelConfig, bos: int, tokens: set[int]
    ) -> dict[int, list[float]]:
        """The model's row of each token, computed anew when the weights are others."""
        weights = facts.read("weights")
        if self._said is None or self._said[0] != weights:
            self._said = (weights, {})
        known = self._said[1]
        missing = sorted(tokens - known.keys())
        known.update(zip(missing, model_rows(config, weights, bos, missing), strict=True))
        return known


class _Names:
    """The displays of tokens, as they can be drawn."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._vocabulary = vocabulary

    def whole(self, token: int) -> str:
        """The display of a token; its id if it has none."""
        return self._vocabulary[token] if token < len(self._vocabulary) else f"#{token}"

    def __call__(self, token: int) -> str:
        """The same, printable, in _NAME columns at most."""
        shown = printable(self.whole(token))
        if cell_len(shown) <= _NAME:
            return shown
        return set_cell_size(shown, _NAME - 1).rstrip() + "…"


@dataclass(frozen=True, slots=True)
class _Left:
    """The counts as they are drawn, which stay as long as the panel has its size."""

    made_for: tuple[Pairs, int, int]
    """The table, and the width and height of the panel."""
    name: _Names
    told: int
    """The token whose row is told in numbers."""
    columns: list[int]
    """The tokens of the columns, by id."""
    rows: dict[int, str]
    """By the token of each row, its line."""
    head: str
    cell: int
    """Columns of a cell; `margin` those of the name of a row."""
    margin: int
    foot: str

    @property
    def width(self) -> int:
        return self.margin + len(self.columns) * self.cell

    def label(self, token: int) -> str:
        """The name of a row."""
        return set_cell_size(self.name(token), self.margin)


def _left(pairs: Pairs, name: _Names, told: int, most: int, width: int, height: int) -> _Left:
    """The most frequent tokens, as many as have room, in the order of the vocabulary; with numbers
    in the cells if all columns have room so. most: rows at most."""
    tokens = sorted({*pairs.after, *pairs.follow})
    around = 4 if height >= _ROOMY else 3
    rows = sorted(pairs.frequent()[: max(1, min(most, height - around))])
    margin = max(cell_len(name(token)) for token in rows) + 1
    room = (width - 1) // 2 - margin
    narrow = min(max(cell_len(name(token)) for token in tokens), max(1, room))
    cell = next(
        (cell for cell in (_DIGITS, 3, 2) if cell > narrow and cell * len(tokens) <= room),
        narrow if narrow == 1 else narrow + 1,
    )
    by_count = sorted(tokens, key=lambda token: (-pairs.follow[token], token))
    columns = sorted(by_count[: max(1, room // cell)])
    head = " " * margin + "".join(set_cell_size(name(token), cell) for token in columns)
    lines = {}
    for token in rows:
        cells = (
            _cell(pairs.share(token, one), _count_words(pairs.count(token, one)), cell)
            for one in columns
        )
        lines[token] = set_cell_size(name(token), margin) + "".join(cells)
    hidden = []
    if len(rows) < len(pairs.after):
        hidden.append(f"{len(rows)} of {len(pairs.after)} rows")
    if len(columns) < len(tokens):
        hidden.append(f"{len(columns)} of {len(tokens)} columns")
    part = ", ".join(hidden)
    foot = (f"{part}  {_SCALE}", part, "not all tokens", "") if part else (_SCALE, "")
    return _Left(
        (pairs, width, height), name, told, columns, lines, head, cell, margin,
        _fitting(foot, width),
    )  # fmt: skip


def _affordable(config: ModelConfig) -> int:
    """How many rows of the model's table can be computed while somebody watches."""
    each = 2 * config.n_embd * config.vocab_size
    if looks_back(config):
        each = 2 * config.n_embd * config.vocab_size + 12 * config.n_layer * config.n_embd**2
    return max(2, _PRODUCTS // each)


def _counted(pairs: Pairs, all_documents: int) -> tuple[str, ...]:
    """The heading of the counts, the longest first."""
    if pairs.whole:
        done = f"{pairs.documents:,}"
        return (f"counted in {done} documents", f"in {short(pairs.documents)} documents", "counts")
    done, of = short(pairs.documents), short(all_documents)
    return (
        f"counted in {pairs.documents:,} of {all_documents:,} documents",
        f"in {done} of {of} documents", f"{done} of {of}", "counts",
    )  # fmt: skip


def _modelled(step: int, back: bool, bos: str) -> tuple[str, ...]:
    """The heading of the model's table, the longest first."""
    at = f"step {step:,}"
    if back:
        return (
            f"the model at {at}, after {bos} and the row's token",
            f"model at {at}, after {bos}", f"model after {bos}", "model",
        )  # fmt: skip
    return (f"the model at {at}", f"model, {at}", "model")


def _cell(share: float, digits: str, cell: int) -> str:
    """A share in so many columns: "▒5.4k ", "▒▒ ", "▒▒" or "▒"; empty for 0."""
    shade = _shade(share)
    if cell == _DIGITS:
        return f"{shade}{digits if shade != ' ' else ''}".ljust(cell)
    return shade if cell == 1 else (shade * min(2, cell - 1)).ljust(cell)


def _shade(share: float) -> str:
    if share == 0:
        return " "
    return next((sign for end, sign in _SHADES if share < end), "?")


def _digits(share: float) -> str:
    """A probability in three or four columns: ".27", ".003", "1.0"; "nan" for what is none."""
    if share != share:
        return "nan"
    if share >= 0.995:
        return "1.0"
    return f"{share:.2f}"[1:] if share >= 0.095 else f"{share:.3f}"[1:]


def _count_words(count: int) -> str:
    """A count in four columns at most: "812", "5.4k", "12k"."""
    if count < 10_000:
        return f"{count}"
    shown = short(count)
    return shown if len(shown) <= 4 else shown[:2].rstrip(".") + shown[-1]


def _in_numbers(pairs: Pairs, token: int, row: Sequence[float], name: _Names, width: int) -> str:
    """One row in numbers, the most frequent followers first: each with its count, its share, and
    the model's probability."""
    followers = sorted(pairs.after.get(token, ()), key=lambda one: (-pairs.count(token, one), one))
    long, line = width >= 60, f"after {name(token)}:"
    for one in followers:
        counted, said = _digits(pairs.share(token, one)), _digits(row[one])
        part = (
            f" {name(one)} {pairs.count(token, one):,} = {counted}, model {said};"
            if long
            else f" {name(one)} {counted}|{said}"
        )
        if cell_len(line + part) > width + long:
            break
        line += part
    return line.rstrip(";")


def _fitting(parts: Sequence[str], width: int) -> str:
    """The first of the texts that fits; else the last one, cut."""
    return next(
        (part for part in parts if cell_len(part) <= width), set_cell_size(parts[-1], width)
    )


def _within(lines: list[str], width: int, height: int) -> list[str]:
    """The lines in the room that there is."""
    return [
        (line if cell_len(line) <= width else set_cell_size(line, width)).rstrip()
        for line in lines[:height]
    ]


@hookimpl
def microgpt_panels() -> Iterator[Contribution[Panel]]:
    yield Contribution(
        name="bigrams",
        summary="which token follows which: counted, and as the model has it",
        factory=Bigrams,
        knobs=BigramKnobs,
    )
