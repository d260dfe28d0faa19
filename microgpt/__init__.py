"""microgpt: a GPT in pure Python, standard library only.

The algorithm is that of Karpathy's microgpt.py. To read it, read the files in this order:
documents, tokenizer, autograd, parameters, scalar_engine, trainer, sampling; then vector_engine,
which does the same many times as fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microgpt.config import ConfigError, ModelConfig, OptimizerConfig, linear_decay
    from microgpt.documents import (
        DocumentsError,
        DocumentStats,
        default_names_path,
        describe,
        load_names,
        read_text,
        split_lines,
        split_paragraphs,
        split_windows,
    )
    from microgpt.engine import (
        STATE_KINDS,
        BulkEngine,
        Decoder,
        Engine,
        EngineFactory,
        PreparedEngine,
        StateKind,
        Steps,
    )
    from microgpt.parameters import MatrixSpec, initial_weights, parameter_count, parameter_layout
    from microgpt.scalar_engine import ScalarEngine
    from microgpt.tokenizer import CharTokenizer, UnknownTextError
    from microgpt.trainer import (
        DivergedError,
        StepResult,
        Stretch,
        Trainer,
        gradient_norm,
        shuffle,
        shuffle_and_init,
    )
    from microgpt.vector_engine import VectorEngine

__all__ = [
    "STATE_KINDS",
    "BulkEngine",
    "CharTokenizer",
    "ConfigError",
    "Decoder",
    "DivergedError",
    "DocumentStats",
    "DocumentsError",
    "Engine",
    "EngineFactory",
    "MatrixSpec",
    "ModelConfig",
    "OptimizerConfig",
    "PreparedEngine",
    "ScalarEngine",
    "StateKind",
    "StepResult",
    "Steps",
    "Stretch",
    "Trainer",
    "UnknownTextError",
    "VectorEngine",
    "default_names_path",
    "describe",
    "gradient_norm",
    "initial_weights",
    "linear_decay",
    "load_names",
    "parameter_count",
    "parameter_layout",
    "read_text",
    "shuffle",
    "shuffle_and_init",
    "split_lines",
    "split_paragraphs",
    "split_windows",
]


_MODULES = (
    *("config", "documents", "engine", "parameters"),
    *("scalar_engine", "tokenizer", "trainer", "vector_engine"),
)


def __getattr__(name: str) -> object:
    """Load a name of `__all__` when it is first asked for, because a command that only needs the
    gate before the terminal, or a path in a shell's words, should not wait for the whole GPT."""
    if name in __all__:
        for module in _MODULES:
            there = vars(import_module(f"microgpt.{module}"))
            if name in there:
                return globals().setdefault(name, there[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
