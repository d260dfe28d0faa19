"""The views of the microscope: what each shows of a model, and what its keys choose."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from microgpt.anatomy import Anatomy, attribution, dissect, lens, stages
from playground.lab.inside import neurons
from playground.lab.protocol.inside import (
    MEAN,
    VIEWS,
    CreditReading,
    FlowReading,
    Inside,
    Look,
    NeuronsReading,
    NumberReading,
)
from playground.tui.model import PlaygroundModel
from playground.tui.screens.inside.page import Page
from playground.tui.screens.inside.screen import VIEW_PAGES
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.screens.inside.top import draw_top
from playground.tui.screens.inside.words import SEEN
from playground.tui.widgets.sheet import Line
from playground.widths import cell_len
from tests.tui.readings import SYMBOLS, ScriptedMicroscope, encode, microscope

TINY = {"n_embd": 4, "n_head": 2}
"""Sizes of a model whose graph is made in a moment."""
SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]


@cache
def shared(steps: int, **sizes: Any) -> ScriptedMicroscope:
    """A microscope that nobody changes."""
    return microscope(steps, **sizes)


class Bench:
    """The views without an app: each key is followed by a look, as in the app."""

    def __init__(
        self, size: tuple[int, int] = (120, 40), text: str = "isabella", *, mono: bool = True,
        steps: int = 60,
        **sizes: Any,
    ) -> None:  # fmt: skip
        self.state, self.text = InsideState(), text
        self.resize(size, mono)
        self.microscope = shared(steps, **sizes)
        self.place: Place | None = None
        """Where Enter left for."""
        self._seen: tuple[Look, Inside] | None = None

    @property
    def inside(self) -> Inside:
        if self._seen is None or self._seen[0] != self.state.look:
            self._seen = (self.state.look, self.microscope.see(self.state.look, self.text, 3))
        return self._seen[1]

    def resize(self, size: tuple[int, int], mono: bool) -> None:
        self.width, self.height, self.mono = size[0] - 2, size[1] - 9, mono

    def press(self, *keys: str) -> None:
        for key in keys:
            self._press(key)

    def _press(self, key: str) -> None:
        state = self.state
        if key.isdigit():
            state.change(view=VIEWS[int(key) - 1])
            return
        inside, view = self.inside, VIEW_PAGES[state.look.view]
        ways = {"left": -1, "right": 1, "up": -1, "down": 1}
        if key in ("left", "right"):
            state.choose(state.position(inside) + ways[key], inside)
        elif key in ("up", "down"):
            view.move(inside, state, ways[key])
        elif key in ("home", "end"):
            state.choose(0 if key == "home" else 999, inside)
        elif key == "full_stop":
            view.sideways(inside, state, 1)
        elif key == "o":
            name = view.number(inside, state)
            assert name
            state.open_number(name)
        elif key == "right_square_bracket":
            state.next_layer(1, inside)
        elif key in "tT":
            state.next_token(1 if key == "t" else -1, inside)
        else:
            {
                "n": lambda: view.turn(inside, state),
                "u": lambda: view.up(inside, state),
                "backspace": state.back,
                "enter": lambda: setattr(self, "place", view.enter(inside, state)),
            }[key]()

    def page(self) -> Page:
        page = Page(self.width, self.height, self.mono)
        VIEW_PAGES[self.state.look.view].draw(page, self.inside, self.state)
        return page

    def words(self) -> str:
        return text_of(self.page())

    def top(self) -> str:
        page = Page(self.width, 6, self.mono)
        draw_top(page, self.inside, self.state, PlaygroundModel())
        return text_of(page)


def text_of(page: Page) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in page.lines)


def text_of_line(line: Line) -> str:
    return "".join(text for text, _ in line)


@cache
def anatomy(text: str = "isabella", **sizes: int) -> Anatomy:
    seen_by = shared(60, **sizes)
    return dissect(seen_by._config, seen_by.weights, encode(text))


def numbers(line: str) -> list[float]:
    return [float(one) for one in re.findall(r"[+-]?\d+\.\d+(?:e-?\d+)?", line)]


def line_with(text: str, start: str) -> str:
    return next(line for line in text.split("\n") if line.strip().startswith(start))


def test_flow_shows_every_stage_with_its_shape_and_the_chosen_one_in_numbers() -> None:
    inside = Bench()
    words = inside.words()
    for name, shape in (("wte[token]", "(16)"), ("activation", "(64)"), ("logits", "(27)")):
        assert shape in next(line for line in words.split("\n") if f" {name} " in line)
    it = anatomy()
    assert numbers(words.split("\n")[-1]) == pytest.approx(
        it.weights["wte"][it.tokens[-1]], abs=0.005
    )
    inside.press(*["down"] * 4)
    assert numbers(inside.words().split("\n")[-1]) == pytest.approx(
        it.layers[0].x_attn[-1], abs=0.005
    )


def value_of(inside: Inside, stage: int, index: int) -> float:
    assert isinstance(inside.reading, FlowReading)
    return inside.reading.stages[stage].values[index]


def test_the_number_that_o_opens_is_the_one_that_is_shown() -> None:
    sizes = {**TINY, "n_layer": 2}
    inside = Bench((200, 60), text="emma", **sizes)
    reading = inside.inside.reading
    assert isinstance(reading, FlowReading)
    for k, stage in enumerate(reading.stages):
        index = min(1, len(stage.values) - 1)
        inside.state.cursors |= {"flow": k, "flow number": index}
        inside.press("1", "left") if k == 0 else inside.press("1")
        shown = value_of(inside.inside, k, index)
        inside.press("o")
        opened = inside.inside.reading
        assert isinstance(opened, NumberReading), (stage.name, inside.inside.trouble)
        if stage.name != "head":  # the graph adds up what all heads write
            assert opened.nodes[0].value == pytest.approx(shown, abs=1e-12), stage.name
    # Neurons: what the neuron makes at the position.
    inside.press("5", "down")
    neurons_shown = inside.inside.reading
    assert isinstance(neurons_shown, NeuronsReading)
    inside.press("o")
    assert isinstance(inside.inside.reading, NumberReading)
    assert inside.inside.reading.nodes[0].value == pytest.approx(
        neurons_shown.activations[1][inside.state.look.position], abs=1e-12
    )
    # Credit: the weight, the activation, the embedding that a part comes by; the logit itself.
    inside.press("4")
    credit = inside.inside.reading
    assert isinstance(credit, CreditReading)
    it = anatomy("emma", **sizes)
    at = inside.state.look.position
    found = set()
    for k, part in enumerate((*credit.parts, None)):
        kind = part.kind if part is not None else "sum"
        if kind in found:
            continue
        found.add(kind)
        inside.state.cursors["credit"] = k
        expected = credit.logit
        if part is not None:
            layer = it.layers[part.layer]
            expected = {
                "wte": it.weights["wte"][it.tokens[at]][0],
                "wpe": it.weights["wpe"][at][0],
                "head": layer.attn_weights[part.index][at][part.source] if kind == "head" else 0,
                "neuron": layer.activation[at][part.index] if kind == "neuron" else 0,
            }[kind]
        inside.press("4", "o")
        assert isinstance(inside.inside.reading, NumberReading)
        assert inside.inside.reading.nodes[0].value == pytest.approx(expected, abs=1e-12), kind
    assert found == {"wte", "wpe", "head", "neuron", "sum"}


def test_a_number_of_a_stage_of_flow_is_chosen_and_read_out() -> None:
    inside = Bench()
    inside.press("full_stop", "full_stop")
    assert "o: wte['a'][2]" in inside.words()
    page = inside.page()
    chosen = [text for text, ink in page.lines[-1] if ink == "cursor"]
    assert [float(one) for one in chosen] == [
        pytest.approx(value_of(inside.inside, 0, 2), abs=0.005)
    ]


def test_the_sum_of_credit_opens_the_logit() -> None:
    inside = Bench((120, 60), **TINY)
    inside.press("4", *["down"] * 200)
    assert line_with(inside.words(), "▸ sum of all")
    inside.press("enter")
    assert re.search(r"›▾ logits\[8\]\['·'\]", inside.words())


def test_enter_in_flow_goes_to_the_view_behind_a_stage_and_backspace_returns() -> None:
    inside = Bench()
    words = inside.words().split("\n")
    at = next(k for k, line in enumerate(words) if "attn_weights head 2" in line)
    inside.press(*["down"] * at, "enter")
    assert "‹2 Attention›" in inside.top()
    assert "▸head 2" in inside.words()
    inside.press("backspace")
    assert "‹1 Flow›" in inside.top()


def test_attention_shows_the_arithmetic_of_a_cell_with_the_numbers_plugged_in() -> None:
    inside = Bench((80, 24))
    inside.press("2", "full_stop", "left", "down", "down")
    words = " ".join(inside.words().split())
    assert "▸head 1" in words
    assert "head 1: 7 ‘l’ reads 2 ‘s’" in words
    layer = anatomy().layers[0]
    score = layer.attn_logits[1][7][2]
    assert f"/√4 = {score:.2f}" in words
    assert f"= {2 * score:.2f}," in words
    assert f"softmax {layer.attn_weights[1][7][2]:.3f}" in words
    products = [f"{q:.2f}·{k:.2f}" for q, k in zip(layer.q[7][4:8], layer.k[2][4:8], strict=True)]
    flat = "".join(inside.words().split())
    assert "+".join(products) in flat


def test_attention_lists_what_the_chosen_head_reads_and_position_0_reads_itself() -> None:
    inside = Bench()
    inside.press("2", "left")
    row = re.compile(r"(\d+) \S +[█▏▎▍▌▋▊▉ ]+ (0\.\d{3})$", re.M)
    read = [float(weight) for _, weight in row.findall(inside.words())]
    assert read == pytest.approx(anatomy().layers[0].attn_weights[0][7], abs=0.0006)
    inside = Bench((80, 24))
    inside.press("2", "home")
    assert "softmax 1.000" in inside.words()
    assert "no mask" in SEEN["attention"]


def test_where_there_is_room_the_heads_stand_in_a_square_of_square_cells() -> None:
    bench = Bench((200, 60), "marian", mono=False)
    bench.press("2")
    page = bench.page()
    tops = [row for row, line in enumerate(page.lines) if "head 0" in text_of_line(line)]
    assert "head 1" in text_of_line(page.lines[tops[0]])
    assert not any("head 2" in text_of_line(page.lines[row]) for row in tops)
    for row in (tops[0] + 2, tops[0] + 3, tops[0] + 4):  # a cell is three lines high
        (hit,) = [hit for hit in page.hits if hit.row == row and hit.what[0] == "cell0"]
        assert (hit.what[1:], hit.each) == ((0, 0), 6)
    grounds = [page.lines[tops[0] + 2 + part][1][1] for part in range(3)]
    assert len(set(grounds)) == 1


def test_n_in_attention_goes_from_weight_over_size_to_push() -> None:
    inside = Bench()
    inside.press("2")
    assert "a cell is α" in inside.words()
    inside.press("n")
    assert "how much is written" in inside.words()
    inside.press("n")
    assert "what is added to the logit of ‘·’" in inside.words()
    inside.press("n")
    assert "a cell is α" in inside.words()


def test_the_depth_ends_at_the_distribution_of_the_model() -> None:
    inside = Bench()
    inside.press("3")
    it = anatomy()
    best = max(it.probs[-1])
    token = SYMBOLS[it.probs[-1].index(best)]
    words = inside.words()
    assert f"would say ‘{token}’ {best:.3f}" in words
    assert numbers(line_with(words, "▸layer 0 mlp"))[-1] == pytest.approx(
        it.probs[-1][it.targets[-1]], abs=0.0006
    )


def test_a_pinned_token_is_followed_through_the_depth() -> None:
    inside = Bench()
    inside.press("3", "up", "up", "left", "enter")
    it = anatomy()
    at = 7
    found = [lens(it, stage.x)[at] for stage in stages(it)]
    token = max(range(27), key=found[-3].__getitem__)
    words = inside.words()
    assert f"‘{SYMBOLS[token]}’, pinned" in words
    way = [numbers(line)[-1] for line in words.split("\n") if "layer 0" in line or "embed" in line]
    assert way[:7] == pytest.approx([p[token] for p in found], abs=0.0006)
    inside.press("enter")
    assert "pinned" not in inside.words()


def test_a_large_screen_has_room_for_the_way_at_each_position() -> None:
    inside = Bench((200, 60))
    inside.press("3")
    it = anatomy()
    found = [lens(it, stage.x) for stage in stages(it)]
    blocks = inside.words().split("the way of what comes next at each position")[1]
    for at, target in enumerate(it.targets):
        assert f" {at}: " in blocks and f"→ ‘{SYMBOLS[target]}’" in blocks
    last = [float(one) for one in re.findall(r"layer 0 mlp[^\d\n]+(\d\.\d{3})", blocks)]
    assert last == pytest.approx(
        [found[-1][at][target] for at, target in enumerate(it.targets)], abs=0.0006
    )


def test_credit_lists_the_exact_parts_and_they_add_up_to_the_logit() -> None:
    inside = Bench((120, 60))
    inside.press("4")
    it = anatomy()
    parts = attribution(it, 8, it.targets[8])
    words = inside.words()
    first = words.split("\n")[2:12]
    assert [numbers(line)[0] for line in first] == pytest.approx(
        [part.value for part in parts[:10]], abs=0.0006
    )
    logit = it.logits[8][it.targets[8]]
    assert f"= the logit that the model computed, {logit:.6f}, to " in words
    assert f"sum {logit:.6f} =" in words
    assert numbers(line_with(words, "sum of all"))[0] == pytest.approx(logit, abs=0.0006)


def test_the_waterfall_of_credit_ends_where_the_logit_is() -> None:
    inside = Bench((120, 140))
    inside.press("4")
    lines = inside.words().split("\n")
    at = next(k for k, line in enumerate(lines) if "sum of all" in line)
    bars = [re.search("[█▒▸◂]+", line[37:]) for line in lines[2 : at + 1]]
    spans = [bar.span() for bar in bars if bar is not None]
    assert len(spans) == at - 1 > 50
    for (_, end), (start, _) in pairwise(spans[:4]):
        assert abs(end - start) <= 1  # all of these raise the logit
    assert abs(spans[-1][1] - spans[-2][1]) <= 1


def test_n_in_credit_takes_the_mean_off_which_explains_the_loss() -> None:
    inside = Bench()
    inside.press("4", "n")
    assert "minus the mean logit" in inside.words()
    assert inside.state.look.against == MEAN


def test_t_explains_another_token_in_all_views() -> None:
    inside = Bench()
    inside.press("4", "t")
    assert "logit of ‘a’" in inside.words()
    inside.press("T", "T")
    assert "logit of ‘z’" in inside.words()
    inside.press("3")
    assert "‘z’, pinned" in inside.words()


def test_the_head_chosen_in_attention_is_marked_in_credit_and_opens_from_there() -> None:
    inside = Bench((120, 60))
    inside.press("2", "full_stop", "full_stop", "4")
    marked = [line for line in inside.words().split("\n") if line.startswith("◆")]
    assert marked
    assert all("layer 0 head 2 from" in line for line in marked)
    lines = inside.words().split("\n")
    at = next(k for k, line in enumerate(lines) if " head 3 from" in line)
    source = int(lines[at].split("from")[1].split()[0])
    inside.press(*["down"] * (at - 2), "enter")
    assert "▸head 3" in inside.words()
    assert f"head 3: 8 ‘a’ reads {source} " in inside.words()


def test_a_neuron_of_credit_opens_in_neurons() -> None:
    inside = Bench()
    inside.press("4")
    lines = inside.words().split("\n")
    at = next(k for k, line in enumerate(lines) if " neuron " in line)
    neuron = lines[at].split("neuron")[1].split()[0]
    inside.press(*["down"] * (at - 2), "enter")
    assert "‹5 Neurons›" in inside.top()
    assert f"neuron {neuron} of layer 0" in inside.words()
    inside.press("4")
    assert f"layer 0 neuron {neuron}" in line_with(inside.words(), "▸")


def test_neurons_that_never_fire_are_hollow() -> None:
    inside = Bench()
    inside.press("5")
    activation = list(zip(*anatomy().layers[0].activation, strict=True))
    silent = [j for j, row in enumerate(activation) if not any(row)]
    words = inside.words()
    assert words.count("○") == 9 * len(silent) > 0
    assert f"{64 - len(silent)} of 64 fire in this text" in words


def test_an_opened_neuron_tells_what_it_promotes_what_wakes_it_and_where_it_fires() -> None:
    inside = Bench((80, 24))
    inside.press("5", "down", "down", "enter")
    words = inside.words()
    it = anatomy()
    column = [row[2] for row in it.weights["layer0.mlp_fc2"]]
    pushes = {
        SYMBOLS[t]: sum(a * b for a, b in zip(row, column, strict=True))
        for t, row in enumerate(it.weights["lm_head"])
    }
    best = max(pushes, key=pushes.__getitem__)
    row = words.split("\n")[2]
    assert row.split()[0] == best
    assert numbers(row)[0] == pytest.approx(pushes[best], abs=0.006)
    assert "wakes by" in words and "fires" in words
    inside.press("down")
    assert "neuron 3 of layer 0" in inside.words()
    inside.state.change(neuron=None)
    assert "fire in this text" in inside.words()


def test_lines_run_one_after_the_other() -> None:
    inside = Bench()
    inside.press("6")
    first = inside.words()
    assert "statement 1 of" in first
    inside.press("n")
    assert "statement 2 of" in inside.words()
    inside.press("up")
    assert inside.words() == first


def test_the_terms_of_a_sum_in_number_stand_in_order_of_size_and_add_up() -> None:
    inside = Bench((120, 60), **TINY)
    inside.press("7", "down", "enter")
    words = inside.words()
    it = anatomy(**TINY)
    assert numbers(line_with(words, "▾ loss"))[0] == pytest.approx(sum(it.losses) / 9, abs=1e-6)
    terms = [numbers(line)[0] for line in words.split("\n") if " losses[" in line]
    assert terms == sorted(terms, reverse=True) == pytest.approx(sorted(it.losses)[::-1], abs=1e-6)
    assert numbers(line_with(words, "›  ▾ Σ"))[0] == pytest.approx(sum(terms), abs=1e-5)


def test_a_gradient_in_number_is_the_sum_of_what_comes_back_from_its_users() -> None:
    inside = Bench(**TINY)
    inside.state.change(view="number", name="x#2 position 8 [0]")
    said = inside.words().split(": gradient ")[1]
    total, *parts = numbers(said)
    assert len(parts) == inside.words().count("↖") == 3
    assert sum(parts) == pytest.approx(total, abs=3e-6)
    inside.press("up")
    assert "›↖ x#3 layer 0" in inside.words()
    inside.press("u")
    assert "›▾ x#3 layer 0 position 8 [0]" in inside.words()
    inside.press("backspace")
    assert "›▾ x#2 position 8 [0]" in inside.words()


def test_a_line_leads_to_the_number_that_it_made_and_on_to_a_weight() -> None:
    inside = Bench((120, 60), **TINY)
    inside.press("6", *["down"] * 6, "enter")
    assert "›▾ x position 8 [0]" in inside.words()
    inside.press("down", "enter")
    assert inside.place == Place("wte", 0, 0)


def test_layer_and_head_are_chosen_in_a_larger_model() -> None:
    inside = Bench((80, 24), steps=0, n_layer=2, n_head=8)
    inside.press("2", "right_square_bracket", *["full_stop"] * 7)
    assert "layer 1 of 0–1" in inside.words()
    assert "▸head 7" in inside.words()
    inside.press("full_stop")
    assert "▸head 0" in inside.words()


def test_a_state_points_into_a_shorter_text() -> None:
    state = InsideState()
    one = microscope(0).see(state.look, "emma")
    state.change(position=7, source=9, layer=3, head=11)
    assert (state.position(one), state.source(one)) == (4, 4)
    assert (state.layer(one), state.head(one)) == (0, 3)


def test_every_view_fits_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neurons, "MOST_DOCUMENTS", 2)
    large = {"n_layer": 2, "n_head": 8, "block_size": 27}
    for text, mono, sizes in (
        ("ava", False, TINY),
        ("", True, {}),
        ("charlottecharlotte", True, {}),
        ("charlotte" * 3, None, large),
    ):
        bench = Bench(text=text, steps=0, **sizes)
        for view in range(1, 8 if sizes is TINY else 6):
            for keys in (("home", "n"), ("end", "down", "enter")):
                bench.press(str(view), *keys)
                bench.press(str(view))
                for size in SIZES:
                    bench.resize(size, size[0] % 40 == 0 if mono is None else mono)
                    page = bench.page()
                    widest = max(sum(cell_len(piece) for piece, _ in line) for line in page.lines)
                    assert widest <= page.width, (view, text, size)
                    assert len(page.lines) <= page.height, (view, text, size)
                    assert text_of(page).strip()


def test_what_has_no_room_is_said() -> None:
    inside = Bench((80, 24), text="charlottecharlotte", steps=0, n_embd=32)
    assert re.search(r"stages 1–\d+ of 2\d", inside.words())
    inside.press("2")
    assert re.search(r"positions \d+–15 of 16", inside.words())
    inside.press("4")
    assert re.search(r"parts 1–\d+ of \d\d", inside.words())
    inside.press("5")
    assert re.search(r"neurons 0–\d+ of 128", inside.words())


def test_cells_of_a_strip_are_as_wide_as_there_is_room_for() -> None:
    page = Page(160, 10)
    assert [page.strip_plan(count, 150) for count in (7, 27, 64, 100, 300)] == [
        (4, 7), (4, 27), (2, 64), (1, 100), (1, 144),
    ]  # fmt: skip


def test_the_reading_of_attention_stands_beside_the_heads() -> None:
    inside = Bench((200, 60), text="elleah")
    inside.press("2")
    title = next(line for line in inside.words().split("\n") if "at position" in line)
    assert title.index("head 0 at position") < 100
