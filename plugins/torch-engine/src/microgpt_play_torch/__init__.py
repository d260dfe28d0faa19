"""The hook, which names the engines. PyTorch is imported when an engine is made, not before."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from microgpt.config import PARTS, ModelConfig, OptimizerConfig
from playground.api import Contribution, Engine, hookimpl

if TYPE_CHECKING:
    from microgpt_play_torch.engine import TorchEngine

Precision = Literal["float64", "float32"]
Device = Literal["cpu", "cuda"]


class NoGpuError(RuntimeError):
    """PyTorch finds no GPU. The message says what to do."""


def make_engine(
    config: ModelConfig,
    optimizer: OptimizerConfig,
    weights: array[float],
    *,
    precision: Precision = "float64",
    device: Device = "cpu",
) -> TorchEngine:
    """An engine with these shapes, constants and first weights. See `EngineFactory`.

    PyTorch's threads wait asleep in this process, unless OMP_WAIT_POLICY says otherwise. Raises
    ValueError if `weights` is not parameter_count long, ImportError without PyTorch, NoGpuError if
    the device is "cuda" and PyTorch finds none.
    """
    from microgpt_play_torch.threads import wait_asleep

    wait_asleep()
    import torch

    from microgpt_play_torch.engine import TorchEngine

    if device == "cuda" and not torch.cuda.is_available():
        built = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "has no CUDA"
        raise NoGpuError(
            f"PyTorch {torch.__version__} finds no GPU on this machine (it {built}). Choose the "
            "engine torch-float32, which computes on the processor; or, if there is a GPU, install "
            "its driver and the PyTorch that pytorch.org/get-started names for it"
        )
    dtype = torch.float64 if precision == "float64" else torch.float32
    return TorchEngine(config, optimizer, weights, dtype, torch.device(device))


@hookimpl
def microgpt_engines() -> Iterator[Contribution[Engine]]:
    """Four engines, which differ in their numbers and in where they compute."""
    summaries: dict[tuple[str, Precision, Device], str] = {
        ("torch", "float64", "cpu"): "PyTorch on the processor, for wide models, in float64",
        ("torch-float32", "float32", "cpu"): (
            "PyTorch on the processor, for wide models: twice as fast, with 7 digits"
        ),
        ("torch-cuda", "float64", "cuda"): "PyTorch on a GPU, in float64",
        ("torch-cuda-float32", "float32", "cuda"): (
            "PyTorch on a GPU: the fastest for wide models, with 7 digits"
        ),
    }
    for (name, precision, device), summary in summaries.items():
        yield Contribution(
            name=name,
            summary=summary,
            factory=partial(make_engine, precision=precision, device=device),
            requires=("torch",),
            knows=(*PARTS, "sgd"),
            precision=precision,
        )
