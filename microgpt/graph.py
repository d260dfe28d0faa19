"""Every number that the scalar engine computes for one text, with its family, walked by name.

`gpt` is followed as it runs (trace.py), and each number is noted as it is made. A number's name is
what the run saw first, with its indices: "q layer 0 position 3 [5]". Weights are
"layer0.attn_wq[3][7]"; beside them stand "logits[3][5]", "probs[3][5]", "losses[3]" and "loss",
their mean. For each position of a text the function runs once, as in training.
"""

from __future__ import annotations

import math
import re
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

from microgpt import scalar_engine
from microgpt.autograd import Value
from microgpt.checks import inputs_and_targets
from microgpt.collector import collector_paused
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import parameter_count, parameter_layout
from microgpt.scalar_engine import KVCache, ScalarEngine, Vector
from microgpt.trace import Followed, Gpt, Run, check_size, flat, full_name, names_of, source_of


class NoSuchNumberError(LookupError):
    """No number of the graph bears that name."""


# ---------------------------------------------------------------- the numbers as they are made


class _Noted(Value):
    """A number of which all that is made from it is noted, in the order in which it is made. The
    arithmetic is Value's own."""

    __slots__ = ()


class _Notes:
    """The numbers that are made of _Noted ones, in this order."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.operations: list[str] = []
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Begins with no notes, and leaves none. Another thread waits meanwhile."""
        with self._one_at_a_time:
            self.values, self.operations = [], []
            try:
                yield
            finally:
                self.values, self.operations = [], []


_NOTES = _Notes()


def _noting(operate: Callable[..., Value], operation: str) -> Callable[..., Value]:
    def noted(self: Value, *others: Value | float) -> Value:
        made = operate(self, *others)
        made.__class__ = _Noted
        _NOTES.values.append(made)
        _NOTES.operations.append(operation)
        return made

    return noted


for _name, _operation in {
    "__add__": "+", "__mul__": "×", "__pow__": "power", "log": "log", "exp": "exp", "relu": "relu",
}.items():  # fmt: skip
    setattr(_Noted, _name, _noting(getattr(Value, _name), _operation))


def _sum_values(values: Vector) -> Value:
    """`scalar_engine.sum_values`, of which three or more terms make one number. It adds the floats
    as it adds Values; each term has a derivative of 1, as through the partial sums."""
    if len(values) < 3 or not all(issubclass(kind, Value) for kind in set(map(type, values))):
        return scalar_engine.sum_values(values)
    # The function only adds, so that floats do.
    data = scalar_engine.sum_values([each.data for each in values])  # type: ignore[misc]
    total = _Noted(data, tuple(values), _ones(len(values)))  # type: ignore[arg-type]
    _NOTES.values.append(total)
    _NOTES.operations.append("Σ")
    return total


@lru_cache(maxsize=64)
def _ones(count: int) -> tuple[float, ...]:
    return (1.0,) * count


# ---------------------------------------------------------------- the graph


class Graph:
    """Every number of one document, from the weights to the loss, each with a number of its own.

    Nodes are counted: first the weights in parameter order, then the constants, then all that is
    made, in that order; so the same text and shape of model have the same nodes, whatever the
    weights. A sum of three or more is one node, Σ, without the partial sums. ValueError as for
    `dissect`; TooLargeError before anything is built.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Sequence[float],
        tokens: Sequence[int],
        function: Gpt = ScalarEngine.gpt,
        backward: bool = True,
    ) -> None:
        inputs, targets = inputs_and_targets(tokens, config)
        check_size(estimated_size(config, len(inputs)))
        self.config = config
        self.tokens = inputs
        self._layout = parameter_layout(config)
        self.source = source_of(function)
        with _NOTES.taken(), collector_paused(), Followed(function) as followed:
            followed.replace(scalar_engine.sum_values, _sum_values)
            followed.names["Value"] = _Noted
            softmax, sum_values = followed.names["softmax"], followed.names["sum_values"]
            engine = ScalarEngine(config, OptimizerConfig(), array("d", weights))
            for weight in engine._params:
                weight.__class__ = _Noted
            logits, probs, losses = [], [], []
            cache = KVCache(config.n_layer)
            for position, (token, target) in enumerate(zip(inputs, targets, strict=True)):
                logits.append(followed(engine, token, position, cache))
                probs.append(softmax(logits[-1]))
                losses.append(-probs[-1][target].log())
            mean = sum_values(losses) / len(losses)
            self.runs = followed.runs
            """The statements as they were run, by position."""
            self._bases = {
                "loss": mean, "losses": losses, "probs": probs, "logits": logits,
                **engine._state_dict, **_named(self.runs),
            }  # fmt: skip
            self._count(engine._params, _NOTES.values, _NOTES.operations)
        self.loss = self.number(mean)
        """The node of the loss."""
        self.walked = False
        """True once `backward` has come by."""
        if backward:
            self.backward()

    def _count(
        self, weights: Sequence[Value], made: Sequence[Value], operations: Sequence[str]
    ) -> None:
        """Give each number its own: to the weights, then the constants, then what was made."""
        self._base_of: dict[Value, str] = {}
        """The first of the names under which a number stands, alone or in lists."""
        for base in reversed(self._bases):
            self._base_of.update(dict.fromkeys(flat(self._bases[base]), base))
        self._used = Counter(chain.from_iterable(map(_children, made)))
        """How many nodes are made from each."""
        for children in map(_children, made):
            if _repeats(children):
                self._used.subtract(children)
                self._used.update({*children})
        known = {*weights, *made}
        found = {**self._used, **self._base_of}
        constants = [each for each in found if isinstance(each, Value) and each not in known]
        self._nodes = [*weights, *constants, *made]
        self._operations = [
            *["weight"] * len(weights), *["constant"] * len(constants), *operations,
        ]  # fmt: skip
        self._numbers = dict(zip(self._nodes, range(len(self._nodes)), strict=True))

    def backward(self) -> None:
        """Compute d(loss)/d(node) for every node; from then on there are gradients."""
        if not self.walked:
            self._nodes[self.loss].backward()
            self.walked = True

    def __len__(self) -> int:
        return len(self._nodes)

    def value(self, node: int) -> float:
        """The number itself."""
        return self._at(node).data

    def gradient(self, node: int) -> float | None:
        """d(loss)/d(node); None before `backward` has come by, 0 where the loss does not depend
        on it."""
        return self._at(node).grad if self.walked else None

    def operation(self, node: int) -> str:
        """What made it: "Σ", "+", "×", "exp", "relu", "log", "power", "weight" or "constant"."""
        self._at(node)
        return self._operations[node]

    def children(self, node: int) -> list[tuple[int, float]]:
        """What it is made from, each with d(node)/d(child). A number that is used twice, as in
        x × x, stands there once, with the sum of both.

        The terms of a Σ come with the largest in size first, and nan before all others.
        """
        value = self._at(node)
        found: dict[int, float] = {}
        for child, local in zip(value._children, value._local_grads, strict=True):
            number = self._numbers[child]
            found[number] = found.get(number, 0.0) + local
        if self._operations[node] != "Σ":
            return list(found.items())
        shares = {child: local * self._nodes[child].data for child, local in found.items()}
        largest = sorted(found, key=lambda child: _size_order(shares[child]))
        return [(child, found[child]) for child in largest]

    def children_count(self, node: int) -> int:
        """How many numbers it is made from."""
        return len(set(self._at(node)._children))

    def users(self, node: int) -> list[int]:
        """The nodes that are made from it, in the order in which they were made."""
        value = self._at(node)
        return [user for user, below in enumerate(map(_children, self._nodes)) if value in below]

    def users_count(self, node: int) -> int:
        """How many nodes are made from it."""
        return self._used[self._at(node)]

    def name(self, node: int) -> str:
        """The name by which `find` finds it; "" for a number that never had one."""
        value = self._at(node)
        if self._operations[node] == "weight":
            spec = next(each for each in self._layout if node < each.offset + each.size)
            return full_name(spec.name, divmod(node - spec.offset, spec.columns))
        base = self._base_of.get(value)
        return "" if base is None else full_name(base, _path(self._bases[base], value) or ())

    def find(self, name: str) -> int:
        """The node of that name. NoSuchNumberError, a LookupError, if there is none."""
        match = _NAME.fullmatch(name.strip()) if len(name) <= _LONGEST else None
        found = self._bases.get(match["base"].rstrip()) if match else None
        for index in _INDEX.findall(match["path"]) if match else ():
            inside = isinstance(found, list) and int(index) < len(found)
            found = found[int(index)] if inside else None  # type: ignore[index]
        if not isinstance(found, Value):
            raise NoSuchNumberError(
                f"there is no number called {name[:_LONGEST]!r} in this text's graph"
            )
        return self._numbers[found]

    def number(self, value: Value) -> int:
        """The node of a Value that a run shows. KeyError for one of another graph."""
        return self._numbers[value]

    def _at(self, node: int) -> Value:
        if not 0 <= node < len(self._nodes):
            raise IndexError(f"there is no number {node}: they are 0 ... {len(self._nodes) - 1}")
        return self._nodes[node]


_children: Callable[[Value], tuple[Value, ...]] = attrgetter("_children")


def _repeats(children: tuple[Value, ...]) -> bool:
    """True for x in x × x."""
    if len(children) == 2:
        return children[0] is children[1]
    return len(children) > 2 and len({*children}) < len(children)


def estimated_size(config: ModelConfig, length: int) -> int:
    """About how many numbers the forward pass makes for `length` positions, without making any."""
    run = sum(_size_at(config, position) for position in range(length))
    return parameter_count(config) + run


def _size_at(config: ModelConfig, position: int) -> int:
    """About how many numbers one position makes: one for each weight that it meets and each output
    of a matrix, and more for each position that a head reads."""
    n_embd, read = config.n_embd, position + 1
    norm, attention = 2 * n_embd, 2 * n_embd * read + 8 * config.n_head * read
    layer = 12 * n_embd**2 + attention + 2 * norm + 16 * n_embd
    last = config.vocab_size * n_embd + 6 * config.vocab_size
    return 3 * n_embd + config.n_layer * layer + last


_LONGEST = 500
"""Characters of a name that are read; no name is as long."""
_NAME = re.compile(r"(?P<base>.*?)(?P<path>(?:\[[0-9]{1,9}\])*)", re.DOTALL)
_INDEX = re.compile(r"[0-9]+")


def _size_order(number: float) -> tuple[bool, float]:
    """Sorts the largest in size first, and nan before all others."""
    return not math.isnan(number), -abs(number)


def _named(runs: Sequence[Sequence[Run]]) -> dict[str, Any]:
    """What the runs of each position made, by its full name without indices."""
    return {
        name: made.value
        for position, own in enumerate(runs)
        for run, names in zip(own, names_of(own, position), strict=True)
        for made, name in zip(run.made, names, strict=True)
        if name
    }


def _path(within: Any, value: Value) -> tuple[int, ...] | None:
    """The indices of a number in nested lists; None if it is not there."""
    if within is value:
        return ()
    for index, each in enumerate(within if isinstance(within, list) else ()):
        path = _path(each, value)
        if path is not None:
            return (index, *path)
    return None
