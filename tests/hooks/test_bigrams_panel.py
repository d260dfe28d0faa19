"""The panel "bigrams" shows the counts of the training documents and the model's own table, in any
room."""

from __future__ import annotations

import math
import random
from array import array
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from microgpt import ModelConfig, parameter_count
from microgpt.anatomy import dissect
from microgpt.config import PARTS, OptimizerConfig
from microgpt.scalar_engine import ScalarEngine
from playground.api import PanelFacts, TextAnatomy
from playground.hooks.builtins import bigrams
from playground.hooks.builtins.bigrams import BigramKnobs, Bigrams, count_pairs, model_rows
from playground.widths import cell_len

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOS = 26
DISPLAYS = (*LETTERS, "·")
SIZES = ((30, 8), (36, 10), (54, 20), (76, 22), (118, 38), (200, 60), (1, 1), (8, 3))


def texts(count: int = 400, letters: str = LETTERS) -> list[str]:
    """Made-up words, in which the first letters of the alphabet are frequent."""
    rng = random.Random(3)
    weights = [1 / (1 + at) for at in range(len(letters))]
    return ["".join(rng.choices(letters, weights, k=rng.randrange(1, 9))) for _ in range(count)]


def encode(text: str) -> list[int]:
    return [BOS, *(ord(letter) - 97 for letter in text), BOS][:17]


def weights(config: ModelConfig) -> array[float]:
    rng = random.Random(5)
    return array("d", [rng.gauss(0, 0.5) for _ in range(parameter_count(config))])


def facts(
    documents: list[str], parts: tuple[Any, ...] = (), displays: tuple[str, ...] = DISPLAYS
) -> PanelFacts:
    config = ModelConfig(len(displays), parts=parts)

    def anatomy(text: str | None) -> TextAnatomy:
        made = dissect(config, weights(config), encode(text or ""))
        return TextAnatomy(made, (), ())

    return PanelFacts(
        300, 1000, [], displays, (), (), {}, lambda _: weights(config), anatomy, documents, encode
    )


def drawn(of: PanelFacts, width: int, height: int, **knobs: Any) -> list[str]:
    return Bigrams(BigramKnobs(**knobs)).render(of, width, height)


def plainly(documents: list[str]) -> Counter[tuple[int, int]]:
    return Counter(pair for text in documents for pair in pairwise(encode(text)))


def test_the_counts_are_those_of_the_documents_and_are_counted_once() -> None:
    documents = texts()
    read = list[str]()

    def listening(text: str) -> list[int]:
        read.append(text)
        return encode(text)

    pairs = count_pairs(documents, listening)
    found = {(one, other): n for one, row in pairs.after.items() for other, n in row.items()}
    assert found == plainly(documents) and pairs.whole and pairs.documents == len(documents)
    assert count_pairs(documents, listening) is pairs and read == documents
    assert count_pairs(texts(), listening) is not pairs, "other documents"
    assert count_pairs(documents, encode) is not pairs, "another tokenizer"


@pytest.mark.parametrize("parts", [(), PARTS, ("positions",), ("attention", "residual")])
def test_the_model_is_that_of_the_scalar_engine(parts: tuple[Any, ...]) -> None:
    config = ModelConfig(27, n_embd=8, n_head=2, parts=parts)
    rows = model_rows(config, weights(config), BOS, [0, BOS, 7])
    engine = ScalarEngine(config, OptimizerConfig(), weights(config))
    looks_back = {"attention", "positions"} & set(parts)
    for token, row in zip((0, BOS, 7), rows, strict=True):
        text = [BOS, token] if looks_back and token != BOS else [token]
        told = [math.exp(-engine.losses([[*text, other]])[0][-1]) for other in range(27)]
        assert row == pytest.approx(told, abs=1e-12)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("parts", [(), PARTS])
def test_it_fits_into_any_room(width: int, height: int, parts: tuple[Any, ...]) -> None:
    lines = drawn(facts(texts(), parts), width, height)
    assert 0 < len(lines) <= height
    assert all(cell_len(line) <= width and line.isprintable() for line in lines)


def test_a_cell_has_its_shade_on_either_side() -> None:
    of = facts(texts())
    lines = drawn(of, 118, 40)
    config = ModelConfig(27, parts=())
    [row] = model_rows(config, weights(config), BOS, [0])
    line = next(line for line in lines if line.startswith("a "))
    pairs = plainly(list(of.documents))
    total = sum(count for (one, _), count in pairs.items() if one == 0)
    middle = 2 + 2 * len(DISPLAYS) + 1  # the other table begins there
    for at, token in enumerate((*range(26), BOS)):
        share = pairs[0, token] / total
        assert line[2 + 2 * at] == shade(share), DISPLAYS[token]
        assert line[middle + 2 + 2 * at] == shade(row[token]), DISPLAYS[token]


def shade(share: float) -> str:
    """As the line below the table says it."""
    if share == 0:
        return " "
    return "·░▒▓█"[sum(share >= end for end in (0.02, 0.08, 0.2, 0.4))]


def test_where_there_is_no_room_the_most_frequent_tokens_are_shown() -> None:
    documents = texts()
    lines = drawn(facts(documents), 30, 8)
    read = Counter(one for one, _ in plainly(documents).elements())
    shown = {line[0] for line in lines[2:6]}
    assert shown == {DISPLAYS[one] for one, _ in read.most_common(4)}
    follow = Counter(other for _, other in plainly(documents).elements())
    assert {*lines[1][2:14]} == {DISPLAYS[one] for one, _ in follow.most_common(12)}
    assert lines[-1] == "4 of 27 rows, 12 of 27 columns"


def test_one_row_is_told_in_numbers() -> None:
    documents = texts()
    pairs = plainly(documents)
    for token, knobs in ((0, {}), (1, {"after": "b"})):
        line = drawn(facts(documents), 118, 20, **knobs)[-2]
        row = Counter({other: n for (one, other), n in pairs.items() if one == token})
        [(best, count)] = row.most_common(1)
        told = f"after {DISPLAYS[token]}: {DISPLAYS[best]} {count:,} = "
        assert line.startswith(told + f"{count / row.total():.2f}"[1:]), line


def test_a_few_tokens_have_their_numbers_in_the_cells() -> None:
    documents = texts(letters="ab")
    lines = drawn(facts(documents), 60, 10)
    count = plainly(documents)[0, 0]
    line = next(line for line in lines if line.startswith("a "))
    assert line.split()[1].endswith(str(count)) and "." in line


def test_a_large_text_is_counted_so_far_and_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigrams, "MOST_TOKENS", 500)
    monkeypatch.setattr(bigrams, "_AT_ONCE", 100)
    documents = texts(5000)
    pairs = count_pairs(documents, encode)
    assert not pairs.whole and pairs.documents < 200
    found = {(one, other): n for one, row in pairs.after.items() for other, n in row.items()}
    assert found == plainly(documents[: pairs.documents])
    assert f"{pairs.documents:,} of 5,000 documents" in drawn(facts(documents), 118, 20)[0]


def test_wide_names_and_no_documents_are_no_trouble() -> None:
    displays = ("語語", "[bold]x[/]", "a\x1b[31m", *DISPLAYS[3:26], "·")
    for width, height in SIZES:
        lines = drawn(facts(texts(), displays=displays), width, height)
        assert all(cell_len(line) <= width and "\x1b" not in line for line in lines)
    assert drawn(facts([]), 60, 10) == ["No training document has a token."]


def test_numbers_that_are_none_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    of = facts(texts())
    spoilt = array("d", [math.nan] * len(of.read("weights")))
    monkeypatch.setattr("tests.hooks.test_bigrams_panel.weights", lambda _: spoilt)
    lines = drawn(of, 118, 20)
    assert "?" in lines[2] and "model nan" in lines[-2]
