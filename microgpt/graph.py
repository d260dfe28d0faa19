"""Every number that the scalar engine computes for one text, with its family, walked by name.

`gpt` is followed as it runs (trace.py), and what it does is noted number by number (tape.py). A
number's name is what the run saw first, with its indices: "q layer 0 position 3 [5]". Weights are
"layer0.attn_wq[3][7]"; beside them stand "logits[3][5]", "probs[3][5]", "losses[3]" and "loss",
their mean. For each position of a text the function runs once, as in training.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from microgpt.checks import check_length, inputs_and_targets
from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count, parameter_layout
from microgpt.scalar_engine import ScalarEngine
from microgpt.tape import Tape
from microgpt.trace import Gpt, check_size, full_name


class NoSuchNumberError(LookupError):
    """No number of the graph bears that name."""


class Graph:
    """Every number of one document, from the weights to the loss, each with a number of its own.

    Nodes are counted: first the weights in parameter order, then all that is made, in that order,
    and each constant before the first number that is made from it. So the same text and shape of
    model have the same nodes, whatever the weights. A sum of three or more is one node, Σ, without
    the partial sums. ValueError as for `dissect`; TooLargeError before anything is built.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Sequence[float],
        tokens: Sequence[int],
        function: Gpt = ScalarEngine.gpt,
        backward: bool = True,
        tape: Tape | None = None,
    ) -> None:
        """tape: of an earlier graph of the same model and function, which saves most of the work;
        it learns what it does not know yet."""
        self.tokens, self._targets = inputs_and_targets(tokens, config)
        check_size(estimated_size(config, len(self.tokens)))
        check_length(weights, config)
        self.config = config
        self._layout = parameter_layout(config)
        self.tape = Tape(config, function) if tape is None else tape
        self.tape.note(weights, self.tokens)
        self.source = self.tape.source
        self.runs = self.tape.runs[: len(self.tokens)]
        """The statements as they were run while the tape noted them, by position."""
        self._end = self.tape.end(len(self.tokens))
        self._mean = self.tape.mean(len(self.tokens))
        self._values = self.tape.forward(weights, self.tokens, self._targets)
        self._gradients: list[float] | None = None
        self.loss = len(self) - 1
        """The node of the loss."""
        if backward:
            self.backward()

    def backward(self) -> None:
        """Compute d(loss)/d(node) for every node; from then on there are gradients."""
        if not self.walked:
            self._gradients = self.tape.backward(self._values, self.tokens, self._targets)

    @property
    def walked(self) -> bool:
        """True once `backward` has come by."""
        return self._gradients is not None

    def __len__(self) -> int:
        return len(self._values.data)

    def value(self, node: int) -> float:
        """The number itself."""
        self._check(node)
        return self._values.data[node]

    def gradient(self, node: int) -> float | None:
        """d(loss)/d(node); None before `backward` has come by, 0 where the loss does not depend
        on it."""
        self._check(node)
        if self._gradients is None:
            return None
        if node >= self.tape.weight_count:
            return self._gradients[node]
        total = 0.0
        for user in reversed(self.users(node)):
            # Once for each time that the user has it as a child, as `Value.backward` comes by.
            for child, local in zip(self._children(user), self._locals(user), strict=True):
                if child == node:
                    total += local * self._gradients[user]
        return total

    def operation(self, node: int) -> str:
        """What made it: "Σ", "+", "×", "exp", "relu", "log", "power", "weight" or "constant"."""
        self._check(node)
        if node < self.tape.weight_count:
            return "weight"
        if node >= self._end:
            return self._mean.operations[node - self._end]
        return self.tape.operation(node)

    def children(self, node: int) -> list[tuple[int, float]]:
        """What it is made from, each with d(node)/d(child). A number that is used twice, as in
        x × x, stands there once, with the sum of both.

        The terms of a Σ come with the largest in size first, and nan before all others.
        """
        found: dict[int, float] = {}
        for child, local in zip(self._children(node), self._locals(node), strict=True):
            found[child] = found.get(child, 0.0) + local
        if self.operation(node) != "Σ":
            return list(found.items())
        shares = {child: local * self._values.data[child] for child, local in found.items()}
        largest = sorted(found, key=lambda child: _size_order(shares[child]))
        return [(child, found[child]) for child in largest]

    def children_count(self, node: int) -> int:
        """How many numbers it is made from."""
        return len({*self._children(node)})

    def users(self, node: int) -> list[int]:
        """The nodes that are made from it, in the order in which they were made."""
        self._check(node)
        if node >= self._end:
            return self._users_in_mean(node)
        found = list(self.tape.users(node))
        for alias in self.tape.aliases(node, self.tokens, self._targets):
            found += self.tape.users(alias)
        return sorted({user for user in found if user < self._end}) + self._users_in_mean(node)

    def users_count(self, node: int) -> int:
        """How many nodes are made from it."""
        return len(self.users(node))

    def name(self, node: int) -> str:
        """The name by which `find` finds it; "" for a number that never had one."""
        if self.operation(node) == "weight":
            spec = next(each for each in self._layout if node < each.offset + each.size)
            return full_name(spec.name, divmod(node - spec.offset, spec.columns))
        if node >= self._end:
            return "loss" if node == self.loss else ""
        base = self.tape.name_of.get(node)
        return "" if base is None else full_name(base, _path(self.tape.names[base], node) or ())

    def find(self, name: str) -> int:
        """The node of that name. NoSuchNumberError, a LookupError, if there is none."""
        if name.strip() == "loss":
            return self.loss
        match = _NAME.fullmatch(name.strip()) if len(name) <= _LONGEST else None
        found = self.tape.names.get(match["base"].rstrip()) if match else None
        for index in _INDEX.findall(match["path"]) if match else ():
            inside = isinstance(found, list) and int(index) < len(found)
            found = found[int(index)] if inside else None  # type: ignore[index]
        if isinstance(found, int):
            if found < 0:
                found = self.tape.child(found, self.tokens, self._targets)
            if found < self._end:
                return found
        raise NoSuchNumberError(
            f"there is no number called {name[:_LONGEST]!r} in this text's graph"
        )

    def _children(self, node: int) -> Sequence[int]:
        """As they stand in the operation: x × x has two."""
        self._check(node)
        if node < self.tape.weight_count:
            return ()
        if node >= self._end:
            return self._mean.children[node - self._end]
        return [
            child if child >= 0 else self.tape.child(child, self.tokens, self._targets)
            for child in self.tape.children(node)
        ]

    def _locals(self, node: int) -> Sequence[float]:
        """d(node)/d(child) for each of them."""
        children = self._children(node)
        match self.operation(node):
            case "+" | "Σ":
                return [1.0] * len(children)
            case "×":
                return [self._values.data[child] for child in reversed(children)]
            case "weight" | "constant":
                return ()
        return [self._values.slopes[node]]

    def _users_in_mean(self, node: int) -> list[int]:
        return [
            self._end + place
            for place, children in enumerate(self._mean.children)
            if node in children
        ]

    def _check(self, node: int) -> None:
        if not 0 <= node < len(self):
            raise IndexError(f"there is no number {node}: they are 0 ... {len(self) - 1}")


def estimated_size(config: ModelConfig, length: int) -> int:
    """About how many numbers the forward pass makes for `length` positions, without making any."""
    run = sum(_size_at(config, position) for position in range(length))
    return parameter_count(config) + run


def _size_at(config: ModelConfig, position: int) -> int:
    """About how many numbers one position makes: one for each weight that it meets and each output
    of a matrix, and more for each position that a head reads."""
    n_embd, read, parts = config.n_embd, position + 1, config.parts
    norm = 2 * n_embd if "norm" in parts else 0
    layer = 0
    if "attention" in parts:
        layer += 4 * n_embd**2 + 2 * n_embd * read + 8 * config.n_head * read + norm + 6 * n_embd
    if "mlp" in parts:
        layer += 8 * n_embd**2 + norm + 10 * n_embd
    last = config.vocab_size * n_embd + 6 * config.vocab_size
    return 3 * n_embd + config.n_layer * layer + last


_LONGEST = 500
"""Characters of a name that are read; no name is as long."""
_NAME = re.compile(r"(?P<base>.*?)(?P<path>(?:\[[0-9]{1,9}\])*)", re.DOTALL)
_INDEX = re.compile(r"[0-9]+")


def _size_order(number: float) -> tuple[bool, float]:
    """Sorts the largest in size first, and nan before all others."""
    return not math.isnan(number), -abs(number)


def _path(within: Any, number: int) -> tuple[int, ...] | None:
    """The indices of a number in nested lists; None if it is not there."""
    if within == number:
        return ()
    for index, each in enumerate(within if isinstance(within, list) else ()):
        path = _path(each, number)
        if path is not None:
            return (index, *path)
    return None
