"""The metrics at work: each measures steps or samples, and changes nothing of the training.

A metric that fails, or gives what is no finite number, is switched off; `Measurer.meters` says why,
and the run goes on.
"""

from __future__ import annotations

import dataclasses
import math
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from microgpt.config import ModelConfig
from microgpt.engine import StateKind
from microgpt.parameters import parameter_layout
from microgpt.trainer import StepResult
from playground.api import Metric, SampleFacts, StepFacts, StepMetric
from playground.catalog import Entry, KnobValue
from playground.hooks import plain
from playground.hooks.errors import PluginError, excerpt
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import Measuring, Meter, MetricChoice, SampleBatch
from playground.lab.run.engines import CurrentEngine
from playground.lab.run.guard import Activity, Guard, failure_of, make, naming_the_knob
from playground.lab.run.speed import Ration
from playground.lab.timeline import Measured, Series

MAX_METRICS = 50
_CANNOT_BE = "Those metrics cannot be"
MAX_EVERY = 10_000_000
_BETWEEN = 0.005
"""The fewest seconds of steps between two measurements: a fast engine makes many in a call."""
NEVER = MAX_EVERY + 1
"""More steps than any run has."""


class _AtWork:
    """One metric that is on, or was switched off by a failure."""

    def __init__(self, choice: MetricChoice, label: str, metric: Metric, guard: Guard) -> None:
        self.choice = choice
        self.label = label
        self.guard = guard
        self.of_step: Callable[[StepFacts], Any] | None = None
        self.of_samples: Callable[[SampleFacts], Any] | None = None
        if isinstance(metric, StepMetric):
            self.of_step = metric.of_step
        else:
            self.of_samples = metric.of_samples
        self.trouble: Failure | None = None


class Measurer:
    """Measures the metrics that are on, in at most about a tenth of the training time, and records
    their values in a Series."""

    def __init__(
        self,
        registry: Registry,
        current: CurrentEngine,
        config: ModelConfig,
        follows: Mapping[str, KnobValue],
        activity: Activity,
    ) -> None:
        """follows: the model's settings, which knobs may follow."""
        self.measuring = Measuring()
        self._registry = registry
        self._current = current
        self._activity = activity
        self._follows = follows
        self._shapes = {m.name: (m.rows, m.columns) for m in parameter_layout(config)}
        self._at_work: list[_AtWork] = []
        self.ration = Ration()
        """The time for metrics."""
        self._target = 0
        """The step to measure next."""

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The metrics asked for, and why one of them is switched off."""
        return tuple(Meter(one.choice, one.label, one.trouble) for one in self._at_work)

    @property
    def of_samples(self) -> bool:
        """True if one of the metrics measures samples."""
        return any(one.of_samples for one in self._at_work)

    # ------------------------------------------------------------ which

    def set(self, measuring: Measuring) -> None:
        """Measure these metrics from now on, those that failed before included.

        Raises LabError whose `problems` name what cannot be; then nothing has changed.
        """
        problems = {}
        if not 1 <= measuring.every <= MAX_EVERY:
            problems["every"] = f"must be between 1 and {MAX_EVERY:,}, not {measuring.every}"
        if len(measuring.metrics) > MAX_METRICS:
            problems["metrics"] = f"are {len(measuring.metrics)}; at most {MAX_METRICS} can be on"
        if problems:
            raise _refused("; ".join(f"{key} {text}" for key, text in problems.items()), problems)
        made: dict[str, _AtWork] = {}
        for choice in measuring.metrics:
            one = self._make(choice)
            made.setdefault(one.label, one)  # the same metric twice counts once
        self.measuring, self._at_work = measuring, list(made.values())

    def take(self, wanted: Measuring) -> list[str]:
        """Measure those of the metrics that can be; returns a sentence for each of the others."""
        told: list[str] = []
        for choice in wanted.metrics:
            metrics = (*self.measuring.metrics, choice)
            try:
                self.set(dataclasses.replace(wanted, metrics=metrics))
            except LabError as error:
                told.append(f"the metric {choice.name} is off: {error.failure.message}")
        return told

    def _make(self, choice: MetricChoice) -> _AtWork:
        registry, name = self._registry, choice.name
        with naming_the_knob(_CANNOT_BE, name):
            options = registry.validate("metric", name, choice.options)
            metric, guard = make(
                registry, "metric", name, choice.options, self._activity, self._follows
            )
            with guard.at("__init__"):  # looks at the metric's attributes
                return _AtWork(choice, label_of(name, guard.entry, options), metric, guard)

    # ------------------------------------------------------------ measuring

    def until(self, step: int, pace: float = 1.0) -> int:
        """Steps from `step` to the next one to measure, 1 or more; NEVER if there is none.

        pace: seconds a step. A fast engine is interrupted no oftener than by commands.
        """
        if not self.ration.left or not any(
            one.of_step and not one.trouble for one in self._at_work
        ):
            return NEVER
        if step == 0:
            return 1
        every, least = self.measuring.every, int(_BETWEEN / max(pace, 1e-9))
        if not step < self._target <= step + every + least:
            self._target = (step // every + max(1, round(least / every))) * every
        return self._target - step

    def earn(self, seconds: float) -> None:
        """Add a share of `seconds` of training to the time for metrics."""
        self.ration.earn(seconds)

    def after_step(self, result: StepResult, finished: bool, series: Series) -> None:
        """Measure a step that is due: the first, the last, each multiple of `measuring.every`."""
        step = result.step
        if not self._is_due(step, finished):
            return
        facts: StepFacts | None = None
        for one in self._due(step, series):
            if one.of_step is None:
                continue
            facts = facts or StepFacts(
                step=step,
                loss=result.loss,
                learning_rate=result.learning_rate,
                token_losses=result.token_losses,
                shapes=dict(self._shapes),
                read=self._read,
            )
            with self._switching_off(one):
                self._note(one, "of_step", one.of_step, facts, series)

    def _is_due(self, step: int, finished: bool) -> bool:
        return step % self.measuring.every == 0 or step == 1 or finished

    def values(self, step: int, finished: bool, series: Series) -> dict[str, float]:
        """What the metrics asked for say of this step, by label, in the order they were asked for.
        Steps that no metric measures by itself have no values, whatever a record holds of them."""
        due = self._is_due(step, finished)
        asked = [one for one in self._at_work if due or one.of_step is None]
        found = {one.label: series.measured.get(one.label) for one in asked}
        values = {label: one.at(step) for label, one in found.items() if one is not None}
        return {label: value for label, value in values.items() if value is not None}

    def after_samples(self, batch: SampleBatch, series: Series) -> None:
        """Measure a batch of texts, unless a batch of the same step was measured before."""
        if not batch.texts:
            return
        facts = sample_facts(batch)
        for one in self._due(batch.step, series):
            if one.of_samples is not None:
                with self._switching_off(one):
                    self._note(one, "of_samples", one.of_samples, facts, series)

    def _due(self, step: int, series: Series) -> Iterator[_AtWork]:
        """The metrics that are on and have no value at `step`, while there is time left."""
        for one in self._at_work:
            known = series.measured.get(one.label)
            if one.trouble is None and (known is None or known.at(step) is None):
                if not self.ration.left:
                    return
                began = time.perf_counter()
                yield one
                self.ration.spend(time.perf_counter() - began)

    def _note(
        self,
        one: _AtWork,
        method: str,
        measure: Callable[[Any], Any],
        facts: StepFacts | SampleFacts,
        series: Series,
    ) -> None:
        with one.guard.at(method, facts.step):
            given = measure(facts)
            if given is None:
                return
            if plain.is_a(given, (bool, str, bytes)):
                raise TypeError(f"a number is expected, or None, not {excerpt(given)}")
            value = float(given)
        if not math.isfinite(value):
            wrong = f"it gave {value} for step {facts.step}; a finite number is expected, or None"
            raise one.guard.broken(method, wrong)
        series.measured.setdefault(one.label, Measured()).record(facts.step, value)

    @contextmanager
    def _switching_off(self, one: _AtWork) -> Iterator[None]:
        try:
            yield
        except PluginError as error:
            failure = failure_of(error)
            one.trouble = dataclasses.replace(
                failure,
                title=f"The metric {one.label!r} is switched off",
                message=f"{failure.message}. The run goes on without it.",
            )

    def _read(self, kind: StateKind) -> array[float]:
        """A copy of the engine's numbers; a failure of the engine is not blamed on the metric."""
        made = self._current.made
        with made.guard.at("read", kind="engine"):
            return made.engine.read(kind)[:]


def label_of(name: str, entry: Entry, options: dict[str, Any]) -> str:
    """The label of a metric's series: "new-share", "quantile:share=0.9"."""
    turned = [
        f"{control.name}={options[control.name]}"
        for control in entry.controls
        if control.name in options and options[control.name] != control.default
    ]
    return f"{name}:{','.join(turned)}" if turned else name


def _refused(message: str, problems: dict[str, str]) -> LabError:
    return LabError(Failure(_CANNOT_BE, message, problems=problems))


def sample_facts(batch: SampleBatch) -> SampleFacts:
    """A batch of samples, as a plugin sees it."""
    return SampleFacts(
        step=batch.step,
        texts=tuple(text.text for text in batch.texts),
        in_data=tuple(text.in_data for text in batch.texts),
        recited=tuple(text.recited for text in batch.texts),
    )
