"""The map of the architecture: every matrix once, in the order of a token's way, and how to go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_layout
from playground.lab.protocol.run import Matrix
from playground.tui.panels.architecture import WIDTH, ArchitectureMap, drawn
from playground.widths import cell_len
from tests.tui.watched import playing, seen


def matrices(layers: int) -> list[Matrix]:
    config = ModelConfig(27, n_layer=layers)
    return [Matrix(one.name, one.rows, one.columns) for one in parameter_layout(config)]


@given(st.integers(1, 5), st.data())
def test_the_map_shows_the_chosen_layer_whole_and_each_other_one_in_a_line(
    layers: int, data: st.DataObject
) -> None:
    every = matrices(layers)
    chosen = data.draw(st.integers(0, len(every) - 1))
    lines, places = drawn(every, {one.name: 0.001 for one in every}, chosen)
    words = ["".join(text for text, _ in line) for line in lines]
    assert len(words) == len(places) and all(cell_len(line) <= WIDTH for line in words)
    layer = every[chosen].name.partition(".")[0]
    near = layer if layer.startswith("layer") else "layer0"
    names = [every[place].name for place in places if place is not None]
    within = [f"{near}.{part}" for part in
              ("attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2")]  # fmt: skip
    assert [name for name in names if name.startswith(f"{near}.")] == within
    assert names[:2] == ["wte", "wpe"] and names[-1] == "lm_head"
    assert len(names) == 3 + len(within) + layers - 1
    assert [line for line in words if line.startswith("▸")] == [words[places.index(chosen)]]


async def test_the_zoomed_parameters_have_the_map_and_it_chooses_the_matrix() -> None:
    async with playing() as (app, pilot):
        architecture = app.main.query_one(ArchitectureMap)
        assert not architecture.display, "there is no room for it beside the other panels"
        await pilot.press("3", "z")
        await seen(pilot, lambda: "▸ wte" in architecture.words and "0.25" in architecture.words)
        lines = architecture.words.split("\n")
        row = next(row for row, line in enumerate(lines) if "attn_wk" in line)
        await pilot.click(architecture, offset=(3, row))
        await seen(pilot, lambda: "layer0.attn_wk" in app.text("#parameters-line"))
        assert app.focused is architecture
        await pilot.press("down")
        await seen(pilot, lambda: "layer0.attn_wv" in app.text("#parameters-line"))
        await pilot.press("up", "up", "up", "up")
        await seen(pilot, lambda: "wte 27×16" in app.text("#parameters-line"))
        await pilot.press("z")
        await seen(pilot, lambda: not architecture.display)
