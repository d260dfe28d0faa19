"""A saved model to look into and to sample from, without its training data, which may be gone."""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace

from microgpt.config import ModelConfig
from microgpt.engine import Engine
from playground.hooks.errors import KnobError, PluginError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.checkpoint import as_array, read_checkpoint
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import FALLBACK_ENGINE, Checkpoint
from playground.lab.protocol.sampling import SampleBatch, Sampling
from playground.lab.run.data import Encoder
from playground.lab.run.engines import CurrentEngine, Engines, ReadyEngine
from playground.lab.run.guard import Activity, failure_of, make, plugin_failures
from playground.lab.run.sampling import Sampler
from playground.lab.run.setup import check_fits, fallback_words, load_tokenizer, why_not
from playground.lab.spec import RunSpec, SpecError


@dataclass(frozen=True, slots=True)
class ReadModel:
    """The weights and the tokenizer of a checkpoint: all that it takes to look into the model."""

    spec: RunSpec
    step: int
    config: ModelConfig
    weights: array[float]
    """Flat, in the order of `parameter_layout`."""
    encoder: Encoder

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, registry: Registry, activity: Activity | None = None
    ) -> ReadModel:
        """The model of a checkpoint in memory. Raises LabError, CheckpointError."""
        activity = activity or Activity()
        with _words_for_what_fails():
            spec = RunSpec.parse(checkpoint.spec)
            choice = spec.tokenizer
            follows = spec.model.model_dump()
            tokenizer, guard = make(
                registry, "tokenizer", choice.name, choice.options, activity, follows
            )
            load_tokenizer(tokenizer, guard, checkpoint.tokenizer)
            encoder = Encoder(tokenizer, guard, spec.model.block_size)
            config = spec.model.config(encoder.vocab_size)
            check_fits(checkpoint, config)
        return cls(spec, checkpoint.step, config, as_array(checkpoint.weights), encoder)


@dataclass(slots=True)
class SavedModel:
    """The engine, tokenizer and sampler of a checkpoint."""

    spec: RunSpec
    step: int
    engine: Engine
    encoder: Encoder
    sampler: Sampler
    notice: str = ""
    """Why another engine than the saved one is at work, for a person; "" if none is."""
    _batches: int = 0

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        registry: Registry,
        activity: Activity | None = None,
    ) -> SavedModel:
        """The model of a .safetensors file. activity: tells a watchdog what is under way. Raises
        LabError."""
        return cls.of(read_checkpoint(path), registry, activity)

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, registry: Registry, activity: Activity | None = None
    ) -> SavedModel:
        """The model of a checkpoint in memory. Raises LabError, CheckpointError."""
        activity = activity or Activity()
        with _words_for_what_fails():
            read = ReadModel.of(checkpoint, registry, activity)
            spec = read.spec
            engines = Engines(
                registry, read.config, spec.optimizer.config(), read.weights, activity
            )
            made, notice = _engine(engines, spec.engine)
            engine = CurrentEngine(made)
            follows = spec.model.model_dump()
            sampler = Sampler(registry, engine, read.encoder, read.config, follows, activity)
        return cls(spec, checkpoint.step, made.engine, read.encoder, sampler, notice)

    def sample(self, sampling: Sampling | None = None) -> SampleBatch:
        """A new batch at each call, of other texts. `in_data` is False, since the data are unknown.

        Raises LabError.
        """
        if sampling is not None and sampling != self.sampler.sampling:
            self.sampler.set(sampling)
        self._batches += 1
        with plugin_failures():
            return self.sampler.batch(self._batches, self.step, f"on demand {self._batches}")

    def sampled(self, sampling: Sampling, count: int) -> Iterator[SampleBatch]:
        """`count` texts, as `Sampler.batches` makes them. Raises LabError."""
        self.sampler.set(sampling)
        with plugin_failures():
            yield from self.sampler.batches(count, self.step)


@contextlib.contextmanager
def _words_for_what_fails() -> Iterator[None]:
    """Turn what is wrong with a plugin or with the settings of a checkpoint into a LabError."""
    try:
        yield
    except PluginError as error:
        raise LabError(failure_of(error)) from error
    except (UnknownNameError, KnobError, SpecError) as error:
        problems = error.problems if isinstance(error, SpecError) else {}
        raise LabError(
            Failure("The model cannot be used here", f"{error}.", problems=problems)
        ) from error


def _engine(engines: Engines, name: str) -> tuple[ReadyEngine, str]:
    """(the engine, why it is not the saved one). A model needs no particular engine, and a run that
    goes on from a checkpoint takes the fallback engine too."""
    why = ""
    try:
        made = engines.get(name, _unheard)
    except (UnknownNameError, PluginError) as error:
        made, why = engines.get(FALLBACK_ENGINE, _unheard), fallback_words(why_not(error))
    return replace(made, forward=made.engine), why  # the engine itself reads its weights


def _unheard(progress: Progress) -> None:
    """Show no progress."""
