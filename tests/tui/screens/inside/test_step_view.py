"""View 8 of the microscope: the last step, taken apart."""

from __future__ import annotations

import re

import pytest

from playground.lab.protocol.inside import Look
from playground.lab.protocol.step import StepReading
from playground.tui.screens.inside.page import Page
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.screens.inside.step import StepView
from playground.widths import cell_len
from tests.tui.readings import last_step, session


class Bench:
    """The view without an app, on a run that stands after step 12."""

    def __init__(self, width: int = 120, height: int = 31, *, mono: bool = False) -> None:
        self.state = InsideState(Look(view="step"))
        self.view = StepView()
        self.width, self.height, self.mono = width - 2, height, mono

    @property
    def before(self) -> int:
        """Columns before the shares."""
        return max(len(one.name) for one in self.reading.matrices) + 19

    @property
    def reading(self) -> StepReading:
        return last_step(self.state.look)

    def press(self, *keys: str) -> Place | None:
        place = None
        for key in keys:
            inside = session().look_inside(self.state.look)
            if key == "enter":
                place = self.view.enter(inside, self.state)
            elif key in ("up", "down"):
                self.view.move(inside, self.state, 1 if key == "down" else -1)
            else:
                self.view.sideways(inside, self.state, 1 if key == "." else -1)
        return place

    def page(self) -> Page:
        page = Page(self.width, self.height, self.mono)
        self.view.draw(page, session().look_inside(self.state.look), self.state)
        return page

    def lines(self) -> list[str]:
        return ["".join(text for text, _ in line).rstrip() for line in self.page().lines]

    def words(self) -> str:
        return "\n".join(self.lines())


def test_it_says_what_the_step_did_to_its_text_and_to_the_held_out_ones() -> None:
    bench = Bench()
    reading, words = bench.reading, bench.words()
    assert f"step {reading.step} learnt from the text above" in words
    assert f"{reading.before:.3f} → {reading.after:.3f} nats, {reading.change:+.4f}" in words
    assert f"g·Δθ foretold {reading.foretold:+.4f}" in words
    assert f"curvature {reading.change - reading.foretold:+.4f}" in words
    held = reading.heldout
    assert held is not None and held.error is not None
    assert f"held out {held.delta:+.4f} ± {held.error:.4f} on {held.documents} texts" in words
    assert f"{reading.better} better, {reading.worse} worse" in words
    assert ("within the noise" in words) == (abs(held.delta) < 2 * held.error)
    assert f"gradient check of vector {reading.check.ratio:.6f}" in words
    assert reading.most_better[0].text in words
    tall = Bench(200, 50).words()
    assert all(one.text in tall for one in reading.most_better[:20]), "as many as have room"


def test_a_row_of_the_table_says_how_far_a_matrix_went_and_who_moved_it() -> None:
    bench = Bench(200)
    for one in bench.reading.matrices:
        [row] = [line for line in bench.lines() if line[1:].startswith(one.name + " ")]
        shares = [float(cell) for cell in re.findall(r"[+-]?(?:0|1)?\.\d\d\b", row[bench.before :])]
        assert shares == pytest.approx([one.memory, *one.tokens], abs=0.00501)
        assert f"{one.ratio:.5f}" in row
    targets = [one.target for one in bench.reading.tokens]
    assert any(re.findall("→(.)", line) == targets for line in bench.lines())


def test_the_chosen_cell_is_said_in_words() -> None:
    bench = Bench()
    bench.press("down", "down", ",", ",")
    matrix, letter = bench.reading.matrices[2], bench.reading.tokens[-3]
    said = " ".join(bench.words().split())
    assert f"{matrix.name}: ‖Δ‖ {matrix.update:.4f} / ‖θ‖ {matrix.weights:.3f}" in said
    percent = f"{100 * matrix.tokens[-3]:.0f} %"
    assert f"{percent} to predict ‘{letter.target}’ after ‘{letter.token}’" in said
    assert bench.state.look.position == letter.position, "in every view"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_an_opened_weight_is_the_sum_of_its_parts(width: int) -> None:
    bench = Bench(width, 60)
    bench.press("down", "enter")
    weight = bench.reading.weight
    assert weight is not None and weight.matrix == "wpe"
    words = bench.words()
    parts = [
        float(found[1])
        for line in words.split("\n")
        if (found := re.search(r"(?:to predict|memory of) .*? ([+-]\d\.\d{7})", line))
    ]
    assert len(parts) == len(weight.tokens) + len(weight.steps) + bool(weight.older)
    assert sum(parts) == pytest.approx(weight.delta, abs=1e-6)
    assert f"together {weight.delta:+.7f}" in " ".join(words.split())
    assert bench.press("enter") == Place("wpe", weight.row, weight.column)


def test_where_not_all_parts_have_room_the_smallest_are_one_sum() -> None:
    bench = Bench(80, 15)
    bench.press("enter")
    words = bench.words()
    parts = [float(one) for one in re.findall(r" ([+-]\d\.\d{7})", words)]
    assert "smaller parts" in words
    assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=1e-6)


@pytest.mark.parametrize("mono", [False, True])
@pytest.mark.parametrize(("width", "height"), [(60, 10), (80, 15), (120, 31), (200, 51)])
def test_nothing_is_wider_or_longer_than_its_place(width: int, height: int, mono: bool) -> None:
    for keys in ((), ("enter",), ("down",) * 30):
        bench = Bench(width, height, mono=mono)
        bench.press(*keys)
        lines = bench.lines()
        assert len(lines) <= height
        assert all(cell_len(line) <= bench.width for line in lines)
