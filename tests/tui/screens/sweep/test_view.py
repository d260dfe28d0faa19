"""What a person sees of a sweep, without widgets: which setting is chosen, and the axes."""

from __future__ import annotations

import math

from playground.lab.store.sweeps import Glance, SweptRun
from playground.lab.sweep.plan import on_log_scale
from playground.lab.sweep.reading import Recorded
from playground.lab.sweep.table import lines_of
from playground.tui.screens.sweep.axes import LISTED, axis_of, loss_axis
from playground.tui.screens.sweep.view import SweepView
from tests.lab.sweep.recorded import RATES, plan_of


def taken(view: SweepView, *losses: float) -> None:
    """The view is shown a run for each of the first settings, with these losses."""
    runs = [SweptRun(one, 42, one + 1, loss, loss, 40, 40) for one, loss in enumerate(losses)]
    view.take(Recorded(tuple(runs), tuple(lines_of(runs)), None), Glance(len(runs), True))


def test_the_best_is_chosen_and_stays_so_until_a_person_chooses_another() -> None:
    view = SweepView(1)
    view.take_plan(plan_of(RATES, seeds=1))
    taken(view)
    view.setting = 2  # where the cursor of the table is before there is a run
    taken(view, 3.0)
    assert view.setting == 0
    taken(view, 3.0, 2.0)
    assert view.setting == 1 and view.run is not None and view.run.run == 2
    view.setting = 0
    taken(view, 3.0, 2.0, 1.0)
    assert view.setting == 0


def test_few_values_have_ticks_at_equal_distances_numbers_by_size() -> None:
    axis, places = axis_of("n_embd", ["32", "8", "16", "8", ""], on_log_scale)
    assert axis.listed and axis.ticks == ((0.0, "8"), (0.5, "16"), (1.0, "32"))
    assert places == {"8": 0.0, "16": 0.5, "32": 1.0}
    words, places = axis_of("schedule", ["linear", "constant"], on_log_scale)
    assert [text for _, text in words.ticks] == ["linear", "constant"]
    only, places = axis_of("n_layer", ["2", "2"], on_log_scale)
    assert only.ticks == ((0.5, "2"),) and places == {"2": 0.5}


def test_many_numbers_stand_on_a_scale_learning_rates_on_a_logarithmic_one() -> None:
    rates = [f"{0.001 * 10 ** (2 * place / LISTED):.6g}" for place in range(LISTED + 1)]
    axis, places = axis_of("learning_rate", rates, on_log_scale)
    assert not axis.listed and axis.text_at is not None
    assert axis.text_at(0.5) == "0.01" and math.isclose(places[rates[LISTED // 2]], 0.5)
    evenly, places = axis_of("n_embd", [str(one) for one in range(10, 60)], on_log_scale)
    assert evenly.text_at is not None and math.isclose(places["59"], 1.0)
    assert evenly.text_at(0.5) == "34.5"


def test_a_run_without_a_loss_has_no_place_on_the_axis_of_losses() -> None:
    axis, places = loss_axis([2.0, None, 3.0])
    assert places[0] == 0.0 and math.isnan(places[1]) and places[2] == 1.0
    assert axis.ticks == ((0.0, "2.000"), (1.0, "3.000"))
    assert loss_axis([2.5, 2.5])[1] == [0.5, 0.5]
    assert all(math.isnan(place) for place in loss_axis([None])[1])
