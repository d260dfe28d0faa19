"""Checkpoints on disk: one .safetensors file, which other tools read too.

All tensors are float64. Those of the model are named as Karpathy's matrices (wte, wpe, lm_head,
layer0.attn_wq ...); first_moment.* and second_moment.* are Adam's, gradients.* are for the screen.
before.* are the weights as the last step left them, in a file whose weights were operated on after
that step. series.losses and series.learning_rates are the series; metric.* has a (step, value) pair
in each row. Everything else is text in the header's metadata.

A file whose run was operated on has version 2, so that an earlier version of this program, which
would go on without what is held, refuses it. All other files have version 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from microgpt.config import ModelConfig
from microgpt.parameters import MatrixSpec, parameter_count, parameter_layout
from microgpt.shell import shell_word
from playground.files import NoFileError, open_file, write_whole
from playground.hooks.errors import one_line
from playground.hooks.sources import expanded
from playground.lab.edits import WEIGHTS, EditedField, Edits, edit_of, rate_of
from playground.lab.floats import as_bytes as as_bytes
from playground.lab.floats import check_pairs, check_second_moment, floats_of
from playground.lab.paths import hindrance, target_of
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import sampling_of
from playground.lab.spec import MAX_PARAMETERS, MAX_STEPS, MAX_VOCABULARY, RunSpec
from playground.strict import (
    Refusal,
    fields,
    flag,
    items,
    name_of,
    number,
    parsed,
    shown,
    text_of,
    whole,
    written_whole,
)

FORMAT = "microgpt-play"
VERSION = 2
METRIC = "metric."
_BEFORE = "before."
MAX_HEADER = 32 << 20
"""Bytes of the longest header; half as many if not all is ASCII, which takes more memory."""
_EDITED: Mapping[str, EditedField] = {
    "edits": "learning_rate",
    "engines": "engine",
    "surgery": "surgery",
    "hold": "hold",
}
"""The field of edits by the name of the text that has them in the header."""
_METRICS = 1000
_EDITS = 10_000
_EVALUATIONS = 1_000_000
_ON_DEMAND = 1_000_000
"""Batches of samples that a metric measured because a person asked for them, at most."""
_DAMAGED = "The checkpoint is damaged"


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
        raise CheckpointError(_DAMAGED, "It ends in the middle of a number.") from None


def pairs_of(data: bytes) -> list[tuple[int, float]]:
    """(step, value) pairs from float64 bytes. Raises CheckpointError for other numbers."""
    values = as_array(data)
    try:
        check_pairs(values, MAX_STEPS)
    except Refusal as error:
        raise CheckpointError(_DAMAGED, f"{error}.") from None
    return [(int(step), value) for step, value in zip(values[::2], values[1::2], strict=True)]


# ---------------------------------------------------------------- writing


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> Path:
    """Write a checkpoint whole or not at all; a file of that name is replaced in one go.

    Returns the path. Raises CheckpointError.
    """
    target = check_place(path)
    parts = _parts(checkpoint)
    with _explained(target):
        write_whole(target, *parts, durable=True)
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
    return b"".join(_parts(checkpoint))


def _parts(checkpoint: Checkpoint) -> list[bytes | memoryview]:
    """The contents of a checkpoint's file, in parts. The numbers of a large model are not copied,
    which the safetensors library would do twice; it reads the file all the same."""
    spec = RunSpec.parse(checkpoint.spec)
    parts: list[bytes | memoryview] = []
    header: dict[str, object] = {}
    place = 0

    def add(name: str, data: bytes | memoryview, *shape: int) -> None:
        nonlocal place
        if data:
            parts.append(data)
            offsets = [place, place + len(data)]
            header[name] = {"dtype": "F64", "shape": shape, "data_offsets": offsets}
            place += len(data)

    config = config_of(spec, len(checkpoint.weights) // 8)
    for prefix, data in (
        ("", checkpoint.weights),
        ("first_moment.", checkpoint.first_moment),
        ("second_moment.", checkpoint.second_moment),
        ("gradients.", checkpoint.gradients),
        (_BEFORE, checkpoint.before),
    ):
        numbers = memoryview(data)
        for matrix in parameter_layout(config):
            part = numbers[8 * matrix.offset : 8 * (matrix.offset + matrix.size)]
            add(prefix + matrix.name, part, matrix.rows, matrix.columns)
    add("series.losses", checkpoint.losses, len(checkpoint.losses) // 8)
    add("series.learning_rates", checkpoint.learning_rates, len(checkpoint.learning_rates) // 8)
    for label, pairs in checkpoint.measured:
        add(METRIC + label, pairs, len(pairs) // 16, 2)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION if checkpoint.edits.surgical else 1),
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
    metadata |= {
        field: json.dumps(made) for field in WEIGHTS if (made := checkpoint.edits.of_field(field))
    }
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8
    return [len(text).to_bytes(8, "little"), text, *parts]


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
    try:
        file, size = open_file(source)
        with file:
            return _read(file, size, str(source))
    except NoFileError as error:
        if error.folder:
            raise CheckpointError(
                "This is a folder", f"{source} is a folder, not a checkpoint."
            ) from None
        raise CheckpointError(
            "This is not a file", f"{source} is a pipe, a socket or a device. Choose a file."
        ) from None
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
    return _read(io.BytesIO(data), len(data), name)


def _read(file: BinaryIO, size: int, name: str) -> Checkpoint:
    """The checkpoint in an open file of `size` bytes. The file may be anybody's: all that its
    header says is checked before the numbers behind it are read. Raises CheckpointError,
    OSError."""
    header, begin = _header(file, size, name)
    metadata = _metadata(header, name)
    try:
        places = _places(header, size - begin)
        return _assemble(metadata, _Tensors(file, begin, places))
    except CheckpointError as error:
        raise CheckpointError(error.title, one_line(f"{name}: {error.message}")) from error
    except ValueError as error:  # Refusal and SpecError are ValueErrors
        raise CheckpointError(_DAMAGED, one_line(f"{name}: {error}") + ".") from error


def _header(file: BinaryIO, size: int, name: str) -> tuple[dict[str, Any], int]:
    """(the header, the place of the first number). Raises CheckpointError, OSError."""
    length = int.from_bytes(file.read(8), "little")
    data = file.read(length) if length <= min(MAX_HEADER, size - 8) else b""
    why = ""
    if data[:1] == b"{" and len(data) == length and (length <= MAX_HEADER // 2 or data.isascii()):
        try:
            header = parsed(data.decode(), "the header", most=MAX_HEADER)
            return fields(header, "the header"), 8 + length
        except ValueError as error:
            why = f": {error}" if isinstance(error, Refusal) else ""
    raise CheckpointError(
        "This is not a checkpoint",
        f"{name} is not a .safetensors file, or was cut short{one_line(why)}. "
        "`microgpt-play train --save` makes one.",
    )


def _metadata(header: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """The metadata in the header: texts by name. Raises CheckpointError."""
    metadata = header.get("__metadata__")
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
    return metadata


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor lies behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _places(header: Mapping[str, Any], size: int) -> dict[str, _Place]:
    """The place of each tensor. Raises Refusal unless the tensors fill the `size` bytes behind the
    header, one behind the other."""
    places: dict[str, _Place] = {}
    for name, given in header.items():
        if name == "__metadata__":
            continue
        of = fields(given, f"the tensor {name!r}", "dtype", "shape", "data_offsets")
        shape, offsets = (
            tuple(whole(one, f"{field} of {name!r}") for one in items(of[field], field, 8))
            for field in ("shape", "data_offsets")
        )
        if len(offsets) != 2:
            raise Refusal(f"data_offsets of {name!r} are not two")
        places[name] = _Place(text_of(of["dtype"], f"dtype of {name!r}", 20), shape, *offsets)
    at = 0
    for name, place in sorted(places.items(), key=lambda one: (one[1].begin, one[1].end)):
        if place.begin != at or place.end < at:
            raise Refusal(f"the tensor {name!r} is out of place")
        if place.dtype == "F64" and place.end - place.begin != 8 * math.prod(place.shape):
            raise Refusal(f"the tensor {name!r} has not the bytes of its shape")
        at = place.end
    if at != size:
        raise Refusal(f"it was cut short or altered: it has {size:,} bytes of numbers, not {at:,}")
    return places


@dataclasses.dataclass(frozen=True, slots=True)
class _Tensors:
    """The numbers in an open file, read when they are asked for."""

    file: BinaryIO
    begin: int
    """The place of the first number in the file."""
    places: Mapping[str, _Place]

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def fitting(self, name: str, rows: int, columns: int) -> _Place:
        """The place of a matrix of this shape. Raises CheckpointError, Refusal."""
        place = self.places.get(name)
        if place is None:
            raise Refusal(f"{name!r} is missing")
        if place.dtype != "F64" or place.shape != (rows, columns):
            raise CheckpointError(
                "The checkpoint does not fit",
                f"{name} is {place.dtype} of shape {list(place.shape)}; its settings want F64 of "
                f"shape [{rows}, {columns}].",
            )
        return place

    def series(self, name: str, width: int, most: int) -> bytes:
        """The bytes of the first rows of `width` numbers, `most` rows at most; none if there is no
        such tensor. Raises Refusal, OSError."""
        place = self.places.get(name)
        if place is None:
            return b""
        if place.dtype != "F64" or place.shape != (place.shape[:1] + (width,) * (width > 1)):
            raise Refusal(f"{name} is {place.dtype} of shape {list(place.shape)}")
        return self.data(place, 8 * width * most)

    def data(self, place: _Place, most: int | None = None) -> bytes:
        """The bytes of a tensor, the first `most` of them. Raises Refusal for a file that was cut
        meanwhile, OSError."""
        size = place.end - place.begin
        size = size if most is None else min(size, most)
        self.file.seek(self.begin + place.begin)
        data = self.file.read(size)
        if len(data) < size:
            raise Refusal("it was cut short")
        return data


def _assemble(metadata: Mapping[str, str], tensors: _Tensors) -> Checkpoint:
    """The checkpoint. Raises CheckpointError; Refusal and SpecError, which are ValueErrors."""

    def said(name: str, default: str | None = None, most: int = MAX_HEADER) -> str:
        value = metadata.get(name, default)
        if value is None:
            raise Refusal(f"{name!r} is missing")
        return text_of(value, name, most)

    spec = RunSpec.recorded(said("spec"))
    layout = _layout(spec, tensors)
    step = written_whole(said("step"), "step", most=spec.steps)
    since = written_whole(said("since_step", "0"), "since_step", most=step)
    steps = spec.steps - since  # a future beyond the end, as a fork may have, is of no use
    prefixes = ["", "first_moment.", "second_moment."]
    prefixes += [one for one in ("gradients.", _BEFORE) if f"{one}wte" in tensors]
    places = {
        prefix: [
            tensors.fitting(prefix + matrix.name, matrix.rows, matrix.columns) for matrix in layout
        ]
        for prefix in prefixes
    }
    parsed(said("tokenizer"), "its tokenizer", nan=True)
    values = {prefix: b"".join(map(tensors.data, of_all)) for prefix, of_all in places.items()}
    check_second_moment(as_array(values["second_moment."]))
    series = [tensors.series(f"series.{one}", 1, steps) for one in ("losses", "learning_rates")]
    if len(series[0]) != len(series[1]):
        raise Refusal("it has not as many losses as learning rates")
    labels = [name for name in sorted(tensors.places) if name.startswith(METRIC)]
    if len(labels) > _METRICS:
        raise Refusal(f"it has {len(labels):,} metrics; {_METRICS:,} are the most")
    measured = []
    for name in labels:
        label, data = name.removeprefix(METRIC), tensors.series(name, 2, steps + _ON_DEMAND)
        check_pairs(as_array(data), MAX_STEPS)
        measured.append((name_of(label, "the label of a metric"), data))
    return Checkpoint(
        spec=spec.to_json(),
        step=step,
        weights=values[""],
        first_moment=values["first_moment."],
        second_moment=values["second_moment."],
        tokenizer=said("tokenizer"),
        gradients=values.get("gradients.", b""),
        before=values.get(_BEFORE, b""),
        base_learning_rate=rate_of(
            _decimal(said("base_learning_rate", most=40), "base_learning_rate")
        ),
        tokens_seen=written_whole(said("tokens_seen", "0"), "tokens_seen"),
        losses=series[0],
        learning_rates=series[1],
        evaluations=tuple(
            (at, number(loss, "a held-out loss", nan=True))
            for at, loss in _pairs(said("evaluations", "[]"), "evaluations", _EVALUATIONS)
        ),
        edits=Edits.of(
            edit_of(at, field, value)
            for name, field in _EDITED.items()
            for at, value in _pairs(said(name, "[]"), name)
        ),
        repeatable=flag(parsed(said("repeatable", "true"), "repeatable"), "repeatable"),
        sampling=sampling_of(parsed(said("sampling", "null"), "sampling")),
        data=said("data", "", most=200),
        since_step=since,
        measured=tuple(measured),
    )


def _layout(spec: RunSpec, tensors: _Tensors) -> tuple[MatrixSpec, ...]:
    """The matrices of the model, whose vocabulary is that of `wte`. Raises Refusal for a model
    that is too large."""
    place = tensors.places.get("wte")
    if place is None or not place.shape:
        raise Refusal("'wte' is missing")
    vocabulary = whole(place.shape[0], "its vocabulary", 1, MAX_VOCABULARY)
    config = spec.model.config(vocabulary)
    if parameter_count(config) > MAX_PARAMETERS:
        raise Refusal(f"a model of its settings has more than {MAX_PARAMETERS:,} parameters")
    return parameter_layout(config)


def _pairs(text: str, name: str, most: int = _EDITS) -> Iterator[tuple[int, Any]]:
    """The (step, value) pairs in a JSON text, `most` at most. Raises Refusal."""
    step = f"a step in {name}"
    for pair in items(parsed(text, name, values=4 * most, nan=True), name, most):
        if type(pair) is not list or len(pair) != 2:
            raise Refusal(f"one of {name} is no step with a value")
        yield whole(pair[0], step, most=MAX_STEPS), pair[1]


def _decimal(text: str, name: str) -> float:
    """The number that a text writes. Raises Refusal."""
    with contextlib.suppress(ValueError):
        if text.isascii() and "_" not in text:
            return float(text)
    raise Refusal(f"{name} is {shown(text)}, not a number")
