"""Schedules, metrics, panels and exporters with one fault each."""

# ruff: noqa: ARG002, ARG005 - the protocols give more than each of these needs

from __future__ import annotations

import json
import math
import random
import time
from pathlib import Path

from playground.api import ExportError

# ---------------------------------------------------------------- schedules


class Linear:
    """A schedule without a fault."""

    def factor(self, step, steps):
        return 1 - step / steps


class NoFactor:
    pass


class DividesByZero(Linear):
    def factor(self, step, steps):
        return 1 - step / (steps - 1)


class GoesBelowZero(Linear):
    def factor(self, step, steps):
        return 1 - 1.1 * step / steps


class SaysNan(Linear):
    def factor(self, step, steps):
        return math.nan


class Halves(Linear):
    current = 2.0

    def factor(self, step, steps):
        self.current *= 0.5
        return self.current


class Jitters(Linear):
    """Draws its factors from the global random stream."""

    def factor(self, step, steps):
        return random.random()


class LooksAround(Linear):
    """Gives another factor if the steps are asked for backwards."""

    last = 0

    def factor(self, step, steps):
        before, self.last = self.last, step
        return 1.0 if step >= before else 0.5


class TalkingSchedule(Linear):
    def factor(self, step, steps):
        print(step)
        return 1.0


class SlowSchedule(Linear):
    def factor(self, step, steps):
        return 0.0 * sum(range(5000)) + 1.0


# ---------------------------------------------------------------- metrics


class Worst:
    """A metric without a fault."""

    def of_step(self, step):
        return max(max(losses) for losses in step.token_losses)


class Neither:
    pass


class NeedsSamples:
    def of_samples(self, samples):
        return sum(samples.in_data) / len(samples.in_data)


class NeedsFiniteLosses(Worst):
    def of_step(self, step):
        return float(int(step.loss))


class SaysYes(Worst):
    def of_step(self, step):
        return step.loss > 1


class SortsThem(Worst):
    def of_step(self, step):
        step.token_losses[0].sort()
        return step.token_losses[0][-1]


class DrawingMetric(Worst):
    def of_step(self, step):
        return random.choice(step.token_losses[0])


class TalkingMetric(Worst):
    def of_step(self, step):
        print(step.loss)
        return


# ---------------------------------------------------------------- panels


class Countdown:
    """A panel without a fault."""

    def render(self, facts, width, height):
        return [f"{facts.steps - facts.step} steps to go", "#" * width][:height]


class NoRender:
    pass


class NeedsLosses(Countdown):
    def render(self, facts, width, height):
        return [f"{facts.losses[-1]:.3f}"]


class OneLineTooMany(Countdown):
    def render(self, facts, width, height):
        return [""] * (height + 1)


class OneText(Countdown):
    def render(self, facts, width, height):
        return "x" * height


class LineBreaks(Countdown):
    def render(self, facts, width, height):
        return ["a\nb"]


class NumbersForLines(Countdown):
    def render(self, facts, width, height):
        return [facts.step]


class EmptiesTheLosses(Countdown):
    def render(self, facts, width, height):
        lines = [str(len(facts.losses))]
        facts.losses.clear()
        return lines


class DrawingPanel(Countdown):
    def render(self, facts, width, height):
        return [str(random.random())]


class TalkingPanel(Countdown):
    def render(self, facts, width, height):
        print("drawn")
        return []


class SlowPanel(Countdown):
    def render(self, facts, width, height):
        end = time.perf_counter() + (0.012 if (width, height) == (80, 24) else 0)
        while time.perf_counter() < end:
            pass
        return []


# ---------------------------------------------------------------- exporters


class LossList:
    """An exporter without a fault."""

    def export(self, run, path, progress):
        progress("writing losses", 0, 1)
        path.write_text(json.dumps(list(run.losses)), encoding="utf-8")


class NoExport:
    pass


class WritesNothing(LossList):
    def export(self, run, path, progress):
        path.touch()


class OrdinaryRunsOnly(LossList):
    def export(self, run, path, progress):
        if run.losses:
            raise ExportError("No", "It cannot be.")
        super().export(run, path, progress)


class RefusesWithoutAWord(LossList):
    def export(self, run, path, progress):
        if not run.losses:
            raise ExportError("No steps", "")
        super().export(run, path, progress)


class TakesNamesForPaths(LossList):
    """Writes the metric loss/ema to a file in a folder that does not exist."""

    def export(self, run, path, progress):
        path.mkdir()
        (path / "losses").write_text("1")
        for name in run.series:
            (path / name).write_text("1")


class OnlyOnce(LossList):
    def export(self, run, path, progress):
        path.mkdir()
        super().export(run, path / "losses.json", progress)


class WritesBeside(LossList):
    def export(self, run, path, progress):
        super().export(run, path, progress)
        path.with_suffix(".bak").write_text("more")


class WritesWhereItIs(LossList):
    def export(self, run, path, progress):
        super().export(run, path, progress)
        Path("export.log").write_text("done")


class ClearsTheRun(LossList):
    def export(self, run, path, progress):
        super().export(run, path, progress)
        run.spec.clear()


class CannotBeCancelled(LossList):
    def export(self, run, path, progress):
        try:
            super().export(run, path, progress)
        except Exception:
            super().export(run, path, lambda *_: None)


class CallsItAFault(LossList):
    def export(self, run, path, progress):
        try:
            super().export(run, path, progress)
        except Exception as error:
            raise ExportError("It failed", "Somehow.") from error


class ProgressInWords(LossList):
    def export(self, run, path, progress):
        super().export(run, path, lambda what, done, total: progress(what, "none", total))


class DrawingExporter(LossList):
    def export(self, run, path, progress):
        random.random()
        super().export(run, path, progress)


class TalkingExporter(LossList):
    def export(self, run, path, progress):
        super().export(run, path, progress)
        print("written")
