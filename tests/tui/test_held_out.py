"""What the screen says of the held-out loss: its error, and what the lines are measured on."""

from __future__ import annotations

from playground.tui.panels.loss import LossPanel
from playground.tui.widgets.chart import Chart
from tests.tui.watched import playing, seen


def shown(chart: Chart) -> str:
    width, height = chart.size
    return "\n".join(line.text for line in chart.paint(width, height))


async def test_the_held_out_loss_comes_with_its_error() -> None:
    async with playing(size=(160, 40)) as (app, pilot):
        await pilot.press("space")
        await seen(pilot, lambda: app.model.step >= 200)
        await pilot.press("space")
        await seen(pilot, lambda: not app.model.running)
        step = app.model.step // 100 * 100
        known = f"held out {app.model.evaluations.ys[-1]:.3f} ± {0.03 + step / 1e5:.3f}"
        assert known in " ".join(app.text("#status").split())
        panel = app.screen.query_one(LossPanel)
        panel.query_one(Chart).cursor = float(step)
        await pilot.pause()
        assert known in str(panel.border_subtitle)


async def test_lines_that_are_measured_on_the_training_texts_say_so() -> None:
    async with playing(size=(160, 40)) as (app, pilot):
        panel = app.screen.query_one(LossPanel)
        assert app.model.info is not None
        assert [line.name for line in panel._lines(app.model)] == [
            "uniform", "unigram", "bigram", "trigram"
        ]  # fmt: skip
        await app.controller.opening.start({"holdout": 0.0})
        await seen(pilot, lambda: app.model.spec["holdout"] == 0 and panel._lines(app.model))
        assert [line.name for line in panel._lines(app.model)] == [
            "uniform", "unigram on train", "bigram on train", "trigram on train"
        ]  # fmt: skip
        await seen(pilot, lambda: "bigram on train" in shown(panel.query_one(Chart)))
