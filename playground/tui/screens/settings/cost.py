"""What a run's settings cost: parameters, and time as far as it can be estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count
from playground.lab.estimate import Estimate, Shape
from playground.tui.model import PlaygroundModel, engine_key
from playground.words import size


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one set of settings."""

    parameters: int
    step: Estimate | None
    """Milliseconds a step; None if there is no estimate."""
    steps: int
    memory: int | None = None
    """Bytes of memory that training takes, about; None where they are not worth telling."""
    disk: int | None = None
    """Bytes of states in the record; None likewise."""

    @classmethod
    def of(cls, model: PlaygroundModel, values: Mapping[str, Any]) -> Cost:
        """values: valid settings by dotted field; the vocabulary is that of the open run."""
        config = ModelConfig(
            model.info.vocab_size if model.info else 27,
            **{
                name: values[f"model.{name}"]
                for name in ("n_embd", "n_head", "n_layer", "block_size", "parts")
            },
        )
        from playground.lab.record.needs import WORTH_TELLING, disk_needed, memory_needed

        shape = Shape(
            config,
            tokens_per_document(model, config.block_size),
            int(values["batch_size"]),
            str(values.get("optimizer.name", "adam")),
        )
        count = parameter_count(config)
        large = count >= WORTH_TELLING
        return cls(
            count,
            _estimate(model, shape, str(values["engine"])),
            int(values["steps"]),
            memory_needed(count) if large else None,
            disk_needed(count) if large else None,
        )

    @property
    def step_ms(self) -> float | None:
        """Milliseconds a step, the middle of the bounds; None if there is no estimate."""
        return None if self.step is None else self.step.ms

    @property
    def seconds(self) -> float | None:
        """Seconds of the whole run; None if there is no estimate."""
        return None if self.step_ms is None else self.step_ms * self.steps / 1000


def tokens_per_document(model: PlaygroundModel, block_size: int) -> float:
    """The mean number of positions in a document, cut to block_size, as far as the open run has
    seen its documents."""
    info, frame = model.info, model.frame
    if info is None:
        return float(min(8, block_size))
    longest = info.longest + 1  # the closing BOS is predicted too
    if frame is None or frame.step == 0 or frame.tokens_seen == 0:
        return float(min(longest, block_size))
    mean: float = frame.tokens_seen / frame.step / max(1, model.spec.get("batch_size", 1))
    if mean > info.block_size - 0.5:  # nearly every document is cut: a longer context sees more
        return float(min(longest, block_size))
    return float(min(mean, block_size))


def text_cost(model: PlaygroundModel, block_size: int, tokens: float) -> Estimate | None:
    """Milliseconds a step of the open run's model with another context, over documents of so many
    tokens; None if there is no estimate."""
    spec = model.spec
    if not spec:
        return None
    config = ModelConfig(
        model.info.vocab_size if model.info else 27, **{**spec["model"], "block_size": block_size}
    )
    shape = Shape(config, tokens, int(spec["batch_size"]), model.optimizer)
    return _estimate(model, shape, model.engine)


def _estimate(model: PlaygroundModel, shape: Shape, engine: str) -> Estimate | None:
    """What a step takes, by the steps that were made in this session; None for an engine that has
    made none and that nothing was fitted to."""
    entry = model.catalog.find("engine", engine) if model.catalog else None
    try:
        return model.step_times.estimate(engine_key(entry) if entry else engine, shape)
    except ArithmeticError:  # settings beyond all measure
        return None


def duration(seconds: float) -> str:
    """A time in words: "4 s", "12 min", "3.5 h", "9 days"."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129_600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:,.0f} days"


def milliseconds(value: float) -> str:
    if value < 1:
        return f"{value:.2g}"
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def step_words(step: Estimate) -> str:
    """Milliseconds a step: "2.6", or "0.06 to 6.2" where only bounds are known."""
    if not step.rough:
        return milliseconds(step.ms)
    return f"{milliseconds(step.least)} to {milliseconds(step.most)}"


def cost_words(now: Cost, then: Cost) -> Content:
    """A change of cost in words: "4,192 → 10,240 parameters   about 2.6 → 5.1 ms a step, 5 s for
    1,000 steps"."""
    same = now.parameters == then.parameters
    count = f"{now.parameters:,}" if same else f"{now.parameters:,} → {then.parameters:,}"
    parts: list[tuple[str, str] | str] = [(count, "bold"), " parameters"]
    if then.step is not None:
        new = step_words(then.step)
        old = step_words(now.step) if now.step is not None else new
        each = new if old == new else f"{old} → {new}"
        least, most = (duration(ms * then.steps / 1000) for ms in (then.step.least, then.step.most))
        whole = f"{least} to {most}" if then.step.rough and least != most else most
        parts += ["   roughly " if then.step.rough else "   about ", (each, "bold")]
        parts += [" ms a step here, ", (whole, "bold"), f" for {then.steps:,} steps"]
    if then.memory is not None and then.disk is not None:
        parts += ["   about ", (size(then.memory), "bold"), " of memory, "]
        parts += [(size(then.disk), "bold"), " on disk"]
    return Content.assemble(*parts)
