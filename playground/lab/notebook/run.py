"""A run that a notebook or a script has open."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

from microgpt.surgery import Operation, operation_of
from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.gallery import install
from playground.hooks.registry import Registry
from playground.hooks.sources import expanded
from playground.lab.fork import with_edits
from playground.lab.notebook.drawing import run_html
from playground.lab.notebook.models import SEED, Model
from playground.lab.notebook.settings import Settings, by_field, by_name, refused
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import Measuring, MetricChoice
from playground.lab.protocol.score import SAMPLES
from playground.lab.run.choices import as_said, chosen
from playground.lab.run.export import BY_SUFFIX
from playground.lab.run.guard import plugin_failures
from playground.lab.run.saved_model import ReadModel
from playground.lab.score.work import finished
from playground.lab.session import Session
from playground.lab.timeline import HELD_OUT_ERROR

LOSS, RATE, HELD_OUT = "loss", "learning_rate", "held_out"
"""The names of the series that every run has."""


class Run(Model):
    """A run: it trains, goes to and fro, forks, and is operated on. Made by `playground.open`,
    `load` and `recorded`. Every method raises LabError for what cannot be; the run then stands at a
    whole step, and everything works from there."""

    def __init__(self, session: Session, registry: Registry) -> None:
        super().__init__(registry, session.texts.sampler)
        self._session = session
        self._told: set[str] = set()
        session.measure_all()

    # ------------------------------------------------------------ where it stands

    @property
    def at(self) -> int:
        """Steps done, from 0."""
        return self._session.step

    @property
    def steps(self) -> int:
        """The steps of the whole run, where the schedule of its learning rate ends."""
        return self._session.spec.steps

    @property
    def finished(self) -> bool:
        """True if no step is left."""
        return self._session.finished

    @property
    def parameters(self) -> int:
        """How many numbers the model has learnt or can learn."""
        return self._session.info.parameter_count

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in force, by the names that `playground.open` takes them by."""
        training = self._session.training
        values = self._session.spec.model_dump()
        rate = training.timeline.rate_at(self.at)
        return by_name(with_edits(values, rate, training.engine_name))

    @property
    def notices(self) -> list[str]:
        """What a person should know of the data and of the run, in sentences."""
        return [one.text for one in self._session.info.notices]

    @property
    def losses(self) -> list[float]:
        """The loss of each step up to here, in nats a token, on the text of that step. A run that
        was saved without its record begins where it was opened; `series` has the steps."""
        return [value for _, value in self.series()[LOSS]]

    @property
    def held_out(self) -> float | None:
        """The held-out loss that was measured last, up to here, in nats a token; None if none was.
        It is measured every `eval_every` steps and after the last one."""
        found = self.series()[HELD_OUT]
        return found[-1][1] if found else None

    @property
    def baselines(self) -> dict[str, float]:
        """The losses that guessing and counting reach on the held-out texts, in nats a token."""
        info = self._session.info
        return {one.name: one.nats for one in info.baselines_on(self._session.training.evaluated)}

    def series(self) -> dict[str, list[tuple[int, float]]]:
        """The (step, value) pairs up to here of "loss", "learning_rate", "held_out", of the
        standard error of that, "held_out_error", and of each metric, by its name."""
        known, at = self._session.training.series, self.at
        first, losses, rates, evaluations = known.between(0, at)
        found = {
            LOSS: list(enumerate(losses, first)),
            RATE: list(enumerate(rates, first)),
            HELD_OUT: list(evaluations),
        }
        for label, pairs in known.measured_between(0, at).items():
            found["held_out_error" if label == HELD_OUT_ERROR else label] = list(pairs)
        return found

    def frame(self) -> Any:
        """`series` as a pandas DataFrame: a row for each step, a column for each series, NaN where
        a series has no value. Needs pandas."""
        if importlib.util.find_spec("pandas") is None:
            raise LabError(
                Failure(
                    "A DataFrame needs pandas",
                    f"pandas is not installed; to add it: {install('pandas')}. "
                    "run.series() has the same numbers as lists.",
                )
            )
        pandas: Any = importlib.import_module("pandas")  # it comes with types here and there alone
        columns = {
            name: pandas.Series(dict(pairs), dtype="float64")
            for name, pairs in self.series().items()
        }
        return pandas.DataFrame(columns).sort_index().rename_axis("step")

    # ------------------------------------------------------------ training

    def step(self) -> Run:
        """Make one step. Returns the run, as every method does that changes it."""
        return self.train(1)

    def train(self, steps: int | None = None) -> Run:
        """Make so many steps, or all that are left. Ctrl-C, or the stop button of a notebook, ends
        the training after a whole step, and raises KeyboardInterrupt."""
        left = self.steps - self.at
        wanted = left if steps is None else steps
        if wanted < 0:
            raise refused({"steps": f"must be 0 or more, not {wanted}: go_to goes back"})
        if wanted > left or (steps is None and not left):
            more = f"run.fork(steps={self.at + (wanted or self.steps)})"
            raise LabError(
                Failure(
                    f"{wanted:,} steps cannot be made" if wanted else "No step is left",
                    f"The run stands at step {self.at:,} of {self.steps:,}. A longer run is a fork "
                    f"of it: {more}; its learning rate then falls to 0 at another step.",
                    problems={"steps": f"must be between 0 and {left}"},
                )
            )
        session, end = self._session, self.at + wanted
        with _whole_steps() as interrupted:
            while session.step < end and not interrupted():
                if not session.advance(end - session.step):
                    break
        self._tell_of_metrics()
        if session.trouble is not None:
            raise LabError(session.trouble)
        return self

    def go_to(self, step: int) -> Run:
        """Go to the state after `step` steps, to the bit: back, and forward again. A step that the
        run has not made yet is trained to."""
        session = self._session
        session.training.check_reaches(step)
        known = min(step, session.training.series.head)
        if known != self.at:
            with _whole_steps() as interrupted, plugin_failures():

                def alive() -> None:
                    if interrupted():
                        raise KeyboardInterrupt

                session.training.go_to(known, alive)
        return self.train(step - known) if step > known else self

    def fork(self, **changes: Unpack[Settings]) -> Run:
        """A run of its own that goes on from here, with these settings changed, by the names that
        `playground.open` takes them by. This run stays as it is. Before the first step every
        setting may change; later the learning rate, the optimizer's other settings, schedule,
        steps, batch_size, eval_every, engine and seed."""
        said = by_field(self._registry, changes)
        try:
            return Run(self._session.fork(said), self._registry)
        except LabError as error:
            if error.failure.problems:
                raise refused(error.failure.problems) from error
            raise

    def measure(self, *metrics: str) -> Run:
        """Measure these metrics from here on, in the place of those before, as the command line
        names them: "gradient-norm", "valid-share:rule=[a-z]+". `series` has their values."""
        try:
            found = [(chosen(self._registry, "metric", text), text) for text in metrics]
        except (KnobError, UnknownNameError) as error:
            raise LabError(Failure("Those metrics cannot be", f"{error}.")) from error
        choices = (MetricChoice(as_said(entry, text), knobs) for (entry, knobs), text in found)
        measuring = Measuring(tuple(choices))
        if metrics:
            self._session.measure(measuring)
        else:
            self._session.observe(measuring)
        self._told.clear()
        return self

    def _tell_of_metrics(self) -> None:
        """Warn of each metric that failed, once: it is off, and the run goes on."""
        for meter in self._session.measurer.meters:
            if meter.trouble is not None and meter.label not in self._told:
                self._told.add(meter.label)
                warnings.warn(f"{meter.trouble.title}. {meter.trouble.message}", stacklevel=3)

    # ------------------------------------------------------------ operations

    def cut(self, *parts: str) -> Run:
        """Take parts out of the model before the next step: "head:0.2", "neuron:0.17",
        "position:3", "token:5", "matrix:wpe". Training may build them anew, unless they are held.
        The steps that the run knows after this one are dropped."""
        return self._operate([self._operation(part) for part in parts])

    def set(self, part: str, *values: float) -> Run:
        """Set the weights of a part, as `cut` names it, or of one weight, "weight:wte[4,1]": one
        number for all of them, or a number for each."""
        if not values:
            raise refused({"values": "are missing: give a number, or one for each weight"})
        numbers = ",".join(repr(float(value)) for value in values)
        return self._operate([self._operation(f"{part}={numbers}")])

    def hold(self, *parts: str) -> Run:
        """Hold these parts, and no others, at their values from here on, whatever training would
        make of them; without parts nothing is held any more. "head:0.2" is held at 0, and
        "matrix:wpe=0.1" at 0.1."""
        self._session.surgeon.hold([self._operation(part) for part in parts])
        return self

    def undo(self) -> Run:
        """Take back what was done last to the weights at this step."""
        self._session.surgeon.undo()
        return self

    def _operate(self, operations: Sequence[Operation]) -> Run:
        self._session.surgeon.operate(operations)
        return self

    def _operation(self, text: str) -> Operation:
        try:
            return operation_of(text, self._read().config)
        except ValueError as error:
            raise LabError(Failure("This cannot be done to the weights", f"{error}.")) from error

    # ------------------------------------------------------------ judged, and kept

    def score(self, samples: int = SAMPLES, seed: int = SEED) -> dict[str, Any]:
        """How good the model is as it stands on texts that it has not seen: what `microgpt-play
        score --json` prints of it. samples, seed: how many texts are sampled for that, with which
        dice."""
        with plugin_failures():
            return dict(finished(self._session.scoring(samples, seed)).values)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a .safetensors file, from which `playground.load` goes on to the bit. Returns the
        path."""
        self._session.save(os.fspath(path))
        return expanded(path)

    def export(self, path: str | os.PathLike[str], exporter: str = "") -> Path:
        """Write the run with an exporter, as "csv" or "script:with_weights=true"; without one the
        end of the path tells, as `playground.catalog.SUFFIXES` has it. Returns the path."""
        text = exporter or BY_SUFFIX.get(Path(path).suffix.lower(), "")
        if not text:
            raise refused(
                {"path": f"does not say the format: end it in {', '.join(BY_SUFFIX)}, or name one"}
            )
        try:
            entry, options = chosen(self._registry, "exporter", text)
        except (KnobError, UnknownNameError) as error:
            raise LabError(Failure("The run cannot be exported so", f"{error}.")) from error
        self._session.export(os.fspath(path), entry.qualified, options)
        return expanded(path)

    # ------------------------------------------------------------ shown

    def __repr__(self) -> str:
        loss = f", loss {self.losses[-1]:.4f}" if self.losses else ""
        title = self._session.info.dataset_title
        return f"<Run of {title!r}: step {self.at:,} of {self.steps:,}{loss}>"

    def _repr_html_(self) -> str:
        session, series = self._session, self.series()
        spec, known = session.spec, series[LOSS]
        shape = spec.model
        rows = {
            "data": session.info.dataset_title,
            "model": f"{self.parameters:,} parameters: n_embd {shape.n_embd}, "
            f"n_head {shape.n_head}, n_layer {shape.n_layer}, block_size {shape.block_size}",
            "step": f"{self.at:,} of {self.steps:,}",
            "engine": session.training.engine_name,
        }
        if known:
            rows["loss"] = f"{known[-1][1]:.4f}"
        if self.held_out is not None:
            rows["held out"] = f"{self.held_out:.4f}"
        return run_html(rows, known, series[HELD_OUT])

    def _read(self) -> ReadModel:
        return self._session.read_model()


@contextmanager
def _whole_steps() -> Iterator[Callable[[], bool]]:
    """Inside, Ctrl-C is noted, so that no step is cut in two; the function that is given tells of
    it. A second Ctrl-C ends at once. Raises KeyboardInterrupt at the end."""
    noted: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # somebody else's, or Ctrl-C is ignored
        yield lambda: False
        return

    def note(_number: int, _frame: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(True)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt
