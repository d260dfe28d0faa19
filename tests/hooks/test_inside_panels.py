"""The panels "attention" and "logit-lens" show the numbers of `dissect`, in any room."""

from __future__ import annotations

import math
import random
from array import array
from functools import cache

import pytest

from microgpt import ModelConfig, parameter_count
from microgpt.anatomy import Anatomy, dissect, lens, stages
from playground.api import PanelFacts, TextAnatomy, UnknownTextError
from playground.hooks.builtins.inside import Attention, AttentionKnobs, LensKnobs, LogitLens
from playground.testing import made_up
from playground.widths import cell_len

DISPLAYS = ("a", "b", "c", "d", "·")
BOS = 4
MODEL = ModelConfig(vocab_size=5, n_embd=8, n_head=4, n_layer=2, block_size=32)


@cache
def anatomy(text: str, spoilt: bool = False) -> Anatomy:
    rng = random.Random(7)
    weights = array("d", [rng.gauss(0, 0.6) for _ in range(parameter_count(MODEL))])
    if spoilt:
        weights[0] = math.nan
    return dissect(MODEL, weights, [BOS, *map(DISPLAYS.index, text), BOS])


def facts(document: str = "badc", spoilt: bool = False) -> PanelFacts:
    """A run of a made-up model, which stands at this document."""

    def seen(text: str | None) -> TextAnatomy:
        read = document if text is None else text
        for place, letter in enumerate(read):
            if letter not in DISPLAYS:
                raise UnknownTextError(read, place)
        made = anatomy(read, spoilt)
        words = [tuple(DISPLAYS[i] for i in ids) for ids in (made.tokens, made.targets)]
        return TextAnatomy(made, *words)

    return PanelFacts(1, 10, [], DISPLAYS, (), (), {}, made_up.numbers, seen)


def attention(width: int, height: int, of: PanelFacts | None = None, **knobs: object) -> list[str]:
    return Attention(AttentionKnobs(**knobs)).render(of or facts(), width, height)


def logit_lens(width: int, height: int, of: PanelFacts | None = None, **knobs: object) -> list[str]:
    return LogitLens(LensKnobs(**knobs)).render(of or facts(), width, height)


def short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0").replace("1.00", "1.0")


def test_every_weight_of_every_head_is_a_number_where_there_is_room() -> None:
    lines = attention(120, 20, layer=1)
    assert lines[0].startswith("layer 1 of 0 to 1")
    assert lines[1].split() == ["head", "0", "head", "1", "head", "2", "head", "3"]
    assert lines[2].split() == [*"·badc"] * 4
    exact = anatomy("badc").layers[1].attn_weights
    for position, letter in enumerate("·badc"):
        label, *cells = lines[3 + position].split()
        assert label == letter
        assert [cell[1:] for cell in cells] == [
            short(weight) for head in exact for weight in head[position]
        ]


def test_shades_alone_say_how_much_where_there_is_little_room() -> None:
    lines = attention(30, 8)
    assert len(lines) <= 8 and all(cell_len(line) <= 30 for line in lines)
    exact = anatomy("badc").layers[0].attn_weights
    ends = (0.05, 0.25, 0.5, 0.75, 2)
    for head in range(4):
        for position in range(5):
            begin = 2 + head * 6
            drawn = lines[3 + position][begin : begin + 5].rstrip()
            assert drawn == "".join(
                "·░▒▓█"[[weight < end for end in ends].index(True)]
                for weight in exact[head][position]
            )


@pytest.mark.parametrize("panel", [attention, logit_lens])
@pytest.mark.parametrize("document", ["", "a", "badc", "abcd" * 8])
def test_in_any_room_lines_are_whole_and_what_is_left_out_is_said(panel, document) -> None:
    for width in (*range(1, 40, 3), 80, 200):
        for height in (1, 2, 5, 8, 24, 60):
            lines = panel(width, height, facts(document))
            assert len(lines) <= height
            assert all(cell_len(line) <= width for line in lines)
            assert width < 13 or "too narrow" not in lines[0]
    small = panel(36, 9, facts("abcd" * 8))
    assert "positions" in small[0] + small[-1]
    assert "positions" not in " ".join(panel(200, 60, facts("badc")))


def test_all_heads_are_shown_rather_than_more_positions() -> None:
    lines = attention(36, 9, facts("abcdabcdab"))
    assert lines[0].startswith("7 of 11 positions") and "of 4 heads" not in lines[0]
    assert lines[1].split() == ["head", "0", "head", "1", "head", "2", "head", "3"]
    assert "2 of 4 heads" in attention(13, 6, facts("abcdabcdab"))[0]


def test_the_lens_has_the_likeliest_token_and_the_chance_of_the_next_at_each_stage() -> None:
    lines = logit_lens(80, 24)
    exact = anatomy("badc")
    assert lines[0].split() == ["reads", *"·badc"] and lines[1].split() == ["next", *"badc·"]
    for line, stage in zip(lines[2:], stages(exact), strict=False):
        assert line.startswith(f"{stage.name} ")
        said = lens(exact, stage.x)
        for place, (probs, target) in enumerate(zip(said, exact.targets, strict=True)):
            begin = len("layer 0 attention ") + 6 * place
            cell = line[begin : begin + 6].rstrip()
            assert cell[0] == DISPLAYS[probs.index(max(probs))]
            assert cell[2:] == short(probs[target])
    assert lines[2 + len(stages(exact)) - 1].startswith("layer 1 mlp")
    assert lines[-1].startswith("likeliest token, and the chance of the next one")


def test_without_room_the_lens_leaves_single_heads_out_and_keeps_what_the_model_says() -> None:
    rows = [line.split()[:2] for line in logit_lens(30, 8)]
    assert [row[0] for row in rows[:2]] == ["reads", "next"]
    assert rows[-2] == ["1", "mlp"]
    assert not any("head" in row for row in rows)
    one = logit_lens(80, 24, layer=1)
    assert not any(line.startswith("layer 0") for line in one)
    assert sum(line.startswith("layer 1 head") for line in one) == 4


def test_a_text_of_ones_own_stands_still_while_the_run_goes_on() -> None:
    assert attention(80, 24, facts("badc"), text="ab") == attention(80, 24, facts("cc"), text="ab")
    assert logit_lens(80, 24, text="ab")[0].split() == ["reads", *"·ab"]
    for panel in (attention, logit_lens):
        assert panel(80, 24, text="aé") == ["the model does not know 'é': choose another text"]


def test_a_model_that_diverged_is_drawn_as_what_it_is() -> None:
    broken = facts("badc", spoilt=True)
    assert "?nan" in "".join(attention(120, 24, broken))
    assert "??nan" in "".join(logit_lens(120, 24, broken))


def test_a_layer_beyond_the_model_is_its_last_one() -> None:
    assert attention(80, 24, layer=9) == attention(80, 24, layer=1)
    assert logit_lens(80, 24, layer=9) == logit_lens(80, 24, layer=1)
