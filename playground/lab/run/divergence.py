"""What a person is told when a training step fails."""

from __future__ import annotations

from typing import Any

from microgpt.engine import Engine
from microgpt.parameters import parameter_layout
from microgpt.trainer import DivergedError
from playground.hooks.errors import PluginError, describe
from playground.lab.protocol.failures import Failure
from playground.lab.run.guard import Guard, failure_of
from playground.lab.spec import OptimizerSpec


def usual_learning_rates() -> tuple[float, float]:
    """(lowest, highest) learning rate that is usual."""
    extra = OptimizerSpec.model_fields["learning_rate"].json_schema_extra
    usual: Any = extra["usual"] if isinstance(extra, dict) else (0.0, 0.0)
    return float(usual[0]), float(usual[1])


def diverged(engine: Engine, error: DivergedError, rate: float) -> Failure:
    """What to say when the loss is not finite: the step, the probable cause, and what to do.

    rate: the base learning rate.
    """
    low, high = usual_learning_rates()
    largest, name = 0.0, ""
    weights = engine.read("weights")
    for matrix in parameter_layout(engine.config):
        part = [abs(weight) for weight in weights[matrix.slice]]
        # max() passes over a NaN that is not the first value
        peak = max(part) if all(value == value for value in part) else float("nan")
        if not peak <= largest:
            largest, name = peak, matrix.name
            if peak != peak:
                break
    if rate > high:
        cause = f"The learning rate was {rate:.3g}; {low:g} to {high:g} is usual."
        cure = f"Set it to {high:g} or less and go on."
    else:
        cause = f"The learning rate, {rate:.3g}, is in the usual range ({low:g} to {high:g})."
        cure = "Go further back, lower it and go on; an engine or a data set may be at fault."
    return Failure(
        f"Training diverged at step {error.step:,}",
        f"The loss became {error.loss}. {cause} The largest weight has the magnitude "
        f"{largest:.3g} ({name}). The run was put back to step {max(0, error.step - 2):,}, the "
        f"last from which the loss was a number. {cure}",
        kind="diverged",
        problems={"optimizer.learning_rate": f"{rate:.3g} was too high"} if rate > high else {},
    )


def unexpected(guard: Guard, error: BaseException, detail: str) -> Failure:
    """What to say when an engine raised, a plugin's or a built-in one. detail: the traceback."""
    if not guard.trusted:
        return failure_of(PluginError(guard.entry.plugin, f"in a step ({guard.label})", error))
    return Failure(
        "A training step failed",
        f"{describe(error)}. The run stands where it was before that step.",
        kind="internal",
        detail=detail,
    )
