"""Checkpoints on disk: one .safetensors file, which other tools read too.

All tensors are float64. Those of the model are named as Karpathy's matrices (wte, wpe, lm_head,
layer0.attn_wq ...); first_moment.* and second_moment.* are Adam's, gradients.* are for the screen.
series.losses and series.learning_rates are the series; metric.* has a (step, value) pair in each
row. Everything else is text in the header's metadata.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_layout
from microgpt.shell import shell_word
from playground.files import write_whole
from playground.hooks.sources import expanded
from playground.lab.edits import Edits
from playground.lab.floats import as_bytes as as_bytes
from playground.lab.floats import floats_of
from playground.lab.paths import hindrance, target_of
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import sampling_of
from playground.lab.spec import RunSpec, SpecError

T = TypeVar("T")

FORMAT = "microgpt-play"
VERSION = 1
MAX_BYTES = 4 << 30
METRIC = "metric."
_MAX_HEADER = 100_000_000


class CheckpointError(LabError):
    """A checkpoint cannot be read, written or used: what happened, why, and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(Failure(title, message))

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckpointError, (self.title, self.message)


def as_array(data: bytes) -> array[float]:
    """Little-endian float64 bytes as numbers. Raises CheckpointError for half a number."""
    try:
        return floats_of(data)
    except ValueError:
        raise CheckpointError(
            "The checkpoint is damaged", "It ends in the middle of a number."
        ) from None


def pairs_of(data: bytes) -> list[tuple[int, float]]:
    """(step, value) pairs from float64 bytes. Raises CheckpointError for other numbers."""
    values = as_array(data)
    steps = values[::2]
    if len(values) % 2 or not all(step.is_integer() and 0 <= step < 2**53 for step in steps):
        raise CheckpointError("The checkpoint is damaged", "What a metric gave has no steps.")
    return [(int(step), value) for step, value in zip(steps, values[1::2], strict=True)]


# ---------------------------------------------------------------- writing


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> Path:
    """Write a checkpoint whole or not at all; a file of that name is replaced in one go.

    Returns the path. Raises CheckpointError.
    """
    target = check_place(path)
    data = to_bytes(checkpoint)
    with _explained(target):
        write_whole(target, data, durable=True)
    return target


def check_place(path: str | os.PathLike[str]) -> Path:
    """The path that a checkpoint of this name is written to. Raises CheckpointError if it cannot
    be written there, as far as that shows without writing."""
    target = expanded(path)
    with _explained(target):
        target = target_of(path)
        if target.is_dir():
            raise CheckpointError(
                "This is a folder",
                f"{target} is a folder. Name a file in it: "
                f"{shell_word(target / 'model.safetensors')}",
            )
        why = hindrance(target)
        if why is not None:
            raise CheckpointError(*why)
        if not os.access(target if target.exists() else target.parent, os.W_OK):
            raise PermissionError
    return target


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn errors of the system into CheckpointError."""
    try:
        yield
    except PermissionError as error:
        raise CheckpointError(
            "The file may not be written",
            f"You have no permission to write {target}. Choose another place.",
        ) from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise CheckpointError("The file could not be written", f"{target}: {reason}.") from error


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The contents of a checkpoint's file."""
    import safetensors  # 5 ms, paid only when a checkpoint is saved or opened

    spec = RunSpec.parse(checkpoint.spec)
    kept: list[bytes] = []  # kept alive until serialized, for the library is given addresses
    tensors: dict[str, Any] = {}

    def add(name: str, data: bytes, *shape: int) -> None:
        if data:
            kept.append(data)
            tensors[name] = safetensors.TensorSpec(
                dtype="float64", shape=list(shape), data_ptr=_address(data), data_len=len(data)
            )

    config = config_of(spec, len(checkpoint.weights) // 8)
    for prefix, data in (
        ("", checkpoint.weights),
        ("first_moment.", checkpoint.first_moment),
        ("second_moment.", checkpoint.second_moment),
        ("gradients.", checkpoint.gradients),
    ):
        for matrix in parameter_layout(config):
            part = data[8 * matrix.offset : 8 * (matrix.offset + matrix.size)]
            add(prefix + matrix.name, part, matrix.rows, matrix.columns)
    add("series.losses", checkpoint.losses, len(checkpoint.losses) // 8)
    add("series.learning_rates", checkpoint.learning_rates, len(checkpoint.learning_rates) // 8)
    for label, pairs in checkpoint.measured:
        add(METRIC + label, pairs, len(pairs) // 16, 2)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "spec": checkpoint.spec,
        "tokenizer": checkpoint.tokenizer,
        "step": str(checkpoint.step),
        "tokens_seen": str(checkpoint.tokens_seen),
        "base_learning_rate": repr(checkpoint.base_learning_rate),
        "edits": json.dumps(checkpoint.edits.rates),
        "engines": json.dumps(checkpoint.edits.engines),
        "evaluations": json.dumps(checkpoint.evaluations),
        "since_step": str(checkpoint.since_step),
        "data": checkpoint.data,
        "repeatable": json.dumps(checkpoint.repeatable),
        "sampling": json.dumps(checkpoint.sampling and dataclasses.asdict(checkpoint.sampling)),
    }
    return bytes(safetensors.serialize(tensors, metadata))


def _address(data: bytes) -> int:
    """The address of the bytes in memory, valid as long as the object lives."""
    import ctypes

    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def config_of(spec: RunSpec, count: int) -> ModelConfig:
    """The model of this spec with `count` parameters, from which the size of the vocabulary
    follows. Raises CheckpointError for a count that no vocabulary leads to."""
    smallest = spec.model.config(1)
    last = parameter_layout(smallest)[-1]
    vocabulary, rest = divmod(count - last.offset - last.size, 2 * smallest.n_embd)
    if rest or vocabulary < 0:
        raise CheckpointError(
            "The checkpoint does not fit",
            f"{count:,} weights cannot be those of a model of its settings.",
        )
    return spec.model.config(1 + vocabulary)


# ---------------------------------------------------------------- reading


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint in a file. Raises CheckpointError, which says what is wrong with the file."""
    source = expanded(path)
    return from_bytes(_read(source), str(source))


def _read(source: Path) -> bytes:
    try:
        if source.is_dir():
            raise CheckpointError("This is a folder", f"{source} is a folder, not a checkpoint.")
        if source.exists() and not source.is_file():
            raise CheckpointError(
                "This is not a file", f"{source} is a pipe, a socket or a device. Choose a file."
            )
        if source.stat().st_size > MAX_BYTES:
            raise CheckpointError("The file is too large", f"{source} is no checkpoint of ours.")
        return source.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(
            "There is no such file", f"{source} does not exist. Check the path."
        ) from None
    except PermissionError:
        raise CheckpointError(
            "The file may not be read", f"You have no permission to read {source}."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError("The file cannot be read", f"{source}: {error}.") from error


def from_bytes(data: bytes, name: str = "the checkpoint") -> Checkpoint:
    """The checkpoint from a file's contents. name: the file, for messages. Raises
    CheckpointError."""
    import safetensors

    metadata = _metadata(data, name)
    try:
        tensors = dict(safetensors.deserialize(data))  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            "The checkpoint is damaged", f"{name} was cut short or altered: {error}."
        ) from error
    try:
        return _assemble(metadata, tensors)
    except (KeyError, ValueError, TypeError, SpecError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError("The checkpoint is damaged", f"{name}: {what}.") from error
    except CheckpointError as error:
        raise CheckpointError(error.title, f"{name}: {error.message}") from error


def _metadata(data: bytes, name: str) -> Mapping[str, str]:
    """The metadata in the header. The library's own reader of it needs a tensor framework."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > min(_MAX_HEADER, len(data)):
            raise ValueError
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (struct.error, ValueError, AttributeError, RecursionError):
        raise CheckpointError(
            "This is not a checkpoint",
            f"{name} is not a .safetensors file, or was cut short. "
            "`microgpt-play train --save` makes one.",
        ) from None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise CheckpointError(
            "This is not a checkpoint of microgpt-play",
            f"{name} is a .safetensors file, but of some other program.",
        )
    version = str(metadata.get("version"))[:20]
    if not version.isdecimal() or int(version) > VERSION:
        raise CheckpointError(
            "The checkpoint is newer than this program",
            f"{name} has format version {version}; this program knows {VERSION}. Update it.",
        )
    return {str(key): str(value) for key, value in metadata.items()}


def _assemble(metadata: Mapping[str, str], tensors: Mapping[str, Any]) -> Checkpoint:
    spec = RunSpec.parse(metadata["spec"])
    vocabulary = tensors["wte"]["shape"][0]
    layout = parameter_layout(spec.model.config(vocabulary))

    def flat(prefix: str) -> bytes:
        parts = []
        for matrix in layout:
            tensor = tensors[prefix + matrix.name]
            if tensor["dtype"] != "F64" or list(tensor["shape"]) != [matrix.rows, matrix.columns]:
                raise CheckpointError(
                    "The checkpoint does not fit",
                    f"{prefix}{matrix.name} is {tensor['dtype']} of shape {tensor['shape']}; its "
                    f"settings want F64 of shape [{matrix.rows}, {matrix.columns}].",
                )
            parts.append(bytes(tensor["data"]))
        return b"".join(parts)

    def series(name: str) -> bytes:
        tensor = tensors.get(f"series.{name}")
        return bytes(tensor["data"]) if tensor else b""

    def pairs(name: str, kind: Callable[[Any], T]) -> tuple[tuple[int, T], ...]:
        given = json.loads(metadata.get(name, "[]"))
        return tuple((int(step), kind(value)) for step, value in given)

    return Checkpoint(
        spec=metadata["spec"],
        step=int(metadata["step"]),
        weights=flat(""),
        first_moment=flat("first_moment."),
        second_moment=flat("second_moment."),
        tokenizer=metadata["tokenizer"],
        gradients=flat("gradients.") if "gradients.wte" in tensors else b"",
        base_learning_rate=float(metadata["base_learning_rate"]),
        tokens_seen=int(metadata.get("tokens_seen", 0)),
        losses=series("losses"),
        learning_rates=series("learning_rates"),
        evaluations=pairs("evaluations", float),
        edits=Edits.pairs(pairs("edits", float), pairs("engines", str)),
        repeatable=json.loads(metadata.get("repeatable", "true")) is not False,
        sampling=sampling_of(json.loads(metadata.get("sampling", "null"))),
        data=metadata.get("data", ""),
        since_step=int(metadata.get("since_step", 0)),
        measured=tuple(
            (name.removeprefix(METRIC), bytes(tensor["data"]))
            for name, tensor in sorted(tensors.items())
            if name.startswith(METRIC) and tensor["dtype"] == "F64"
        ),
    )
