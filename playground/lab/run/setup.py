"""Sets up a run: makes data, tokenizer and engine from a RunSpec, the past from a checkpoint."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgpt.config import ConfigError, ModelConfig, needs
from microgpt.parameters import initial_weights, parameter_count, parameter_layout
from playground.api import DatasetError, UnknownTextError
from playground.catalog import BUILTIN, Kind
from playground.hooks.builtins.tokenizers import Char
from playground.hooks.errors import KnobError, PluginError, UnknownNameError, one_line
from playground.hooks.registry import Registry
from playground.lab.checkpoint import CheckpointError, as_array, pairs_of
from playground.lab.edits import Edit
from playground.lab.paths import CHOOSE, data_folder
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import FALLBACK_ENGINE, Checkpoint, Matrix, Notice, RunInfo
from playground.lab.run.baselines import baselines, notices, same_starts, survey
from playground.lab.run.data import Encoder, ReadOnlyTexts, Report, TokenDocuments, read
from playground.lab.run.distinct import Told
from playground.lab.run.engines import Engines, ReadyEngine
from playground.lab.run.evaluation import HeldOut
from playground.lab.run.guard import Activity, Guard, failure_of, make
from playground.lab.run.parting import parting
from playground.lab.run.recited import KnownTexts
from playground.lab.run.schedule import ScheduleFactors
from playground.lab.run.split import shuffled, split
from playground.lab.run.surgery import Surgery
from playground.lab.spec import MAX_PARAMETERS, MAX_VOCABULARY, Choice, RunSpec, SpecError
from playground.lab.timeline import Clock, Keyframe, Measured, Series, Timeline
from playground.packed import Rows
from playground.strict import Refusal, parsed

MAX_DISPLAYED = 1024


class DataChangedError(LabError):
    """The data hold text that the saved tokenizer does not know, so they are others than it was
    trained on."""


@dataclass(slots=True)
class PreparedRun:
    """All the parts of a session, which fit each other."""

    spec: RunSpec
    info: RunInfo
    config: ModelConfig
    engines: Engines
    made: ReadyEngine
    """The engine of the first step, or of the step after the checkpoint."""
    fell_back: bool
    """True if the engine of the checkpoint cannot work here, and another goes on."""
    schedule: ScheduleFactors
    encoder: Encoder
    train: Rows
    texts: ReadOnlyTexts
    """The same documents for plugins, one object for the whole run."""
    heldout: HeldOut
    heldout_texts: Rows
    """All held-out documents, of which `heldout` has the first."""
    documents: TokenDocuments
    known: KnownTexts
    initial: array[float]
    """The weights of step 0."""
    tokens_per_document: float
    """Mean number of predicted tokens in a training document."""
    fingerprint: str
    """SHA-256 of the documents."""
    same_data: bool
    """True if the run has no checkpoint, or one that was made on the same documents."""
    text: bytes | None
    """The text file that the documents were cut from; None if there is none that is kept."""
    dataset_plugin: str
    """The plugin that the data set is from."""
    sha256: str
    """Of the text that the data set read, as the data set says; "" if it does not say."""


def prepare_run(
    spec: RunSpec,
    registry: Registry,
    checkpoint: Checkpoint | None,
    report: Report,
    activity: Activity,
    text: bytes | None = None,
) -> PreparedRun:
    """Set up all parts of a run. text: what the run learnt from, if that is known; it stands for
    the text in the file, which may have changed. Raises LabError for what cannot be, and what
    `report` raises."""
    try:
        return _open(spec, registry, checkpoint, report, activity, text)
    except UnknownNameError as error:
        name = error.kind if error.kind == "engine" else f"{error.kind}.name"
        raise _failed(error.title, error.message, {name: error.message}) from error
    except DatasetError as error:
        raise _failed(error.title, error.message) from error
    except PluginError as error:
        raise LabError(failure_of(error)) from error
    except (SpecError, ConfigError) as error:
        problems = error.problems if isinstance(error, SpecError) else {error.field: error.message}
        raise _failed("These settings cannot be", str(error), problems) from error
    except MemoryError as error:
        raise _failed(
            "There is not enough memory", "The data or the model are too large for this machine."
        ) from error


def _open(
    spec: RunSpec,
    registry: Registry,
    checkpoint: Checkpoint | None,
    report: Report,
    activity: Activity,
    text: bytes | None,
) -> PreparedRun:
    follows = spec.model.model_dump()
    # What can be refused at once is refused before the slow parts.
    name = engine_of(spec, checkpoint)
    if checkpoint is None:
        registry.able(name, needs(spec.model.config(1), spec.optimizer.config()))
    dataset, data_guard = _make(registry, "dataset", spec.dataset, follows, activity)
    tokenizer, tokenizer_guard = _make(registry, "tokenizer", spec.tokenizer, follows, activity)
    schedule, schedule_guard = _make(registry, "schedule", spec.schedule, follows, activity)

    report(Progress(f"reading {spec.dataset.name}", 0, 0))
    path = spec.dataset.options.get("path")
    path = path if isinstance(path, str) else ""
    documents = read(dataset, data_guard, _cache(data_guard), report, path, text)
    texts = documents.texts
    report(Progress(f"tokenizer {spec.tokenizer.name}", 0, 0))
    if checkpoint is None:
        with tokenizer_guard.at("train"):
            if type(tokenizer) is Char:  # it asks for the letters alone, which are known
                tokenizer.train(documents.letters)
            else:
                given = texts if tokenizer_guard.trusted else activity.watched(texts)
                tokenizer.train(_told(given, len(texts), spec.tokenizer.name, report))
    else:
        load_tokenizer(tokenizer, tokenizer_guard, checkpoint.tokenizer)
    encoder = Encoder(tokenizer, tokenizer_guard, spec.model.block_size)
    config = _config(spec, encoder)

    count = len(texts)

    def told(stage: str) -> Told:
        report(Progress(stage, 0, count))
        return lambda done: report(Progress(stage, max(1, done), count))

    known = KnownTexts(texts, told("looking for repeats"))
    order, rng = shuffled(count, spec.seed, told("shuffling"))
    initial = initial_weights(
        config, rng, lambda done, total: report(Progress("drawing the first weights", done, total))
    )
    holding = told("holding out")
    parts = split(texts, known.distinct, order, spec.holdout, spec.holdout_by, holding)

    report(Progress("measuring baselines", 0, 0))
    try:
        look = survey(parts.train, encoder, report)
        heldout = HeldOut(
            (encoder.tokens(text) for text in parts.heldout),
            parameter_count(config),
            config.block_size,
            as_before=spec.holdout_by == "row",
        )
        lines = baselines(look, heldout, encoder)
    except UnknownTextError as error:
        raise _unknown(error, encoder, checkpoint) from error
    engines = Engines(registry, config, spec.optimizer.config(), initial, activity)
    made, refused = _engine(engines, name, checkpoint is not None, report)
    same_data = checkpoint is None or checkpoint.data in documents.fingerprints
    alike = same_starts(look, heldout, config.block_size)
    found = notices(spec, documents, parts, config.vocab_size, look, alike)
    as_begun = checkpoint is None or not (checkpoint.edits.rates or checkpoint.edits.surgical)
    if checkpoint is None or (checkpoint.repeatable and as_begun and same_data):
        found = (*found, *parting(spec, parts.order, parts.train, encoder))
    if refused:
        brief = f"the {FALLBACK_ENGINE} engine goes on instead"
        found = (Notice(fallback_words(refused), brief=brief), *found)
    if not same_data:
        found = (
            Notice(
                "the data are not those that the saved run learnt from; it goes on with these",
                brief="the saved run learnt from other data",
            ),
            *found,
        )
    if documents.unsure:
        found = (
            Notice(
                f"{path} was written to while it was read: no copy of it is kept with the run",
                brief="the file changed while it was read",
            ),
            *found,
        )
    return PreparedRun(
        spec=spec,
        info=RunInfo(
            spec=spec.to_json(),
            dataset_title=_title(spec.dataset),
            source=documents.provenance.source,
            licence=documents.provenance.licence,
            documents=len(texts),
            train_documents=len(parts.train),
            heldout_documents=len(parts.heldout),
            longest=look.longest,
            vocabulary=tuple(
                encoder.display(token) for token in range(min(config.vocab_size, MAX_DISPLAYED))
            ),
            vocab_size=config.vocab_size,
            bos_id=encoder.bos_id,
            matrices=tuple(Matrix(m.name, m.rows, m.columns) for m in parameter_layout(config)),
            parameter_count=parameter_count(config),
            block_size=config.block_size,
            n_head=config.n_head,
            baselines=lines,
            notices=found,
            resumed_at=checkpoint.step if checkpoint else 0,
            distinct_documents=parts.distinct,
            data=documents.fingerprints[0],
        ),
        config=config,
        engines=engines,
        made=made,
        fell_back=bool(refused),
        schedule=ScheduleFactors(schedule, schedule_guard, spec.steps),
        encoder=encoder,
        train=parts.train,
        texts=ReadOnlyTexts(parts.train),
        heldout=heldout,
        heldout_texts=parts.heldout,
        documents=TokenDocuments(parts.train, encoder),
        known=known,
        initial=initial,
        tokens_per_document=look.tokens_per_document,
        fingerprint=documents.fingerprints[0],
        same_data=same_data,
        text=documents.text,
        dataset_plugin=data_guard.entry.plugin,
        sha256=documents.provenance.sha256,
    )


def _told(texts: Iterable[str], count: int, tokenizer: str, report: Report) -> Iterator[str]:
    """The same texts, with the progress of a tokenizer that learns from them."""
    for number, text in enumerate(texts):
        if number and number % 1024 == 0:
            report(Progress(f"tokenizer {tokenizer}", number, count))
        yield text


def engine_of(spec: RunSpec, checkpoint: Checkpoint | None) -> str:
    """The name of the engine at the start of a run, or at its checkpoint."""
    if checkpoint is None:
        return spec.engine
    return checkpoint.edits.engine_at(checkpoint.step, spec.engine)


def _engine(engines: Engines, name: str, go_on: bool, report: Report) -> tuple[ReadyEngine, str]:
    """(the engine, why it is not the one named `name`). go_on: take the fallback engine if that one
    fails, instead of raising UnknownNameError or PluginError."""
    try:
        if engines.entry(name).plugin != BUILTIN:
            report(Progress(f"engine {name}", 0, 0))
        return engines.get(name, report), ""
    except (UnknownNameError, PluginError) as error:
        if not go_on:
            raise
        return engines.get(FALLBACK_ENGINE, report), why_not(error)


def why_not(error: UnknownNameError | PluginError) -> str:
    """Why an engine cannot work here, in words."""
    return error.message if isinstance(error, UnknownNameError) else str(error)


def fallback_words(reason: str) -> str:
    """What a person is told where another engine than the saved one goes on. reason: from
    `why_not`."""
    return f"the {FALLBACK_ENGINE} engine goes on: {reason}"


def _make(
    registry: Registry, kind: Kind, choice: Choice, follows: dict[str, Any], activity: Activity
) -> tuple[Any, Guard]:
    try:
        return make(registry, kind, choice.name, choice.options, activity, follows)
    except KnobError as error:
        field = f"{kind}.options.{error.field}" if error.field else f"{kind}.options"
        raise _failed("These settings cannot be", str(error), {field: error.message}) from error


def load_tokenizer(tokenizer: Any, guard: Guard, state: str) -> None:
    """Load a saved state into a tokenizer. Raises CheckpointError, and LabError for a state that
    the tokenizer refuses, which is no fault of the tokenizer's; PluginError."""
    try:
        values = parsed(state, "its tokenizer state", nan=True)
    except Refusal as error:
        raise CheckpointError(
            "The checkpoint is damaged", f"{str(error)[:1].upper()}{str(error)[1:]}."
        ) from error
    try:
        with guard.at("load_state_dict"):
            tokenizer.load_state_dict(values)
    except PluginError as error:
        if not isinstance(error.__cause__, _UNFIT):
            raise
        trusted = guard.trusted
        why = "" if trusted else "If other states load, the plugin is at fault. "
        raise LabError(
            Failure(
                "The saved tokenizer does not fit",
                f"The {guard.label} cannot read the state that was saved: {error.reason}. {why}"
                "Open the file that was saved with these settings, or train a new run.",
                kind="input" if trusted else "plugin",
                detail="" if trusted else error.detail,
                contribution="" if trusted else error.contribution,
            )
        ) from error


_UNFIT = (ValueError, TypeError, LookupError, AttributeError)
"""What a tokenizer raises for a state that it did not make."""


def _config(spec: RunSpec, encoder: Encoder) -> ModelConfig:
    if encoder.vocab_size > MAX_VOCABULARY:
        raise _failed(
            "The vocabulary is too large",
            f"{encoder.guard.label} makes {encoder.vocab_size:,} tokens of these data; "
            f"{MAX_VOCABULARY:,} is the most that pure Python can carry.",
        )
    config = spec.model.config(encoder.vocab_size)
    count = parameter_count(config)
    if count > MAX_PARAMETERS:
        raise _failed(
            "The model is too large",
            f"It would have {count:,} parameters; {MAX_PARAMETERS:,} is the most. "
            "Use fewer layers or a smaller width.",
            {"model.n_embd": f"{count:,} parameters are too many"},
        )
    return config


def check_fits(checkpoint: Checkpoint, config: ModelConfig) -> None:
    """Raise CheckpointError if the checkpoint has weights of another shape."""
    try:
        Surgery(config).check(checkpoint.edits)
    except ValueError as error:
        raise CheckpointError(
            "The checkpoint does not fit",
            f"What was done to its weights by hand cannot be done to a model of its settings: "
            f"{error}.",
        ) from error
    if checkpoint.at_start:
        return
    count = parameter_count(config)
    for name in ("weights", "first_moment", "second_moment", "gradients", "before"):
        size = len(getattr(checkpoint, name)) // 8
        if size != count and not (name in ("gradients", "before") and size == 0):
            raise CheckpointError(
                "The checkpoint does not fit",
                f"It holds {size:,} numbers for {name.replace('_', ' ')}; a model of these "
                f"settings has {count:,}. Open it with the settings it was saved with.",
            )


def check_states(frames: Sequence[Keyframe], config: ModelConfig) -> None:
    """Raise LabError if a recorded state is that of a model of another shape."""
    count = parameter_count(config)
    for frame in frames:
        if len(frame.weights) != count:
            raise _failed(
                "The record does not fit its settings",
                f"The state of step {frame.step:,} has {len(frame.weights):,} weights; a model of "
                f"the recorded settings has {count:,}. Import the run again, or train a new one.",
            )


def _cache(guard: Guard) -> Path:
    """The lasting folder of one data set; none for a built-in one, which keeps nothing, so that it
    is there for a person without any folder."""
    if guard.trusted:
        return Path(os.devnull)
    path = data_folder() / "datasets" / guard.entry.plugin / guard.entry.name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{path}: {error.strerror or error}. {CHOOSE}."
        raise _failed("The cache folder cannot be made", reason) from error
    return path


def _title(choice: Choice) -> str:
    path = choice.options.get("path")
    return Path(path).name if isinstance(path, str) and path else choice.name


def _unknown(error: UnknownTextError, encoder: Encoder, checkpoint: Checkpoint | None) -> LabError:
    if checkpoint is not None:
        return DataChangedError(
            Failure(
                "The data have changed",
                f"{one_line(str(error))}, as it was saved. Train a new run on these data.",
            )
        )
    return LabError(
        failure_of(encoder.guard.broken("encode", f"unknown text in its own training: {error}"))
    )


def _failed(title: str, message: str, problems: dict[str, str] | None = None) -> LabError:
    return LabError(Failure(title, message, problems=problems or {}))


@dataclass(slots=True)
class RestoredState:
    """A run's past, and the state at which it stands."""

    timeline: Timeline
    series: Series
    keyframe: Keyframe
    """The state at which the run stands."""
    gradients: array[float] | None = None


def start_of(prepared: PreparedRun) -> RestoredState:
    """The state of a run before its first step."""
    zeros = array("d", bytes(8 * len(prepared.initial)))
    start = Keyframe(0, 0, prepared.initial, zeros, zeros)
    timeline = Timeline(prepared.spec.optimizer.learning_rate, prepared.spec.engine)
    timeline.keep(start)
    return RestoredState(timeline, Series(), start)


def past_of(checkpoint: Checkpoint, prepared: PreparedRun) -> RestoredState:
    """The past that a checkpoint tells of. Raises LabError if the checkpoint does not fit the run.

    The start is kept as a keyframe, so that the steps before the checkpoint can be gone back to,
    only if these can be replayed: the same documents, every edit known, the same engines.
    """
    check_fits(checkpoint, prepared.config)
    keyframe = Keyframe(
        checkpoint.step,
        checkpoint.tokens_seen,
        as_array(checkpoint.before or checkpoint.weights),
        as_array(checkpoint.first_moment),
        as_array(checkpoint.second_moment),
    )
    if checkpoint.at_start:
        keyframe = start_of(prepared).keyframe
    losses, rates = as_array(checkpoint.losses), as_array(checkpoint.learning_rates)
    gradients = as_array(checkpoint.gradients)
    measured = {label: Measured(pairs_of(data)) for label, data in checkpoint.measured}
    timeline = Timeline(prepared.spec.optimizer.learning_rate, prepared.spec.engine)
    timeline.edits = checkpoint.edits
    explained = timeline.rate_at(checkpoint.step) == checkpoint.base_learning_rate
    if not explained:
        rate = Edit(checkpoint.step, "learning_rate", checkpoint.base_learning_rate)
        timeline.edits = timeline.edits.having(rate)
    if prepared.fell_back:
        timeline.edit(Edit(checkpoint.step, "engine", FALLBACK_ENGINE))
    same = prepared.same_data and checkpoint.repeatable and not prepared.fell_back
    if explained and same:
        timeline.keep(start_of(prepared).keyframe)
    timeline.keep(keyframe)
    series = Series(checkpoint.step)
    if checkpoint.since_step + len(losses) >= checkpoint.step and len(losses) == len(rates):
        series = Series(checkpoint.since_step)
        series.losses, series.learning_rates = losses, rates
    series.evaluations = dict(checkpoint.evaluations)
    series.measured = measured
    series.clock = Clock.of(as_array(checkpoint.clock))
    # The clock of a state without a past starts here: nothing is known of how long it took.
    series.clock.note(checkpoint.step, checkpoint.tokens_seen, 0.0)
    return RestoredState(timeline, series, keyframe, gradients or None)
