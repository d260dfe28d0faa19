"""Surgery on a model: one part is taken out, set by hand, or put in from another model.

All that a model has learnt is one flat row of weights (see `parameters`). A `Component` names some
of these weights, and an `Operation` says what these become. So an operation is a plain value: it
can be written down, done to any engine through `Engine.read` and `Engine.write`, done again, and
undone by writing back what was there.

What is taken out is set to 0. For a head that means its columns of attn_wo, and for a hidden neuron
its column of mlp_fc2: the part still computes, and nothing of what it finds is written into the
residual stream. Source: Michel et al. 2019, "Are Sixteen Heads Really Better than One?"
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from microgpt.checks import check_length
from microgpt.config import PARTS, ModelConfig, ModelPart, absent
from microgpt.parameters import MatrixSpec, parameter_layout

ComponentKind = Literal["head", "neuron", "position", "token", "matrix", "weight"]

_KINDS: tuple[ComponentKind, ...] = get_args(ComponentKind)
_PARTS: dict[ComponentKind, ModelPart] = {
    "head": "attention",
    "neuron": "mlp",
    "position": "positions",
}
"""The part of the model that has the components of a kind, where it can be left out."""
_INDEX = "(0|[1-9][0-9]{0,8})"
_IN_LAYER = re.compile(rf"{_INDEX}\.{_INDEX}", re.ASCII)
_ALONE = re.compile(_INDEX, re.ASCII)
_MATRIX = re.compile("[a-z0-9_.]{1,100}", re.ASCII)
_WEIGHT = re.compile(rf"({_MATRIX.pattern})\[{_INDEX},{_INDEX}\]", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE
)
_BETWEEN = "; "
"""Stands between the operations of a text."""
_NAMED = 3
"""Operations that are named one by one in words."""
_EXAMPLES = "head:0.2, neuron:0.17, position:3, token:5, matrix:wpe or weight:wte[4,1]=0.5"


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the model that can be operated on."""

    kind: ComponentKind
    layer: int = -1
    """The layer of a head or neuron, counted from 0."""
    index: int = -1
    """The head of its layer, the hidden neuron, the position, the token's id, or a weight's row,
    counted from 0."""
    matrix: str = ""
    """The name of a matrix, or of the matrix of a weight."""
    column: int = -1
    """The column of a weight."""

    def __str__(self) -> str:
        """As `component_of` reads it: "head:0.2" is head 2 of layer 0."""
        match self.kind:
            case "head" | "neuron":
                return f"{self.kind}:{self.layer}.{self.index}"
            case "position" | "token":
                return f"{self.kind}:{self.index}"
            case "matrix":
                return f"matrix:{self.matrix}"
            case "weight":
                return f"weight:{self.matrix}[{self.index},{self.column}]"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the weights of a component become."""

    component: Component
    values: tuple[float, ...] = (0.0,)
    """One number for all weights of the component, or as many numbers as it has weights, in the
    order of `weights_of`."""

    def __str__(self) -> str:
        """As `operation_of` reads it: every value with all its digits."""
        if self.values == (0.0,) and self.component.kind != "weight":
            return str(self.component)
        return f"{self.component}={','.join(map(repr, self.values))}"


@dataclass(frozen=True, slots=True)
class HeadWrite:
    """What a head writes in the place of what it finds: the mean of what it writes on other texts,
    or what it writes on one of them. No weights do that, so `dissect` alone can show it.

    Source: Chan et al. 2022, "Causal Scrubbing", resampling ablation.
    """

    layer: int
    head: int
    rows: Sequence[Sequence[float]]
    """What is written at each position, C numbers each; the last row serves the positions after
    it, so that one row serves all."""


def component_of(text: str, config: ModelConfig | None = None) -> Component:
    """The component that the text names, as "head:0.2" for head 2 of layer 0.

    ValueError, in words, for a text that names none and for a component that this model has not;
    without a model, any component that some model may have is taken.
    """
    kind, _, rest = text.strip().partition(":")
    component = _read(kind, rest)
    if component is None:
        raise ValueError(f"{_excerpt(text)} names no part of a model; write {_EXAMPLES}")
    if config is not None:
        _check(component, config)
    return component


def operation_of(text: str, config: ModelConfig | None = None) -> Operation:
    """The operation that the text describes: a component alone is taken out, and after "=" stands
    the number that its weights become, or a number for each of them with commas between.

    ValueError, in words, as of `component_of`, for what is no finite number, and for another count
    of numbers than the component has weights.
    """
    name, equals, numbers = text.partition("=")
    component = component_of(name, config)
    if not equals:
        if component.kind == "weight":
            raise ValueError(f"{component} needs a value, as in {component}=0.5")
        return Operation(component)
    values = tuple(_number(one) for one in numbers.split(","))
    if len(values) > 1 and (config is not None or component.kind == "weight"):
        count = len(weights_of(component, config)) if config is not None else 1
        if len(values) != count:
            raise _another_count(component, count, values)
    return Operation(component, values)


def operations_of(text: str, config: ModelConfig | None = None) -> tuple[Operation, ...]:
    """The operations of a text, in order, as `written` writes them; none in an empty text.

    ValueError, in words, as of `operation_of`.
    """
    return tuple(operation_of(one, config) for one in text.split(_BETWEEN)) if text else ()


def written(operations: Sequence[Operation]) -> str:
    """The operations as one text: "head:0.2; weight:wte[4,1]=0.5"."""
    return _BETWEEN.join(map(str, operations))


def weights_of(component: Component, config: ModelConfig) -> list[int]:
    """The indices of the component's weights in the flat order, row by row.

    A head has its columns of attn_wo, C × D weights, and a neuron its column of mlp_fc2, C weights.
    ValueError for a component that this model has not.
    """
    _check(component, config)
    layer, index, head_dim = f"layer{component.layer}", component.index, config.head_dim
    match component.kind:
        case "head":
            columns = range(index * head_dim, (index + 1) * head_dim)
            return _block(_matrix(config, f"{layer}.attn_wo"), None, columns)
        case "neuron":
            return _block(_matrix(config, f"{layer}.mlp_fc2"), None, range(index, index + 1))
        case "position":
            return _block(_matrix(config, "wpe"), range(index, index + 1), None)
        case "token":
            return _block(_matrix(config, "wte"), range(index, index + 1), None)
        case "matrix":
            return _block(_matrix(config, component.matrix), None, None)
        case "weight":
            column = component.column
            return _block(
                _matrix(config, component.matrix),
                range(index, index + 1),
                range(column, column + 1),
            )


def operate(
    config: ModelConfig, weights: Sequence[float], operations: Sequence[Operation]
) -> array[float]:
    """A copy of the flat weights on which the operations were done, one after the other.

    ValueError for another number of weights than the model has, for a component that it has not,
    and for values that are neither one nor as many as the component's weights.
    """
    check_length(weights, config)
    found = array("d", weights)
    for operation in operations:
        places, values = weights_of(operation.component, config), operation.values
        if len(values) == 1:
            values = values * len(places)
        if len(values) != len(places):
            raise _another_count(operation.component, len(places), values)
        for place, value in zip(places, values, strict=True):
            found[place] = value
    return found


def transplant(component: Component, config: ModelConfig, weights: Sequence[float]) -> Operation:
    """The operation that puts in the component as it is in other weights of the same shape.

    ValueError as of `operate`.
    """
    check_length(weights, config)
    return Operation(component, tuple(weights[place] for place in weights_of(component, config)))


def components(config: ModelConfig) -> Iterator[Component]:
    """All that can be ranked by what it would cost to take it out: every head, hidden neuron,
    matrix and position that the model has, in this order."""
    layers, parts = range(config.n_layer), config.parts
    for layer in layers if "attention" in parts else ():
        yield from (Component("head", layer, head) for head in range(config.n_head))
    for layer in layers if "mlp" in parts else ():
        yield from (Component("neuron", layer, unit) for unit in range(4 * config.n_embd))
    yield from (Component("matrix", matrix=spec.name) for spec in parameter_layout(config))
    if "positions" in parts:
        yield from (Component("position", index=index) for index in range(config.block_size))


# ---------------------------------------------------------------- in words


def words_of(component: Component) -> str:
    """A component as a person calls it: "head 2 of layer 0"."""
    match component.kind:
        case "head" | "neuron":
            return f"{component.kind} {component.index} of layer {component.layer}"
        case "position" | "token":
            return f"{component.kind} {component.index}"
        case "matrix":
            return component.matrix
        case "weight":
            return f"{component.matrix}[{component.index},{component.column}]"


def done(operations: Sequence[Operation]) -> str:
    """What operations did: "head 2 of layer 0 cut"."""
    return _listed([_done(one) for one in operations])


def held(operations: Sequence[Operation]) -> str:
    """What is held: "head 2 of layer 0 at 0"."""
    return _listed([_held(one) for one in operations])


def named(operations: Sequence[Operation]) -> str:
    """The components of operations: "head 2 of layer 0"."""
    return _listed([words_of(one.component) for one in operations])


def _done(operation: Operation) -> str:
    name, values = words_of(operation.component), operation.values
    if len(values) > 1:
        return f"{name} put in"
    if values[0] == 0 and operation.component.kind != "weight":
        return f"{name} cut"
    return f"{name} set to {values[0]:g}"


def _held(operation: Operation) -> str:
    name, values = words_of(operation.component), operation.values
    return f"{name} at given values" if len(values) > 1 else f"{name} at {values[0]:g}"


def _listed(words: Sequence[str]) -> str:
    shown, more = ", ".join(words[:_NAMED]), len(words) - _NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


# ---------------------------------------------------------------- the parts of a text


def _read(kind: str, rest: str) -> Component | None:
    if kind in ("head", "neuron") and (found := _IN_LAYER.fullmatch(rest)):
        return Component(_kind(kind), int(found[1]), int(found[2]))
    if kind in ("position", "token") and (found := _ALONE.fullmatch(rest)):
        return Component(_kind(kind), index=int(found[1]))
    if kind == "matrix" and _MATRIX.fullmatch(rest):
        return Component("matrix", matrix=rest)
    if kind == "weight" and (found := _WEIGHT.fullmatch(rest)):
        return Component("weight", index=int(found[2]), matrix=found[1], column=int(found[3]))
    return None


def _number(text: str) -> float:
    """The finite number that a text writes. ValueError for another text."""
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{_excerpt(text)} is no number that a weight can be")
    return value


def _another_count(component: Component, count: int, values: Sequence[float]) -> ValueError:
    return ValueError(f"{component} has {count:,} weights, and not {len(values):,}")


def _excerpt(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _kind(text: str) -> ComponentKind:
    return next(kind for kind in _KINDS if kind == text)


def _check(component: Component, config: ModelConfig) -> None:
    """ValueError if the model has no such component."""
    kind, index = component.kind, component.index
    part = _PARTS.get(kind)
    if part is not None and part not in config.parts:
        raise ValueError(f"there is no {component}: {absent(part)}")
    if kind in ("head", "neuron"):
        _within(component.layer, config.n_layer, "layer")
        _within(index, config.n_head if kind == "head" else 4 * config.n_embd, kind)
    elif kind == "position":
        _within(index, config.block_size, kind)
    elif kind == "token":
        _within(index, config.vocab_size, kind)
    else:
        spec = _matrix(config, component.matrix)
        if kind == "weight":
            _within(index, spec.rows, f"row of {spec.name}")
            _within(component.column, spec.columns, f"column of {spec.name}")


def _within(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise ValueError(f"there is no {what} {index}: they are 0 ... {count - 1}")


def _matrix(config: ModelConfig, name: str) -> MatrixSpec:
    layout = parameter_layout(config)
    for spec in layout:
        if spec.name == name:
            return spec
    whole = parameter_layout(replace(config, parts=PARTS))
    if any(spec.name == name for spec in whole):
        of_layer: ModelPart = "attention" if ".attn_" in name else "mlp"
        missing: ModelPart = "positions" if name == "wpe" else of_layer
        raise ValueError(f"there is no matrix {name!r}: {absent(missing)}")
    known = ", ".join(spec.name for spec in layout[:9])
    raise ValueError(f"there is no matrix {name!r}: {known}" + (" ..." if len(layout) > 9 else ""))


def _block(spec: MatrixSpec, rows: range | None, columns: range | None) -> list[int]:
    """The flat indices of some rows and columns of a matrix; None for all."""
    return [
        spec.offset + row * spec.columns + column
        for row in (range(spec.rows) if rows is None else rows)
        for column in (range(spec.columns) if columns is None else columns)
    ]
