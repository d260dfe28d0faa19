"""Attention of the microscope, head by head, against NumPy's: whole matrices and a mask."""

from __future__ import annotations

import pytest

from microgpt import ModelConfig, parameter_count
from microgpt.anatomy import dissect, split

np = pytest.importorskip("numpy", reason="the gallery is not installed: make gallery")


def close(values: list[float]) -> object:
    return pytest.approx(values, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_attention_is_that_of_a_whole_matrix_with_a_mask(seed: int) -> None:
    config = ModelConfig(11, n_embd=12, n_head=(1, 2, 3, 4, 6)[seed], n_layer=2, block_size=9)
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.4, parameter_count(config))
    tokens = rng.integers(0, 11, 10).tolist()
    anatomy = dissect(config, weights.tolist(), tokens)
    w = {name: np.array(rows) for name, rows in split(config, weights.tolist()).items()}
    t, d = len(anatomy.tokens), config.head_dim

    def norm(x: np.ndarray) -> np.ndarray:
        return x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-5)

    x = norm(w["wte"][tokens[:-1]] + w["wpe"][:t])
    for number, layer in enumerate(anatomy.layers):
        read = norm(x)
        q, k, v = (
            (read @ w[f"layer{number}.attn_w{which}"].T).reshape(t, -1, d) for which in "qkv"
        )
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(d)
        scores = np.where(np.tri(t, dtype=bool), scores, -np.inf)
        weight = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weight /= weight.sum(axis=-1, keepdims=True)
        wo = w[f"layer{number}.attn_wo"].reshape(-1, config.n_head, d)
        wrote = np.einsum("hts,shd,chd->htc", weight, v, wo)
        for h in range(config.n_head):
            for p in range(t):
                assert layer.attn_logits[h][p] == close(scores[h, p, : p + 1].tolist())
                assert layer.attn_weights[h][p] == close(weight[h, p, : p + 1].tolist())
                assert layer.heads[h][p] == close(wrote[h, p].tolist())
        x = x + wrote.sum(axis=0)
        hidden = np.maximum(norm(x) @ w[f"layer{number}.mlp_fc1"].T, 0)
        x = x + hidden @ w[f"layer{number}.mlp_fc2"].T
        assert np.allclose(layer.x_out, x, rtol=0, atol=1e-12)
    assert np.allclose(anatomy.logits, x @ w["lm_head"].T, rtol=0, atol=1e-12)
