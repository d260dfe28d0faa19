"""What a patched run answers, against a forward pass that is written out here once more."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import ModelConfig, initial_weights, parameter_count
from microgpt.anatomy import dissect, split
from microgpt.config import PARTS, ModelPart, without
from microgpt.patching import logit_difference, patches, recovered, stage_names

Place = tuple[str, int]
"""A stage by its name, and a position."""


def forward(
    config: ModelConfig, weights: list[float], tokens: list[int],
    put: dict[Place, list[float]], found: dict[Place, list[float]] | None = None,
) -> list[float]:  # fmt: skip
    """The logits after the last token, position by position with plain loops; an activation that
    is in `put` takes the place of the one that was found. found: filled with every activation."""
    w, d = split(config, weights), config.head_dim
    keys: list[list[list[float]]] = [[] for _ in range(config.n_layer)]
    values: list[list[list[float]]] = [[] for _ in range(config.n_layer)]

    def times(name: str, x: list[float]) -> list[float]:
        return [sum(a * b for a, b in zip(row, x, strict=True)) for row in w[name]]

    def norm(x: list[float]) -> list[float]:
        return [one / math.sqrt(sum(a * a for a in x) / len(x) + 1e-5) for one in x]

    def at(stage: str, position: int, x: list[float]) -> list[float]:
        if found is not None:
            found[stage, position] = x
        return put.get((stage, position), x)

    x: list[float] = []
    for p, token in enumerate(tokens):
        x = norm([a + b for a, b in zip(w["wte"][token], w["wpe"][p], strict=True)])
        x = at("embedding", p, x)
        for layer in range(config.n_layer):
            name, read = f"layer{layer}", norm(x)
            q = times(f"{name}.attn_wq", read)
            keys[layer].append(times(f"{name}.attn_wk", read))
            values[layer].append(times(f"{name}.attn_wv", read))
            for h in range(config.n_head):
                part = range(h * d, (h + 1) * d)
                scores = [sum(q[i] * k[i] for i in part) / d**0.5 for k in keys[layer]]
                shares = [math.exp(s - max(scores)) for s in scores]
                mixed = {
                    i: sum(e * v[i] for e, v in zip(shares, values[layer], strict=True))
                    / sum(shares)
                    for i in part
                }
                wrote = [sum(row[i] * mixed[i] for i in part) for row in w[f"{name}.attn_wo"]]
                wrote = at(f"layer {layer} head {h}", p, wrote)
                x = [a + b for a, b in zip(x, wrote, strict=True)]
            x = at(f"layer {layer} attention", p, x)
            hidden = [max(0.0, z) for z in times(f"{name}.mlp_fc1", norm(x))]
            x = [a + b for a, b in zip(x, times(f"{name}.mlp_fc2", hidden), strict=True)]
            x = at(f"layer {layer} mlp", p, x)
    return times("lm_head", x)


@settings(max_examples=15)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(0, 10**6))
def test_every_patch_is_the_run_with_that_one_activation_put_in(
    heads: int, layers: int, length: int, seed: int
) -> None:
    dice = random.Random(seed)
    config = ModelConfig(5, 2 * heads, heads, layers, 6)
    weights = [dice.gauss(0, 0.5) for _ in range(parameter_count(config))]
    good, bad = ([dice.randrange(5) for _ in range(length + 1)] for _ in range(2))
    clean, corrupt = (dissect(config, weights, tokens) for tokens in (good, bad))
    first: dict[Place, list[float]] = {}
    logits = forward(config, weights, good[:-1], {}, first)
    assert logits == pytest.approx(list(clean.logits[-1]), abs=1e-9)
    answer, other = dice.sample(range(5), 2)
    names = stage_names(corrupt)
    told = list(patches(clean, corrupt, answer, other))
    assert [one[:2] for one in told] == [(s, p) for s in range(len(names)) for p in range(length)]
    for stage, position, difference in told:
        place = names[stage], position
        logits = forward(config, weights, bad[:-1], {place: first[place]})
        assert difference == pytest.approx(logits[answer] - logits[other], abs=1e-9), place


def test_the_last_stage_at_the_last_position_carries_all_and_before_it_nothing() -> None:
    config = ModelConfig(5, 4, 2, 2, 6)
    dice = random.Random(3)
    weights = [dice.gauss(0, 0.5) for _ in range(parameter_count(config))]
    clean, corrupt = (dissect(config, weights, tokens) for tokens in ([4, 0, 1, 4], [4, 2, 1, 4]))
    ends = logit_difference(clean, 0, 2), logit_difference(corrupt, 0, 2)
    shares = {
        (stage, position): recovered(one, *ends)
        for stage, position, one in patches(clean, corrupt, 0, 2)
    }
    deepest = len(stage_names(corrupt)) - 1
    assert shares[deepest, 2] == pytest.approx(1, abs=1e-9)
    assert [shares[deepest, p] for p in range(2)] == [0, 0]
    assert shares[0, 1] == pytest.approx(1, abs=1e-9), "the letter that differs"
    assert shares[0, 0] == pytest.approx(0, abs=1e-9), "the texts begin alike"
    assert math.isnan(recovered(1.0, 2.0, 2.0))


def test_texts_of_other_lengths_and_other_models_are_refused() -> None:
    config = ModelConfig(5, 4, 2, 1, 6)
    weights = [0.1] * parameter_count(config)
    one = dissect(config, weights, [4, 0, 4])
    with pytest.raises(ValueError, match="2 and 3 positions"):
        next(patches(one, dissect(config, weights, [4, 0, 1, 4]), 0, 1))
    with pytest.raises(ValueError, match="two models"):
        next(patches(one, dissect(config, [0.2] * len(weights), [4, 1, 4]), 0, 1))


@pytest.mark.parametrize(
    "left_out", [left for count in range(6) for left in combinations(PARTS, count)], ids=without
)
def test_patching_follows_a_model_that_lacks_parts(left_out: tuple[ModelPart, ...]) -> None:
    """Putting in the stream where the two runs part gives the clean answer at every stage."""
    there = tuple(part for part in PARTS if part not in left_out)
    config = ModelConfig(5, n_embd=4, n_head=1, n_layer=2, block_size=6, parts=there)
    weights = [5 * w for w in initial_weights(config, random.Random(3))]
    clean, corrupt = (dissect(config, weights, [4, *text, 0]) for text in ([1, 2], [1, 3]))
    last = len(clean.tokens) - 1
    names = stage_names(clean)
    found = {(stage, at): value for stage, at, value in patches(clean, corrupt, 0, 1)}
    assert set(found) == {(stage, at) for stage in range(len(names)) for at in range(last + 1)}
    right = pytest.approx(logit_difference(clean, 0, 1), abs=1e-9)
    for stage, name in enumerate(names):
        # The texts differ at the last position alone, and the one head is all of attention.
        if " head " not in name or "residual" not in there:
            assert found[stage, last] == right, name
