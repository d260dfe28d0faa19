"""What a run's settings cost: parameters, and time as far as it can be estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count
from playground.tui.model import PlaygroundModel
from playground.words import size


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one set of settings."""

    parameters: int
    step_ms: float | None
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
        tokens = tokens_per_document(model, config.block_size)
        engine = str(values["engine"])
        step_ms = _estimate(config, tokens, engine, int(values["batch_size"]))
        if step_ms is not None and engine == model.engine:
            step_ms *= _measured_by_estimated(model)
        from playground.lab.record.needs import WORTH_TELLING, disk_needed, memory_needed

        count = parameter_count(config)
        large = count >= WORTH_TELLING
        return cls(
            count,
            step_ms,
            int(values["steps"]),
            memory_needed(count) if large else None,
            disk_needed(count) if large else None,
        )

    @property
    def seconds(self) -> float | None:
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


def text_cost(model: PlaygroundModel, block_size: int, tokens: float) -> float | None:
    """Milliseconds a step of the open run's model with another context, over documents of so many
    tokens; None if there is no estimate."""
    spec = model.spec
    if not spec:
        return None
    shape = {**spec["model"], "block_size": block_size}
    config = ModelConfig(model.info.vocab_size if model.info else 27, **shape)
    cost = _estimate(config, tokens, model.engine, int(spec["batch_size"]))
    return None if cost is None else cost * _measured_by_estimated(model)


def _measured_by_estimated(model: PlaygroundModel) -> float:
    """How many times the estimate a step of the open run takes on this machine; 1 if none was
    measured yet."""
    entry = model.catalog.find("engine", model.engine) if model.catalog else None
    seen = model.engine_speeds.get(entry.qualified) if entry is not None else None
    if seen is None or not model.spec or model.info is None:
        return 1.0
    config = ModelConfig(model.info.vocab_size, **model.spec["model"])
    tokens = tokens_per_document(model, config.block_size)
    estimate = _estimate(config, tokens, model.engine, int(model.spec["batch_size"]))
    return seen.step_ms / estimate if estimate and seen.step_ms > 0 else 1.0


def _estimate(config: ModelConfig, tokens: float, engine: str, batch_size: int) -> float | None:
    """Milliseconds a step; None for an engine that was never measured."""
    from playground.lab.estimate import estimate_step_ms  # measures this machine

    try:
        value = estimate_step_ms(config, tokens, engine, batch_size)
    except ArithmeticError:
        return None
    return value if math.isfinite(value) else None


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


def cost_words(now: Cost, then: Cost) -> Content:
    """A change of cost in words: "4,192 → 10,240 parameters   about 2.6 → 5.1 ms a step, 5 s for
    1,000 steps"."""
    same = now.parameters == then.parameters
    count = f"{now.parameters:,}" if same else f"{now.parameters:,} → {then.parameters:,}"
    parts: list[tuple[str, str] | str] = [(count, "bold"), " parameters"]
    if then.step_ms is not None and then.seconds is not None:
        new = milliseconds(then.step_ms)
        old = milliseconds(now.step_ms) if now.step_ms is not None else new
        each = new if old == new else f"{old} → {new}"
        parts += ["   about ", (each, "bold"), " ms a step here, "]
        parts += [(duration(then.seconds), "bold"), f" for {then.steps:,} steps"]
    if then.memory is not None and then.disk is not None:
        parts += ["   about ", (size(then.memory), "bold"), " of memory, "]
        parts += [(size(then.disk), "bold"), " on disk"]
    return Content.assemble(*parts)
